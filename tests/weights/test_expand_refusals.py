"""Bad input: one clear line, the right exit code, and nothing written. Each stands beside what is accepted."""

import json
import pickle
import resource
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from small import BERT, GPT2, WIDER, checkpoint, expand, files, weights_of

COMMAND = [sys.executable, "-m", "rewriter", "expand"]


def refused(tmp_path, source, message, *options, to=WIDER, code=2, out="out"):
    """Run the command; it must say `message` and leave everything as it was."""
    before = files(tmp_path)
    done = expand(source, "--to", to, "-o", tmp_path / out, *options)
    assert done.exit_code == code, done.output
    lines = done.stderr.strip().splitlines()
    assert lines[0].startswith("error: ") and message in lines[0]
    assert len(lines) <= 2 and "Traceback" not in done.output  # the second one is a hint
    assert files(tmp_path) == before
    assert not list(tmp_path.rglob(".rewriter-*")) and not (tmp_path / out / "config.json").exists()
    return lines


def test_what_is_accepted(tmp_path):
    """The twin of all that follow."""
    done = expand(checkpoint(tmp_path / "a"), "--to", WIDER, "-o", tmp_path / "out", "--exact")
    assert done.exit_code == 0, done.stderr
    assert set(map(str, files(tmp_path / "out"))) == {"model.safetensors", "config.json", "expansion.json"}


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("hidden_size=4", "the target is smaller: hidden_size 4"),
        ("num_hidden_layers=1", "the target is smaller: num_hidden_layers 1"),
        ("intermediate_size=11", "the target is smaller: intermediate_size 11"),
        ("num_attention_heads=1", "the target is smaller: num_attention_heads 1"),
        ("hidden_size=8,num_attention_heads=4", "4 heads of 2 units"),
        ("hidden_size=16,num_attention_heads=3", "3 heads do not divide a hidden size of 16"),
        ("vocab_size=12", "vocab_size is 12, and the source's is 11"),
        ("max_position_embeddings=8", "max_position_embeddings is 8"),
        ("type_vocab_size=3", "type_vocab_size is 3"),
        ("hidden_size=0", "no positive whole number"),
        ("hidden_size=16.5", "no positive whole number"),
        ("hidden_size=true", "no positive whole number"),
        ("hidden_size=", "gives no number"),
        ("hidden_size=wide", "gives no number"),
        ("dropout=1", "dropout is no size"),
        ("missing.json", "No such file"),
    ],
)
def test_targets(tmp_path, to, message):
    refused(tmp_path, checkpoint(tmp_path / "a"), message, to=to)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "n_embd is missing|gpt2 model"),
        ({"model_type": "roberta"}, "model_type 'roberta' cannot grow"),
        ({"position_embedding_type": "relative_key"}, "relative positions"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu', and the source's is 'gelu'"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
        ({"hidden_size": None}, "hidden_size is missing"),
    ],
)
def test_target_files(tmp_path, change, message):
    target = tmp_path / "large.json"
    target.write_text(json.dumps({**BERT, "hidden_size": 16, **change}))
    lines = refused(tmp_path, checkpoint(tmp_path / "a"), "", to=target)
    assert any(part in lines[0] for part in message.split("|"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_target_files_that_are_no_configuration(tmp_path, content):
    (tmp_path / "large.json").write_bytes(content)
    refused(tmp_path, checkpoint(tmp_path / "a"), "large.json: no JSON", to=tmp_path / "large.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position_embedding_type": "relative_key_query"}, "relative positions"),
        ({"add_cross_attention": True}, "cross-attention"),
        ({"model_type": "albert"}, "model_type 'albert' cannot grow"),
        ({"num_hidden_layers": 1}, "its configuration says 1 layers"),
        ({"num_hidden_layers": 3}, "tensor encoder.layer.2.attention.self.query.weight and 15 more is missing"),
        ({"hidden_size": 10}, "embeddings.LayerNorm.bias has the shape [8], and the configuration says [10]"),
        ({"vocab_size": 12}, "and the configuration says [12, 8]"),
        ({"num_attention_heads": 3}, "3 heads do not divide"),
        ({"tie_word_embeddings": False}, ""),
    ],
)
def test_configurations_that_are_not_the_checkpoints(tmp_path, change, message):
    folder = checkpoint(tmp_path / "a")
    (folder / "config.json").write_text(json.dumps({**BERT, **change}))
    if not message:  # the twin: a decoder in the file may be one of its own
        assert expand(folder, "--to", WIDER, "-o", tmp_path / "out").exit_code == 0
        return
    refused(tmp_path, folder, message)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda found: found.pop("bert.embeddings.LayerNorm.bias"), "embeddings.LayerNorm.bias is missing"),
        (lambda found: found.pop("bert.pooler.dense.bias"), "pooler.dense.bias is missing"),
        (lambda found: found.update(adapter=np.ones(2, np.float32)), "unknown tensor adapter"),
        (lambda found: found.update({"bert.encoder.layer.0.crossattention.x": np.ones(2)}), "unknown tensor"),
        (lambda found: found.update({"bert.encoder.layer.0.wrong.bias": np.ones(2)}), "unknown tensor"),
        (lambda found: found.update({"bert.pooler.dense.bias": np.ones(3)}), "pooler.dense.bias has the shape [3]"),
        (lambda found: found.update({"bert.pooler.dense.bias": np.ones((8, 1))}), "has the shape [8, 1]"),
        (lambda found: found.update({"bert.pooler.dense.bias": np.ones(8, np.int8)}), "is int8; only floating"),
        (
            lambda found: found.update({"cls.predictions.decoder.weight": np.ones((11, 8), np.float32)}),
            "is not embeddings.word_embeddings.weight, and the configuration ties the two",
        ),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, edit, message):
    weights = weights_of(BERT)
    edit(weights)
    refused(tmp_path, checkpoint(tmp_path / "a", weights=weights), message)


def test_an_untied_model_needs_its_decoder(tmp_path):
    weights = weights_of(BERT)
    del weights["cls.predictions.decoder.weight"]
    folder = checkpoint(tmp_path / "a", {**BERT, "tie_word_embeddings": False}, weights=weights)
    refused(tmp_path, folder, "cls.predictions.decoder.weight is missing")


@pytest.mark.parametrize("length", [0, 7, 8, 100, -1, -1000])
def test_truncated_files(tmp_path, length):
    folder = checkpoint(tmp_path / "a")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:length])
    refused(tmp_path, folder, "cannot be read as safetensors")


def test_a_header_of_an_unknown_dtype(tmp_path):
    folder = checkpoint(tmp_path / "a")
    text = json.dumps({"x": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"\0")
    refused(tmp_path, folder, "dtype F8_E4M3")


class Bomb:
    """Whoever unpickles it leaves a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.pkl", "model.ckpt"])
@pytest.mark.parametrize("by", ["file", "folder"])
def test_pickles_are_never_executed(tmp_path, name, by):
    folder = checkpoint(tmp_path / "a")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    refused(tmp_path, folder / name if by == "file" else folder, "a pickle, which could run anything")
    assert not (tmp_path / "executed").exists()
    pickle.loads((folder / name).read_bytes()).close()  # it would have
    assert (tmp_path / "executed").exists()


def test_places_without_a_checkpoint(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    refused(tmp_path, tmp_path / "empty", "no checkpoint in this folder")
    refused(tmp_path, tmp_path / "absent", "no such checkpoint")
    refused(tmp_path, tmp_path / "notes.txt", "no checkpoint")


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no checkpoint", bytes(range(256)) * 40], ids=["empty", "text", "bytes"])
def test_damaged_files_of_mindspore(tmp_path, content):
    folder = checkpoint(tmp_path / "a")
    (folder / "model.safetensors").unlink()
    (folder / "model.ckpt").write_bytes(content)
    refused(tmp_path, folder, "cannot be read as a MindSpore checkpoint")


def test_a_checkpoint_without_a_configuration(tmp_path):
    folder = checkpoint(tmp_path / "a")
    (folder / "config.json").unlink()
    refused(tmp_path, folder, "config.json: no such file")


def test_several_checkpoints_in_a_folder(tmp_path):
    folder = checkpoint(tmp_path / "a")
    for name in ("one", "two"):
        save_file(weights_of(BERT), folder / f"{name}.safetensors")
    (folder / "model.safetensors").unlink()
    refused(tmp_path, folder, "2 checkpoints")
    assert expand(folder / "one.safetensors", "--to", WIDER, "-o", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "lists no shards"),
        ({"x": "gone.safetensors"}, "is missing"),
        ({"x": "../a.safetensors"}, "not in its folder"),
    ],
)
def test_damaged_indices(tmp_path, weights, message):
    folder = checkpoint(tmp_path / "a")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    refused(tmp_path, folder, message)


def test_fpi_is_not_exact_between_multiples(tmp_path):
    """The nearest exact width is named; GPT-2 has a method that is exact there, which is the twin."""
    folder = checkpoint(tmp_path / "a")
    to = "hidden_size=12,num_attention_heads=3"
    refused(tmp_path, folder, "the nearest exact width is 16", "--exact", to=to, code=1)
    assert expand(folder, "--to", to, "-o", tmp_path / "inexact").exit_code == 0
    other = checkpoint(tmp_path / "b", GPT2)
    refused(tmp_path, other, "the nearest exact width is 16", "--exact", to="n_embd=12,n_head=3", code=1)
    exact = expand(other, "--to", "n_embd=12,n_head=3", "--method", "average", "--exact", "-o", tmp_path / "exact")
    assert exact.exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "nothing"), "--method nothing: no such weight pass"),
        (("--method", "identity"), "--method identity: no such weight pass"),
        (("--depth", "fpi"), "--depth fpi: no such weight pass"),
        (("--shares", "odd"), "--shares odd: even or uneven"),
        (("--keys", "torch"), "--keys torch: no such spelling"),
        (("--shard-size", "2 apples"), "--shard-size 2 apples: no size"),
        (("--explain", "pooler.dense.bias"), "no element"),
        (("--explain", "pooler.dense.bias[16]"), "no element"),
        (("--explain", "nothing[1]"), "the target has no tensor nothing"),
    ],
)
def test_options(tmp_path, options, message):
    refused(tmp_path, checkpoint(tmp_path / "a"), message, *options)


def test_no_place(tmp_path):
    done = expand(checkpoint(tmp_path / "a"), "--to", WIDER)
    assert done.exit_code == 2 and "no place for the result" in done.stderr


def test_what_exists_is_left_unless_forced(tmp_path):
    folder = checkpoint(tmp_path / "a")
    (tmp_path / "out").mkdir()
    assert expand(folder, "--to", WIDER, "-o", tmp_path / "out").exit_code == 0  # an empty folder holds nothing
    (tmp_path / "out" / "notes.txt").write_text("mine")
    before = files(tmp_path)
    done = expand(folder, "--to", "hidden_size=16", "-o", tmp_path / "out")
    assert done.exit_code == 2 and "it exists" in done.stderr and files(tmp_path) == before
    assert expand(folder, "--to", "hidden_size=16", "-o", tmp_path / "out", "--force").exit_code == 0
    after = files(tmp_path / "out")
    assert after.keys() == {path.relative_to("out") for path in before if path.parts[0] == "out"}
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "out" / "config.json").read_bytes())["intermediate_size"] == 12


def test_files_that_exist(tmp_path):
    folder, out = checkpoint(tmp_path / "a"), tmp_path / "b" / "large.safetensors"
    assert expand(folder, "--to", WIDER, "-o", out).exit_code == 0
    (tmp_path / "b" / "large.safetensors").unlink()
    refused_ = expand(folder, "--to", WIDER, "-o", out)
    assert refused_.exit_code == 2 and "config.json: it exists" in refused_.stderr
    assert expand(folder, "--to", WIDER, "-o", out, "--force").exit_code == 0


@pytest.mark.parametrize("name", ["a", "a/model.safetensors", "a/large.safetensors"])
def test_the_source_is_never_written_to(tmp_path, name):
    folder = checkpoint(tmp_path / "a")
    before = files(tmp_path)
    done = expand(folder, "--to", WIDER, "-o", tmp_path / name, "--force")
    assert done.exit_code == 2 and "the source is in this folder" in done.stderr
    assert files(tmp_path) == before


def test_another_checkpoint_in_the_place_is_not_mixed_with(tmp_path):
    folder = checkpoint(tmp_path / "a")
    assert expand(folder, "--to", WIDER, "-o", tmp_path / "out", "--shard-size", "4KB").exit_code == 0
    before = files(tmp_path)
    done = expand(folder, "--to", WIDER, "-o", tmp_path / "out", "--force")
    assert done.exit_code == 2 and "it holds another checkpoint" in done.stderr and files(tmp_path) == before


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    refused(tmp_path, checkpoint(tmp_path / "a"), "cannot be written", out="file/out")


FULL = [
    pytest.param("out", 1_000, id="early"),
    pytest.param("out", 30_000, id="in-the-midst"),
    pytest.param("out.ckpt", 30_000, id="MindSpore", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "limit"), FULL)
def test_a_disk_that_is_full(tmp_path, name, limit):
    """The system refuses to let a file grow, early and in the midst: nothing is left, the new parent folder neither."""
    folder = checkpoint(tmp_path / "a", {**BERT, "hidden_size": 32})
    to, out = "hidden_size=64,num_attention_heads=4", tmp_path / "new" / name
    done = subprocess.run(
        [*COMMAND, str(folder), "--to", to, "-o", str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(f"error: {out}: cannot be written (")
    assert "File too large" in done.stderr and len(done.stderr.splitlines()) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    assert expand(folder, "--to", to, "-o", out).exit_code == 0  # the twin, without the limit
