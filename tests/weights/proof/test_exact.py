"""Plans that preserve the function do: to rounding in both precisions, on weights that hide nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from growing import BERT, GPT2, bert, carried_out, gpt2, plan, proved
from rewriter_passes.weights.average import Average
from rewriter_passes.weights.fpi import Fpi
from rewriter_passes.weights.identity import Identity

from rewriter.equivalence.statistics import Status
from rewriter.weights.proof.models import Model
from rewriter.weights.proof.verdict import ExpansionVerdict

BERT_TARGETS: dict[str, dict[str, Any]] = {
    "2x": {"hidden_size": 48, "num_attention_heads": 6},
    "3x, intermediate 60 to 200": {"hidden_size": 72, "num_attention_heads": 9, "intermediate_size": 200},
    "larger heads": {"hidden_size": 48},
    "intermediate only": {"intermediate_size": 97},
    "more and larger heads": {"hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 61},
}
BERT_HEADS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "pretraining, tied": (("pooler", "mlm", "nsp"), {}),
    "masked, untied": (("mlm", "decoder"), {"tie_word_embeddings": False}),
    "classifier": (("pooler", "classifier"), {}),
    "tokens": (("classifier",), {}),
    "answers": (("answers",), {}),
}
GPT2_TARGETS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "fpi 2x": (Fpi, {"n_embd": 48, "n_head": 6}),
    "fpi 2x, larger heads": (Fpi, {"n_embd": 48, "n_head": 4, "n_inner": 130}),
    "average 1.33x": (Average, {"n_embd": 32, "n_head": 4}),
    "average, inner only": (Average, {"n_inner": 111}),
    "average 2.5x": (Average, {"n_embd": 60, "n_head": 5}),
}
GPT2_KINDS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "tied": ((), {}),
    "untied": (("decoder",), {"tie_word_embeddings": False}),
    "unscaled scores": ((), {"scale_attn_weights": False}),
    "scores by layer": ((), {"scale_attn_by_inverse_layer_idx": True}),
    "classifier": (("score",), {}),
}


def crossed(targets: Iterable[str], kinds: Iterable[str]) -> list[tuple[str, str]]:
    """Every target with the first kind, and the first and the last target with every kind."""
    every, (first, *others) = list(targets), list(kinds)
    return [
        *((target, first) for target in every),
        *((target, kind) for target in (every[0], every[-1]) for kind in others),
    ]


def furthest(verdict: ExpansionVerdict, precision: str) -> float:
    return max(item.drift[precision] for item in verdict.outputs)


def assert_exact(verdict: ExpansionVerdict, *, bar: float = 1e-12) -> None:
    noise = max(item.noise for item in verdict.outputs)
    print(f" {furthest(verdict, 'float64'):.1e} {furthest(verdict, 'float32'):.1e} own noise {noise:.1e}", end=" ")
    assert verdict.ok, verdict.to_json()
    assert verdict.stored == "float64"
    assert furthest(verdict, "float64") <= bar
    assert furthest(verdict, "float32") <= 1e-5


@pytest.mark.parametrize(("target", "heads"), crossed(BERT_TARGETS, BERT_HEADS))
def test_bert_grows_wider(target: str, heads: str) -> None:
    names, settings = BERT_HEADS[heads]
    small = bert(*names, **settings)
    verdict = proved(small, plan(small, Fpi(), **BERT_TARGETS[target]))
    assert_exact(verdict)
    outputs = {item.output for item in verdict.outputs}
    assert {"hidden_states", "attentions", "last_hidden_state"} < outputs
    assert "mlm" not in names or {"prediction_logits", "loss"} < outputs
    assert "nsp" not in names or {"seq_relationship_logits", "pooler_output"} < outputs


def test_bert_with_heads_of_twice_the_size_as_published_models_have_them() -> None:
    small = bert("pooler", "mlm", hidden_size=384, num_attention_heads=12, num_hidden_layers=1, intermediate_size=512)
    assert_exact(proved(small, plan(small, Fpi(), hidden_size=768)))


@pytest.mark.parametrize(("target", "kind"), crossed(GPT2_TARGETS, GPT2_KINDS))
def test_gpt2_grows_wider(target: str, kind: str) -> None:
    names, settings = GPT2_KINDS[kind]
    width, changes = GPT2_TARGETS[target]
    small = gpt2(*names, **settings)
    verdict = proved(small, plan(small, width(), **changes))
    assert_exact(verdict)
    cached = {item.case for item in verdict.drifts if "cached" in item.case}
    assert len(cached) == 12  # three decodings: a prompt and three steps
    assert {"keys", "values", "attentions"} < {item.output for item in verdict.outputs}


def test_gpt2_of_more_layers_has_the_same_bits() -> None:
    small = gpt2(dtype="float32")
    verdict = proved(small, plan(small, Fpi(), Identity(), n_layer=5))
    assert verdict.status is Status.IDENTICAL
    assert furthest(verdict, "float64") == furthest(verdict, "float32") == 0.0


@pytest.mark.parametrize("layers", [3, 4, 7])
def test_bert_of_more_layers_is_the_same_up_to_epsilon(layers: int) -> None:
    small = bert("pooler", "mlm", "nsp")
    verdict = proved(small, plan(small, Fpi(), Identity(), num_hidden_layers=layers))
    assert_exact(verdict, bar=1e-10)
    assert furthest(verdict, "float64") > 0.0


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_width_and_depth_together(family: str) -> None:
    if family == "bert":
        small = bert("pooler", "mlm")
        made = plan(small, Fpi(), Identity(), hidden_size=48, num_attention_heads=4, num_hidden_layers=5)
    else:
        small = gpt2(scale_attn_by_inverse_layer_idx=True)
        made = plan(small, Average(), Identity(), n_embd=32, n_head=4, n_layer=5)
    assert_exact(proved(small, made), bar=1e-10 if family == "bert" else 1e-12)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_uneven_shares_stay_exact(family: str) -> None:
    small: Model
    if family == "bert":
        small, changes = bert("pooler", "mlm", "nsp"), {"hidden_size": 72, "num_attention_heads": 4}
    else:
        small, changes = gpt2(), {"n_embd": 48, "n_head": 4, "n_inner": 200}
    made = plan(small, Fpi(), shares="uneven", seed=3, **changes)
    assert len(np.unique(made.shares["hidden"])) == len(made.shares["hidden"])
    assert_exact(proved(small, made))
    even = plan(small, Fpi(), **changes)
    key = next(key for key in even.recipes if key.endswith(("output.dense.weight", "mlp.c_proj.weight")))
    assert not np.array_equal(carried_out(small, made).read(key), carried_out(small, even).read(key))


def test_weights_in_float32_may_round_when_they_are_stored() -> None:
    """A third and a root are no short numbers."""
    small = bert("pooler", "mlm", dtype="float32")
    verdict = proved(small, plan(small, Fpi(), hidden_size=72, num_attention_heads=6))
    assert verdict.ok and verdict.stored == "float32"
    assert 1e-8 < furthest(verdict, "float64") < 1e-5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_in_half_precision_are_exact_where_nothing_rounds(dtype: str) -> None:
    small = bert("pooler", "mlm", dtype=dtype)
    twice = proved(small, plan(small, Fpi(), hidden_size=48, num_attention_heads=6))
    assert twice.ok and twice.stored == dtype
    assert furthest(twice, "float64") < 1e-6  # half of float16's smallest numbers is none of its numbers
    thrice = proved(small, plan(small, Fpi(), hidden_size=72, num_attention_heads=9))
    assert thrice.status is Status.DIFFERENT and not thrice.claimed
    assert 1e-4 < furthest(thrice, "float64") < 0.2


def test_the_models_are_no_easy_ones() -> None:
    """Fresh norms and biases would hide errors; attention that is uniform would, too."""
    for small, key in ((bert(), "encoder.layer.0.output.LayerNorm.weight"), (gpt2(), "h.0.ln_2.weight")):
        assert np.ptp(small.read(key)) > 0.5
    assert BERT["intermediate_size"] % BERT["hidden_size"] and GPT2["n_embd"] % GPT2["n_head"] == 0
