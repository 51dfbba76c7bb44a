"""Comparing results: the rules for zeros, NaN, infinities, types and structure, and the figures."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rewriter.equivalence.policy import LEVELS, TOLERANCES, Policy, policy
from rewriter.equivalence.statistics import (
    Errors,
    Figures,
    Status,
    compare,
    compare_arrays,
    relative_distance,
    worst,
)
from rewriter.passes import Safety

ROOT = Path(__file__).resolve().parents[2]

# Without subnormal numbers: MindSpore's libraries flush them to zero in the whole process, which hypothesis notices.
FLOATS = hnp.arrays(
    np.float32,
    hnp.array_shapes(max_dims=3, max_side=4),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=False),
)
FINITE = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
)


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


class Output(OrderedDict):
    """A stand-in for a ModelOutput: fields that are None are no keys."""

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            if getattr(self, item.name) is not None:
                self[item.name] = getattr(self, item.name)

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(self.values())


@dataclass
class Plain(Output):
    logits: Any = None
    hidden_states: Any = None


@dataclass
class Swapped(Output):
    hidden_states: Any = None
    logits: Any = None


@given(FLOATS)
def test_an_array_is_identical_with_its_copy(array):
    item = compare_arrays(array, array.copy(), path="x")
    assert item.status is Status.IDENTICAL
    assert (item.absolute, item.relative, item.excess, item.mismatches) == (Figures(), Figures(), 0.0, 0)
    assert item.elements == array.size
    assert item.nonfinite == (int((~np.isfinite(array)).sum()),) * 2


@given(FLOATS, FLOATS)
def test_identical_means_the_same_bits_up_to_nan(one, other):
    item = compare_arrays(one, other, path="x")
    if one.shape != other.shape:
        assert (item.kind, item.status) == ("shape", Status.DIFFERENT)
        return
    nan = np.isnan(one) & np.isnan(other)
    same = ((one.view(np.uint32) == other.view(np.uint32)) | nan).all()
    assert (item.status is Status.IDENTICAL) == bool(same)


@given(FINITE, st.floats(0, 5e-6, allow_subnormal=False), st.integers(0, 2**31))
def test_the_tolerance_decides_element_by_element(array, size, seed):
    """Against the definition, written out."""
    noise = np.random.default_rng(seed).uniform(-size, size, array.shape)
    other = (array.astype(np.float64) + noise * np.maximum(1, np.abs(array))).astype(np.float32)
    item = compare_arrays(array, other, path="x")
    absolute = np.abs(array.astype(np.float64) - other.astype(np.float64))
    beyond = absolute > 2e-6 * np.maximum(1.0, np.abs(array.astype(np.float64)))
    assert item.mismatches == beyond.sum()
    assert (item.status is Status.DIFFERENT) == bool(beyond.any())
    assert item.absolute.maximum == absolute.max()
    assert item.absolute.mean == pytest.approx(absolute.mean(), rel=1e-12, abs=0)
    assert item.absolute.median == np.median(absolute)


@given(FLOATS, st.integers(0, 2**31))
@settings(max_examples=50)
def test_swapping_original_and_rewritten_never_turns_different_into_identical(array, seed):
    other = np.random.default_rng(seed).permutation(array.reshape(-1)).reshape(array.shape)
    one, back = compare_arrays(array, other, path="x"), compare_arrays(other, array, path="x")
    assert (one.status is Status.IDENTICAL) == (back.status is Status.IDENTICAL)
    np.testing.assert_array_equal(one.errors.absolute, back.errors.absolute)


def test_zeros():
    signed = compare_arrays(f32(0.0), f32(-0.0), path="x")
    assert (signed.status, signed.absolute, signed.relative) == (Status.EQUIVALENT, Figures(), Figures())
    from_zero = compare_arrays(f32(0.0, 2.0), f32(1e-7, 2.0), path="x")
    assert from_zero.status is Status.EQUIVALENT
    assert from_zero.absolute.maximum == pytest.approx(1e-7)
    assert from_zero.relative == Figures()  # the one relative error there is, that of 2.0, is 0
    assert compare_arrays(f32(0.0), f32(1e-5), path="x").status is Status.DIFFERENT


def test_nan_and_infinities():
    kept = compare_arrays(f32(np.nan, np.inf, -np.inf, 1.0), f32(np.nan, np.inf, -np.inf, 1.0000001), path="x")
    assert (kept.status, kept.mismatches, kept.nonfinite) == (Status.EQUIVALENT, 0, (3, 3))
    assert kept.errors.absolute.size == 1
    for wrong in (f32(1.0), f32(np.inf), f32(-np.inf)):
        item = compare_arrays(f32(np.nan), wrong, path="x")
        assert (item.status, item.mismatches, item.excess) == (Status.DIFFERENT, 1, np.inf)
        assert item.errors.absolute.size == 0
    assert compare_arrays(f32(np.inf), f32(-np.inf), path="x").status is Status.DIFFERENT
    assert compare_arrays(f32(3.4e38), f32(np.inf), path="x").status is Status.DIFFERENT


def test_integers_and_booleans_must_be_identical_however_large():
    large = np.array([2**60, 1], np.int64)
    assert compare_arrays(large, large.copy(), path="x").status is Status.IDENTICAL
    assert compare_arrays(large, large + 1, path="x").mismatches == 2
    assert compare_arrays(large, large + 1, Policy(1.0), path="x").status is Status.DIFFERENT
    assert compare_arrays(np.array([True]), np.array([False]), path="x").status is Status.DIFFERENT


def test_dtype_shape_and_emptiness():
    assert compare_arrays(f32(1), np.array([1.0]), path="x").kind == "dtype"
    assert compare_arrays(f32(1), f32(1).reshape(1, 1), path="x").kind == "shape"
    empty = np.zeros((0, 3), np.float32)
    assert compare_arrays(empty, empty, path="x").status is Status.IDENTICAL
    assert compare_arrays(empty, np.zeros((3, 0), np.float32), path="x").status is Status.DIFFERENT


def test_the_worst_place_is_named():
    one = np.zeros((2, 3), np.float32)
    other = one.copy()
    other[1, 2], other[0, 0] = 0.5, 0.25
    item = compare_arrays(one, other, path="x")
    assert "2 of 6 elements" in item.message
    assert "[1, 2]: 0.0 became 0.5" in item.message
    assert item.excess == pytest.approx(0.5 / 2e-6)


def statuses(items: list[Any]) -> dict[str, str]:
    return {item.path: f"{item.kind}:{item.status.value}" for item in items}


def test_structure_is_compared_before_numbers():
    x = f32(1, 2)
    assert statuses(compare((x, (x, None)), (x, (x, None)))) == {
        "[0]": "value:identical",
        "[1][0]": "value:identical",
        "[1][1]": "value:identical",
    }
    assert statuses(compare((x,), [x]))["output"] == "structure:different"
    assert statuses(compare((x, x), (x,)))["output"] == "structure:different"
    assert statuses(compare((x, None), (x, x)))["[1]"] == "structure:different"
    assert statuses(compare((x, x), (x, None)))["[1]"] == "structure:different"
    assert statuses(compare(x, (x,)))["output"] == "structure:different"
    assert statuses(compare(None, None)) == {"output": "value:identical"}
    assert statuses(compare(3, 4)) == {"output": "value:different"}
    assert statuses(compare(True, 1)) == {"output": "structure:different"}
    assert statuses(compare(float("nan"), float("nan"))) == {"output": "value:identical"}


def test_model_outputs_by_type_fields_and_order():
    x = f32(1)
    assert statuses(compare(Plain(x, (x,)), Plain(x, (x,)))) == {
        "logits": "value:identical",
        "hidden_states[0]": "value:identical",
    }
    assert statuses(compare(Plain(x), (x,)))["output"] == "structure:different"
    assert statuses(compare(Plain(x), Plain(x, (x,))))["output"] == "structure:different"
    assert statuses(compare(Plain(x), Swapped(logits=x)))["output"] == "structure:different"
    renamed = Swapped(logits=x)
    renamed.__class__ = type("Plain", (Swapped,), {})
    assert (
        statuses(compare(Plain(x), renamed))["output"] == "structure:different"
    )  # the declared fields are in another order
    Pair = namedtuple("Pair", "a b")
    assert statuses(compare(Pair(x, x), (x, x)))["output"] == "structure:different"
    assert statuses(compare({"a": x, "b": x}, {"b": x, "a": x}))["output"] == "structure:different"


def test_nested_outputs_have_paths_that_a_caller_would_write():
    x = f32(1)
    items = compare(Plain(Plain(x), (x, (x, x))), Plain(Plain(x), (x, (x, x))))
    assert [item.path for item in items] == [
        "logits.logits",
        "hidden_states[0]",
        "hidden_states[1][0]",
        "hidden_states[1][1]",
    ]
    assert [item.output for item in items] == ["logits.logits"] + ["hidden_states"] * 3
    assert [item.output for item in compare((x, (x,)), (x, (x,)))] == ["[0]", "[1]"]


def test_the_published_tolerances():
    assert policy("float32") == 2e-6
    assert policy("int64") == policy("bool") == 0.0
    assert sorted(TOLERANCES, key=policy) == ["float64", "float32", "float16", "bfloat16"]


def test_what_a_dtype_costs_the_original_is_allowed_besides():
    assert Policy(own_error=1e-2).tolerance("float16") == TOLERANCES["float16"] + 1e-2
    assert Policy(own_error=1e-2).tolerance("int64") == 0.0
    assert Policy(safety=Safety.EXACT, own_error=1e-2).tolerance("float16") == 0.0
    assert Policy(1e-4, own_error=1e-2).tolerance("float16") == 1e-4  # the user's word is the last one
    assert not Policy(own_error=1e-2).loosened


def test_a_distance_is_relative_to_what_is_expected_and_to_finite_numbers_only():
    assert relative_distance(f32(4.0), f32(5.0)) == 0.25
    assert relative_distance(f32(0.25), f32(0.5)) == 0.25
    assert relative_distance(f32(np.nan), f32(1.0)) == relative_distance(f32(np.inf), f32(1.0)) == 0.0


def test_a_users_tolerance_is_for_floats_and_loosening_shows():
    assert Policy(1e-3).tolerance("float32") == 1e-3
    assert Policy(1e-3).tolerance("int64") == 0.0
    assert Policy(1e-3).loosened
    assert not Policy(1e-12).loosened
    assert not Policy().loosened
    one, other = f32(1.0), f32(1.0005)
    assert compare_arrays(one, other, path="x").status is Status.DIFFERENT
    assert compare_arrays(one, other, Policy(1e-3), path="x").status is Status.EQUIVALENT
    assert compare_arrays(one, f32(1.0000001), Policy(0.0), path="x").status is Status.DIFFERENT
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="at least 0"):
            Policy(wrong)


def test_the_worst_of_nothing_is_unverified():
    assert worst([]) is Status.UNVERIFIED
    assert worst([Status.IDENTICAL, Status.EQUIVALENT]) is Status.EQUIVALENT
    assert worst([Status.UNVERIFIED, Status.EQUIVALENT]) is Status.UNVERIFIED
    assert worst([Status.UNVERIFIED, Status.DIFFERENT]) is Status.DIFFERENT


def test_a_tolerance_is_loosened_where_it_is_above_the_published_one():
    assert Policy(1e-9).loosened_for == ("float64",)
    assert Policy(3e-6).loosened_for == ("float64", "float32")
    assert Policy(1.0).loosened_for == tuple(TOLERANCES)
    assert Policy(1e-9, Safety.EXACT).loosened_for == tuple(TOLERANCES)
    assert Policy(1e-3, Safety.APPROXIMATE).loosened_for == ()
    assert Policy(0.0, Safety.EXACT).loosened_for == ()
    for safety in Safety:
        assert not Policy(None, safety).loosened


def test_the_levels_are_ordered_and_know_the_same_dtypes():
    for dtype in TOLERANCES:
        exact, rounding, approximate = (Policy(None, safety).tolerance(dtype) for safety in Safety)
        assert 0.0 == exact < rounding < approximate
    assert all(list(LEVELS[safety]) == list(TOLERANCES) for safety in Safety)
    assert Policy(None, Safety.APPROXIMATE).tolerance("int64") == 0.0
    one, other = f32(1.0), f32(1.0005)
    assert compare_arrays(one, other, Policy(None, Safety.APPROXIMATE), path="x").status is Status.EQUIVALENT
    assert compare_arrays(one, other, Policy(None, Safety.ROUNDING), path="x").status is Status.DIFFERENT


def test_exact_means_the_bits():
    exact = Policy(None, Safety.EXACT)
    assert compare_arrays(f32(0.0), f32(-0.0), exact, path="x").status is Status.DIFFERENT
    assert compare_arrays(f32(np.nan, 1.0), f32(-np.nan, 1.0), exact, path="x").status is Status.IDENTICAL
    item = compare_arrays(f32(1.0, 2.0), f32(1.0, np.nextafter(np.float32(2), np.float32(3))), exact, path="x")
    assert (item.status, item.mismatches) == (Status.DIFFERENT, 1)
    assert "1 of 2 elements are not the same" in item.message


def test_the_documented_table_is_the_code():
    text = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    rows = {
        cells[0]: cells[1:]
        for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines())
        if cells[0] in TOLERANCES
    }
    assert list(rows) == list(TOLERANCES)
    for dtype, (exact, rounding, approximate) in rows.items():
        assert exact == "0"
        assert float(rounding) == LEVELS[Safety.ROUNDING][dtype]
        assert float(approximate) == LEVELS[Safety.APPROXIMATE][dtype]


class Tensor:
    """A tensor of a dtype that numpy lacks."""

    def __init__(self, values: Any, dtype: str = "BFloat16") -> None:
        self.values, self.dtype, self.shape = values, dtype, values.shape

    def float(self) -> Tensor:
        return Tensor(self.values, "Float32")

    def asnumpy(self) -> Any:
        return self.values


def test_a_bfloat16_has_its_own_tolerance_and_no_ulp():
    (item,) = compare(Tensor(f32(1.0)), Tensor(f32(1.0078125)))
    assert (item.status, item.ulp) == (Status.EQUIVALENT, None)
    assert "1.6" in item.message or "0.016" in item.message
    (same,) = compare(Tensor(f32(1.0)), Tensor(f32(1.0)))
    assert (same.status, same.ulp) == (Status.IDENTICAL, None)
    (widened,) = compare(Tensor(f32(1.0)), Tensor(f32(1.0), "Float32"))
    assert (widened.kind, widened.message) == ("dtype", "dtype bfloat16 became float32")


def test_complex_numbers_must_be_identical_in_both_parts():
    one = np.array([1 + 1j, 2], np.complex64)
    assert compare_arrays(one, one.copy(), path="x").status is Status.IDENTICAL
    item = compare_arrays(one, np.array([1 + 2j, 2], np.complex64), path="x")
    assert (item.status, item.mismatches, item.absolute.maximum) == (Status.DIFFERENT, 1, 1.0)


def test_the_figures_of_identical_tensors_are_given_not_computed():
    item = compare_arrays(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32), path="x")
    assert (item.ulp, item.cosine, item.argmax, item.nonfinite) == (0, 1.0, 1.0, (0, 0))
    assert (item.errors.agreed, item.errors.positions) == (2, 2)
    assert item.errors.absolute.strides == (0,)  # six zeros in the memory of one
    whole = compare_arrays(np.ones(3, np.int64), np.ones(3, np.int64), path="x")
    assert (whole.ulp, whole.cosine, whole.argmax) == (None, 1.0, None)


def test_a_difference_in_structure_has_no_figures():
    (item,) = compare(f32(1), None)
    assert (item.ulp, item.cosine, item.argmax) == (None, None, None)


def test_figures_of_a_difference():
    item = compare_arrays(f32(1.0, 4.0), np.nextafter(f32(1.0, 4.0), f32(9.0, 9.0)), path="x")
    assert (item.ulp, item.argmax) == (1, 1.0)
    assert item.cosine == pytest.approx(1.0)
    turned = compare_arrays(f32(1.0, 0.0), f32(0.0, 1.0), path="x")
    assert (turned.cosine, turned.argmax) == (0.0, 0.0)
    broken = compare_arrays(f32(1.0, np.nan, 0.0), f32(np.inf, 2.0, -np.inf), path="x")
    assert (broken.nonfinite, broken.mismatches, broken.ulp, broken.cosine) == ((1, 2), 3, 0, 1.0)
    assert broken.errors.nonfinite == 3


def test_errors_are_put_together():
    one = compare_arrays(f32(1.0, 2.0), f32(1.5, 2.0), path="x").errors
    other = compare_arrays(f32(3.0, 4.0), f32(4.5, np.nan), path="x").errors
    both = Errors.together([one, other, Errors.none(3, 1, 2)])
    np.testing.assert_array_equal(both.absolute, [0.5, 0.0, 1.5, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(both.relative, [0.5, 0.0, 0.5, 0.0, 0.0, 0.0])
    assert (both.nonfinite, both.agreed, both.positions) == (2, 4, 4)
    nothing = Errors.together([])
    assert (nothing.absolute.size, nothing.argmax) == (0, None)
