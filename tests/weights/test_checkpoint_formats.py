"""Files in and out: one, shards, MindSpore's; dtypes per tensor; buffers; the same bytes every time."""

import json

import numpy as np
import pytest
import xxhash
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from small import BERT, GPT2, WIDER, checkpoint, expand, files, grown, weights_of

from rewriter.weights.dtypes import numpy_dtype

GPT2_WIDER = "n_embd=16,n_head=4"


def same(one, other):
    return {key: (value.dtype, value.tobytes()) for key, value in one.items()} == {
        key: (value.dtype, value.tobytes()) for key, value in other.items()
    }


@pytest.mark.parametrize("options", [(), ("--shares", "uneven", "--seed", 3)], ids=["even", "uneven"])
def test_the_same_input_and_seed_give_the_same_bytes(tmp_path, options):
    folder = checkpoint(tmp_path / "a")
    for name in "bc":
        grown(folder, tmp_path / name, *options)
    assert files(tmp_path / "b") == files(tmp_path / "c")


def test_another_seed_gives_other_numbers(tmp_path):
    folder = checkpoint(tmp_path / "a")
    one, other = (grown(folder, tmp_path / n, "--shares", "uneven", "--seed", n) for n in "34")
    assert not same(one, other)
    shares = json.loads((tmp_path / "3" / "expansion.json").read_bytes())["shares"]["hidden"]
    assert np.allclose(np.add.reduce(np.reshape(shares, (2, 8))), 1) and len(set(shares)) == 16


def test_uneven_shares_of_units_that_are_not_copied_are_one(tmp_path):
    grown(checkpoint(tmp_path / "a"), tmp_path / "b", "--shares", "uneven", to="intermediate_size=20")
    shares = json.loads((tmp_path / "b" / "expansion.json").read_bytes())["shares"]
    assert shares["hidden"] == [1] * 8
    assert shares["intermediate"][8:12] == [1] * 4
    assert np.allclose(np.array(shares["intermediate"])[:8] + np.array(shares["intermediate"])[12:], 1)


def test_the_library_reads_what_is_written(tmp_path):
    folder = checkpoint(tmp_path / "a")
    grown(folder, tmp_path / "b")
    with safe_open(tmp_path / "b" / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}
        assert file.get_slice("bert.encoder.layer.0.output.dense.weight").get_shape() == [16, 20]
        assert len(file.keys()) == len(load_file(folder / "model.safetensors"))


def test_the_record_has_maps_relations_and_hashes(tmp_path):
    folder = checkpoint(tmp_path / "a")
    grown(folder, tmp_path / "b")
    record = json.loads((tmp_path / "b" / "expansion.json").read_bytes())
    assert record["method"] == "fpi" and record["exact"] and record["seed"] == 0
    assert record["maps"]["hidden"] == [*range(8), *range(8)]
    assert record["maps"]["intermediate"] == [*range(12), *range(8)]
    assert record["relations"]["last_hidden"]["index"] == record["maps"]["hidden"]
    assert record["relations"]["heads"] == [0, 1, 0, 1]
    for name, place in (("source", folder), ("target", tmp_path / "b")):
        digest = xxhash.xxh3_128((place / "model.safetensors").read_bytes()).hexdigest()
        assert record[name]["xxh3_128"] == {"model.safetensors": digest}


def test_the_result_has_its_configuration(tmp_path):
    folder = checkpoint(tmp_path / "a", {**BERT, "hidden_act": "gelu", "id2label": {"0": "yes"}})
    grown(folder, tmp_path / "b")
    wanted = {**BERT, "hidden_act": "gelu", "id2label": {"0": "yes"}} | {
        "hidden_size": 16,
        "num_attention_heads": 4,
        "intermediate_size": 20,
    }
    assert json.loads((tmp_path / "b" / "config.json").read_bytes()) == wanted


def test_a_configuration_file_is_what_sizes_say(tmp_path):
    folder = checkpoint(tmp_path / "a")
    target = tmp_path / "large.json"
    target.write_text(json.dumps({**BERT, "hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 20}))
    assert same(grown(folder, tmp_path / "b", to=target), grown(folder, tmp_path / "c"))


@pytest.mark.parametrize("config", [BERT, GPT2], ids=lambda config: config["model_type"])
def test_shards_in_and_out(tmp_path, config):
    to = WIDER if config is BERT else GPT2_WIDER
    folder = checkpoint(tmp_path / "a", config)
    whole = grown(folder, tmp_path / "b", to=to)
    done = expand(folder, "--to", to, "-o", tmp_path / "c", "--shard-size", "2KB")
    assert done.exit_code == 0, done.stderr
    shards = sorted((tmp_path / "c").glob("*.safetensors"))
    index = json.loads((tmp_path / "c" / "model.safetensors.index.json").read_bytes())
    assert len(shards) > 3 and {path.name for path in shards} == set(index["weight_map"].values())
    assert same({key: value for path in shards for key, value in load_file(path).items()}, whole)
    for number, path in enumerate((tmp_path / "c", tmp_path / "c" / "model.safetensors.index.json")):
        again = grown(path, tmp_path / f"d{number}", to="num_hidden_layers=3")
        assert same(again, grown(tmp_path / "b", tmp_path / f"e{number}", to="num_hidden_layers=3"))


def test_a_file_as_the_result(tmp_path):
    folder = checkpoint(tmp_path / "a")
    done = expand(folder / "model.safetensors", "--to", WIDER, "-o", tmp_path / "new" / "large.safetensors")
    assert done.exit_code == 0, done.stderr
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "large.safetensors",
        "large.expansion.json",
        "config.json",
    }
    assert same(load_file(tmp_path / "new" / "large.safetensors"), grown(folder, tmp_path / "b"))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_each_dtype_stays(tmp_path, dtype):
    found = grown(checkpoint(tmp_path / "a", dtype=dtype), tmp_path / "b")
    kinds = {key: value.dtype for key, value in found.items()}
    assert kinds.pop("bert.embeddings.position_ids") == np.int64
    assert set(kinds.values()) == {numpy_dtype(dtype)}
    source = load_file(tmp_path / "a" / "model.safetensors")["bert.pooler.dense.weight"]
    wanted = np.tile(source, (2, 2)) * source.dtype.type(0.5)
    assert found["bert.pooler.dense.weight"].tobytes() == wanted.tobytes()


def test_dtypes_are_mixed_and_the_first_tensor_is_whole_numbers(tmp_path):
    """A dtype taken from the first tensor, `position_ids`, would make whole numbers of all weights."""
    weights = weights_of(BERT)
    weights["bert.pooler.dense.bias"] = weights["bert.pooler.dense.bias"].astype(np.float16)
    found = grown(checkpoint(tmp_path / "a", weights=weights), tmp_path / "b")
    assert {key: value.dtype for key, value in found.items()} == {key: value.dtype for key, value in weights.items()}
    assert np.array_equal(found["bert.embeddings.position_ids"], weights["bert.embeddings.position_ids"])


def test_buffers_of_gpt2_are_copied_for_each_layer(tmp_path):
    weights = weights_of(GPT2)
    found = grown(checkpoint(tmp_path / "a", GPT2), tmp_path / "b", to="n_embd=16,n_layer=4")
    for layer in range(4):
        for name in ("bias", "masked_bias"):
            mask = found[f"transformer.h.{layer}.attn.{name}"]
            assert mask.tobytes() == weights[f"transformer.h.0.attn.{name}"].tobytes()
            assert mask.dtype == weights[f"transformer.h.0.attn.{name}"].dtype


def test_a_tied_decoder_in_the_file_grows_like_the_embedding(tmp_path):
    found = grown(checkpoint(tmp_path / "a"), tmp_path / "b")
    embedding = found["bert.embeddings.word_embeddings.weight"]
    assert found["cls.predictions.decoder.weight"].tobytes() == embedding.tobytes()


def test_half_precision_is_exact_where_factors_do_not_round(tmp_path):
    folder = checkpoint(tmp_path / "a", dtype="bfloat16")
    twice = expand(folder, "--to", "hidden_size=16,num_attention_heads=4", "--exact", "-o", tmp_path / "b")
    thrice = expand(folder, "--to", "hidden_size=24,num_attention_heads=6", "--exact", "-o", tmp_path / "c")
    assert (twice.exit_code, thrice.exit_code) == (0, 1)
    assert "stored as bfloat16" in thrice.stderr


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_mindspores_own_format_in_and_out(tmp_path, dtype):
    folder = checkpoint(tmp_path / "a", dtype=dtype)
    whole = grown(folder, tmp_path / "b", "--keys", "mindspore")
    done = expand(folder, "--to", WIDER, "--keys", "mindspore", "-o", tmp_path / "c" / "large.ckpt")
    assert done.exit_code == 0, done.stderr
    import mindspore

    loaded = mindspore.load_checkpoint(str(tmp_path / "c" / "large.ckpt"))
    assert {key: value.shape for key, value in loaded.items()} == {key: value.shape for key, value in whole.items()}
    done = expand(tmp_path / "c" / "large.ckpt", "--to", WIDER, "-o", tmp_path / "d.safetensors")
    assert done.exit_code == 0, done.stderr
    assert same(load_file(tmp_path / "d.safetensors"), whole)
    again = expand(tmp_path / "c", "--to", "num_hidden_layers=3", "-o", tmp_path / "e")  # a folder keeps the format
    assert again.exit_code == 0, again.stderr
    assert {path.name for path in (tmp_path / "e").iterdir()} == {"model.ckpt", "config.json", "expansion.json"}


def test_metadata_is_kept(tmp_path):
    folder = checkpoint(tmp_path / "a")
    save_file(weights_of(BERT), folder / "model.safetensors", {"format": "np", "note": "mine"})
    grown(folder, tmp_path / "b")
    with safe_open(tmp_path / "b" / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "np", "note": "mine"}
