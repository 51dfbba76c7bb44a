"""How drift is measured and judged, case by case, on numbers made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from growing import bert, carried_out, gpt2, plan, proved
from rewriter_passes.weights.fpi import Fpi
from rewriter_passes.weights.stack import Stack

from rewriter.equivalence.statistics import Status
from rewriter.weights.model import Sizes
from rewriter.weights.proof.cases import cases_for
from rewriter.weights.proof.checker import judge
from rewriter.weights.proof.claim import Claim
from rewriter.weights.proof.comparison import distance
from rewriter.weights.proof.inputs import Inputs, labels_for
from rewriter.weights.proof.models import Model
from rewriter.weights.proof.numerics import IGNORED
from rewriter.weights.proof.relations import counted
from rewriter.weights.proof.verdict import Drift, ExpansionVerdict, allowed

SIZES = Sizes(hidden=24, heads=3, layers=2, intermediate=60, vocabulary=37, positions=16, types=2)
FIELDS: dict[str, Any] = {"source": "a", "out": "b", "method": "fpi", "stored": "float32", "claimed": True}


def drift(float64: float, float32: float) -> Drift:
    bars = {"float64": 1e-12, "float32": 1e-5}
    return Drift("logits", "one", {"float64": float64, "float32": float32}, 1e-7, bars, 8)


def test_distance_is_relative_to_the_largest_value() -> None:
    assert distance(np.array([1.0, -4.0]), np.array([1.0, -3.0])) == 0.25
    assert distance(np.zeros(2), np.zeros(2)) == 0.0
    assert distance(np.zeros(2), np.array([0.0, 1e-30])) == float("inf")
    assert distance(np.ones(2), np.array([1.0, np.nan])) == float("inf")


@pytest.mark.parametrize(
    ("stored", "precision", "noise", "slack", "expected"),
    [
        ("float64", "float64", 1e-7, 0.0, 1e-12),
        ("float64", "float32", 1e-7, 0.0, 1e-5),
        ("float32", "float64", 1e-7, 0.0, 1e-5),
        ("bfloat16", "float64", 1e-7, 0.0, 1e-5),
        ("float32", "float32", 1e-4, 0.0, 4e-4),
        ("float32", "float32", 1.0, 0.0, 1e-3),
        ("float64", "float64", 1e-7, 1e-10, 1.01e-10),
        ("float64", "float64", 1e-7, 1.0, 1e-5),
    ],
)
def test_what_is_allowed(stored: str, precision: str, noise: float, slack: float, expected: float) -> None:
    assert allowed(stored, precision, noise, slack) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (drift(0.0, 0.0), Status.IDENTICAL),
        (drift(9e-13, 9e-6), Status.EQUIVALENT),
        (drift(2e-12, 0.0), Status.DIFFERENT),
        (drift(0.0, 2e-5), Status.DIFFERENT),
        (drift(float("inf"), 0.0), Status.DIFFERENT),
    ],
)
def test_the_status_of_a_drift(item: Drift, status: Status) -> None:
    verdict = ExpansionVerdict(**FIELDS, drifts=(item,))
    assert item.status is verdict.status is status
    assert verdict.ok == (status is not Status.DIFFERENT)
    json.dumps(verdict.to_json(), allow_nan=False)


def test_nothing_is_good_without_a_claim_or_with_a_problem() -> None:
    good = ExpansionVerdict(**FIELDS, drifts=(drift(0.0, 0.0),))
    assert good.ok
    assert replace(good, claimed=False).status is Status.UNVERIFIED
    assert replace(good, unverified=("not finite",)).status is Status.UNVERIFIED
    assert replace(good, problems=("missing",)).status is Status.DIFFERENT
    assert replace(good, drifts=()).status is Status.UNVERIFIED


def test_padding_does_not_count() -> None:
    inputs = Inputs(np.zeros((2, 3), np.int64), np.array([[1, 1, 0], [0, 1, 1]]))
    for name, shape in (("last_hidden_state", (2, 3, 5)), ("attentions[0]", (2, 4, 3, 3)), ("keys[0]", (2, 4, 3, 5))):
        values = np.zeros(shape)
        tokens = values if values.ndim == 3 else values.swapaxes(1, 2)
        tokens[0, 2] = tokens[1, 0] = 7.0
        assert counted(name, values, inputs).shape[0] == 4
        assert not counted(name, values, inputs).any()
        tokens[1, 2] = 1.0
        assert counted(name, values, inputs).any()


def test_labels_are_where_a_token_is_read_and_one_before_it() -> None:
    ids = np.array([[5, 6, 7, 8]])
    assert labels_for(ids, None).tolist() == [[5, 6, 7, 8]]
    assert labels_for(ids, np.array([[0, 1, 1, 0]])).tolist() == [[IGNORED, IGNORED, 7, IGNORED]]


def test_decoding_step_by_step_gives_what_one_call_gives() -> None:
    """Where the cache and the cut masks and positions are right, nothing changes for the tokens that count."""
    small = gpt2()
    for case in (case for case in cases_for("gpt2", SIZES) if case.cuts):
        *_, last = small.ask([case], "float64")
        (whole,) = small.ask([replace(case, cuts=())], "float64")
        for name in ("logits", "attentions[1]", "keys[1]"):
            new = whole.answers[name]
            new = new if name.startswith("keys") else new[..., -2:, :]
            assert distance(counted(name, new, last.inputs), counted(name, last.answers[name], last.inputs)) < 1e-13


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_matrix_has_what_the_contract_names(family: str) -> None:
    cases = cases_for(family, SIZES)
    names = " ".join(case.id for case in cases)
    assert len({case.id for case in cases}) == len(cases)
    for part in ("none", "ones", "right-padded", "left-padded", "holed", "batch=1/seq=1", "positions"):
        assert part in names
    assert ("types" in names) == (family == "bert") and ("cached" in names) == (family == "gpt2")
    assert all((case.inputs.mask is None or case.inputs.mask.any(axis=1).all()) for case in cases)
    assert any(case.inputs.labels is not None for case in cases)
    tiny = cases_for(family, replace(SIZES, positions=2, types=1, vocabulary=2))
    assert all(case.inputs.ids.shape[1] <= 2 for case in tiny)
    assert max(case.inputs.ids.shape[1] for case in cases_for(family, replace(SIZES, positions=99), full=True)) == 99
    again = cases_for(family, SIZES)
    assert all(np.array_equal(one.inputs.ids, other.inputs.ids) for one, other in zip(cases, again, strict=True))


def test_a_layer_without_a_counterpart_is_left_alone_and_drift_is_told() -> None:
    small = bert("pooler")
    verdict = proved(small, plan(small, Fpi(), Stack(), num_hidden_layers=4))
    assert verdict.status is Status.DIFFERENT and verdict.inexact
    assert verdict.largest is not None and verdict.largest.drift["float64"] > 0.1


def test_an_answer_that_is_missing_or_new_is_told() -> None:
    small = bert("pooler", "nsp")
    made = plan(small, Fpi(), hidden_size=48, num_attention_heads=6)
    large, cases = carried_out(small, made), cases_for("bert", SIZES)[:1]

    def without(model: Model, part: str) -> Model:
        slots = {key: slot for key, slot in model.view.slots.items() if not key.startswith(part)}
        return replace(model, view=replace(model.view, slots=slots))

    claim = Claim.of_plan(made)
    for source, target, words in (
        (small, without(large, "cls."), "does not answer seq_relationship_logits"),
        (without(small, "cls."), large, "answers seq_relationship_logits, the smaller one does not"),
    ):
        verdict = judge(source, target, claim, cases)
        assert verdict.status is Status.DIFFERENT
        assert any(words in line for line in verdict.problems)


def test_a_source_that_is_not_finite_proves_nothing() -> None:
    small = bert()
    key = "embeddings.word_embeddings.weight"
    broken = Model(small.view, lambda name: np.full_like(small.read(name), np.nan) if name == key else small.read(name))
    verdict = proved(broken, plan(broken, Fpi(), hidden_size=48))
    assert not verdict.ok and verdict.unverified
