"""Calls of the same shapes with other values."""

from __future__ import annotations

import numpy as np
import pytest

from rewriter.equivalence.cases import Case
from rewriter.equivalence.compiled import Observed
from rewriter.equivalence.other_values import CHANGES, variants
from rewriter.equivalence.statistics import OutputDifference, Status
from rewriter.equivalence.verdict import CaseResult, ModeResult, Verdict, method_runs

IDS = np.array([[5, 6, 7, 8], [9, 5, 7, 7]], np.int64)
FULL = np.ones((2, 4), np.int64)
RIGHT = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], np.int64)
PIXELS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 3, 4)


@pytest.fixture
def made():
    inputs = {
        "input_ids": IDS,
        "attention_mask": FULL,
        "encoder_attention_mask": RIGHT,
        "pixel_values": PIXELS,
        "labels": np.array([0, 2], np.int64),
        "past_key_values": ((PIXELS, PIXELS),),
        "nothing": None,
        "scalar": np.array(3.0, np.float32),
    }
    return dict(zip(CHANGES, variants(Case("Model/case", "Model", inputs)), strict=True))


def test_shapes_types_and_ranges_stay(made):
    for case in made.values():
        assert case.inputs["nothing"] is None
        assert case.id == "Model/case"
        for name, value in (("input_ids", IDS), ("attention_mask", FULL), ("pixel_values", PIXELS)):
            other = case.inputs[name]
            assert (other.shape, other.dtype) == (value.shape, value.dtype)
            assert other.flags["C_CONTIGUOUS"]
        assert {5, 6, 7, 8, 9} >= set(case.inputs["input_ids"].ravel().tolist())
        assert case.inputs["past_key_values"][0][1].shape == PIXELS.shape


def test_the_padding_changes_sides(made):
    assert made["turned"].inputs["encoder_attention_mask"].tolist() == [[0, 0, 0, 1], [0, 1, 1, 1]]
    assert made["turned"].inputs["labels"].tolist() == [2, 0]


def test_a_full_mask_gets_holes_and_another_becomes_full(made):
    assert made["others"].inputs["attention_mask"].tolist() == [[1, 0, 1, 0], [1, 0, 1, 0]]
    assert made["others"].inputs["encoder_attention_mask"].all()


def test_a_sum_changes_its_sign_and_becomes_zero(made):
    assert np.array_equal(made["others"].inputs["pixel_values"], -PIXELS)
    assert not made["alike"].inputs["pixel_values"].any()
    assert set(made["alike"].inputs["input_ids"].ravel().tolist()) == {5}


def test_the_same_every_time():
    case = Case("Model/case", "Model", {"input_ids": IDS})
    for one, other in zip(variants(case), variants(case), strict=True):
        assert np.array_equal(one.inputs["input_ids"], other.inputs["input_ids"])


SAME = CaseResult("A/one", "A", (ModeResult("jit", (OutputDifference("[0]", "values", Status.IDENTICAL, ""),)),))


def verdict(**seen):
    """A verdict on one method that was called twice."""
    methods = method_runs(["A.f"], Observed(calls={"A.f": 2}, **seen))
    return Verdict("a.py", "b.py", "quick", 0, cases=(SAME,), methods=methods)


def test_a_recording_that_was_not_tried_with_other_values_is_no_proof():
    assert verdict().ok
    assert not verdict(recorded={"A.f": 2}).ok
    assert verdict(recorded={"A.f": 2}, agreed={"A.f": 1}).ok


def test_what_two_processes_saw_is_added_up():
    one = Observed(calls={"A.f": 2}, recorded={"A.f": 1}, agreed={"A.f": 3})
    one.add(Observed(calls={"A.f": 1}, recorded={"A.f": 1, "B.f": 1}))
    assert (one.calls, one.recorded, one.agreed) == ({"A.f": 3}, {"A.f": 2, "B.f": 1}, {"A.f": 3})
