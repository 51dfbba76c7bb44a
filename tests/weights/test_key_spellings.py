"""The same tensors by the keys of every library."""

import pytest
from safetensors.numpy import load_file
from small import BERT, GPT2, WIDER, checkpoint, expand, grown, weights_of

from rewriter.errors import RewriterError
from rewriter.weights.families import FAMILIES
from rewriter.weights.keys import Spelling, canonical, canonicals, parse, spelling_of

HF = Spelling()
MINDSPORE = Spelling(gamma=True, table=True)
TENSORFLOW = Spelling(gamma=True)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("bert.encoder.layer.0.output.LayerNorm.gamma", "encoder.layer.0.output.LayerNorm.weight"),
        ("embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias"),
        ("bert.embeddings.word_embeddings.embedding_table", "embeddings.word_embeddings.weight"),
        ("transformer.h.11.ln_2.gamma", "h.11.ln_2.weight"),
        ("wte.embedding_table", "wte.weight"),
        ("transformer.h.0.attn.bias", "h.0.attn.bias"),
        ("cls.predictions.transform.LayerNorm.beta", "cls.predictions.transform.LayerNorm.bias"),
        ("cls.predictions.bias", "cls.predictions.bias"),
        ("lm_head.weight", "lm_head.weight"),
        ("something.gamma", "something.gamma"),
    ],
)
def test_canonical_keys(written, wanted):
    assert canonical(written) == wanted


@pytest.mark.parametrize("config", [BERT, GPT2], ids=lambda config: config["model_type"])
@pytest.mark.parametrize("spelling", [HF, MINDSPORE, TENSORFLOW, Spelling(prefix=True), Spelling(True, True, True)])
def test_every_spelling_is_recognised_and_kept(config, spelling):
    family = FAMILIES[config["model_type"]]
    wanted = set(weights_of(config, HF))
    written = [spelling.of(key, family) for key in wanted]
    assert set(canonicals(written, "it")) == wanted
    assert spelling_of(written) == spelling


@pytest.mark.parametrize(
    ("text", "family", "wanted"),
    [
        ("same", "bert", TENSORFLOW),
        ("hf", "bert", HF),
        ("mindnlp", "gpt2", HF),
        ("mindone", "bert", HF),
        ("mindone", "gpt2", MINDSPORE),
        ("mindspore", "bert", MINDSPORE),
        ("hf,prefix", "bert", Spelling(prefix=True)),
        ("same,prefix", "bert", Spelling(gamma=True, prefix=True)),
        ("mindspore,bare", "gpt2", MINDSPORE),
    ],
)
def test_what_the_option_asks_for(text, family, wanted):
    assert parse(text, FAMILIES[family], TENSORFLOW) == wanted


@pytest.mark.parametrize("text", ["", "torch", "hf,", "hf,none,", "HF"])
def test_no_such_spelling(text):
    if text == "hf,":
        assert parse(text, FAMILIES["bert"], HF) == HF
        return
    with pytest.raises(RewriterError, match="no such spelling"):
        parse(text, FAMILIES["bert"], HF)


def test_two_spellings_of_one_tensor(tmp_path):
    weights = weights_of(BERT)
    weights["embeddings.LayerNorm.gamma"] = weights["bert.embeddings.LayerNorm.weight"]
    done = expand(checkpoint(tmp_path / "a", weights=weights), "--to", WIDER, "-o", tmp_path / "b")
    assert done.exit_code == 2 and "two spellings of one tensor" in done.stderr


@pytest.mark.parametrize("config", [BERT, GPT2], ids=lambda config: config["model_type"])
@pytest.mark.parametrize("keys", ["hf", "mindspore", "mindspore,prefix", "mindone,bare"])
def test_results_differ_in_their_keys_alone(tmp_path, config, keys):
    to = WIDER if config is BERT else "n_embd=16"
    whole = grown(checkpoint(tmp_path / "a", config), tmp_path / "b", to=to)
    spelled = grown(tmp_path / "a", tmp_path / "c", "--keys", keys, to=to)
    assert {canonical(key): value.tobytes() for key, value in spelled.items()} == {
        canonical(key): value.tobytes() for key, value in whole.items()
    }
    family = FAMILIES[config["model_type"]]
    spelling = parse(keys, family, Spelling(prefix=True))
    assert set(spelled) == {spelling.of(canonical(key), family) for key in whole}


@pytest.mark.parametrize("spelling", [MINDSPORE, TENSORFLOW, HF])
def test_sources_in_every_spelling_give_the_same_result(tmp_path, spelling):
    whole = grown(checkpoint(tmp_path / "a"), tmp_path / "b", "--keys", "hf,bare")
    found = grown(checkpoint(tmp_path / "c", spelling=spelling), tmp_path / "d", "--keys", "hf,bare")
    assert {key: value.tobytes() for key, value in found.items()} == {
        key: value.tobytes() for key, value in whole.items()
    }
    kept = expand(tmp_path / "c", "--to", WIDER, "-o", tmp_path / "e")
    assert kept.exit_code == 0
    assert set(load_file(tmp_path / "e" / "model.safetensors")) == set(weights_of(BERT, spelling))
