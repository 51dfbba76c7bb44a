"""The figures against their definitions: walks of `np.nextafter`, `np.spacing`, sorting, and properties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rewriter.equivalence.figures import (
    DECADES,
    Figures,
    Histogram,
    argmax_agreement,
    cosine_similarity,
    ulp_distance,
)

FLOATS = (np.float16, np.float32, np.float64)
SHAPES = hnp.array_shapes(max_dims=3, max_side=4)


def numbers(dtype: Any, **options: Any) -> Any:
    width = np.dtype(dtype).itemsize * 8
    return st.floats(width=width, allow_subnormal=False, **options)  # MindSpore has them flushed to zero


@st.composite
def pairs(draw: Any, *, nan: bool = True) -> Any:
    """Two arrays of one shape and dtype."""
    dtype = draw(st.sampled_from(FLOATS))
    shape = draw(SHAPES)
    elements = numbers(dtype, allow_nan=nan, allow_infinity=nan)
    return tuple(draw(hnp.arrays(dtype, shape, elements=elements)) for _ in range(2))


ERRORS = hnp.arrays(
    np.float64, st.integers(0, 300), elements=st.floats(0, 1e6, allow_subnormal=False) | st.sampled_from([0.0, 1e-7])
)
MODERATE = st.floats(1e-100, 1e3) | st.floats(-1e3, -1e-100)


class TestUlp:
    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("start", [1.0, -1.0, 0.0, 1024.0, -3.1415, 0.99999])
    @pytest.mark.parametrize("toward", [math.inf, -math.inf])
    def test_it_counts_the_steps_of_a_walk(self, dtype, start, toward):
        one = np.array([start], dtype)
        other = one
        for steps in range(1, 60):
            other = np.nextafter(other, dtype(toward))
            assert ulp_distance(one, other) == steps

    @given(pairs(nan=False))
    def test_it_is_symmetric_and_zero_for_equals(self, pair):
        one, other = pair
        distance = ulp_distance(one, other)
        assert distance == ulp_distance(other, one)
        assert distance >= 0
        assert ulp_distance(one, one.copy()) == 0

    @given(st.sampled_from(FLOATS), st.data())
    def test_it_is_the_difference_in_spacings_within_a_binade(self, dtype, data):
        one, other = (np.array([data.draw(numbers(dtype, min_value=1.0, max_value=1.75))], dtype) for _ in range(2))
        spacing = float(np.spacing(dtype(1.0)))
        assert ulp_distance(one, other) == abs(float(one[0]) - float(other[0])) / spacing

    @given(st.sampled_from(FLOATS), st.data())
    def test_it_grows_with_the_distance(self, dtype, data):
        low, middle, high = (
            np.array([x], dtype)
            for x in sorted(
                data.draw(st.lists(numbers(dtype, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
            )
        )
        assert ulp_distance(low, high) == ulp_distance(low, middle) + ulp_distance(middle, high)

    def test_zeros_have_no_distance_and_the_way_across_zero_counts(self):
        assert ulp_distance(np.array([0.0]), np.array([-0.0])) == 0
        tiny = np.nextafter(np.float32(0), np.float32(1))
        assert ulp_distance(np.array([-tiny]), np.array([tiny])) == 2

    def test_the_largest_there_is_fits(self):
        largest = np.finfo(np.float64).max
        bits = int(np.array(largest).view(np.int64))
        assert ulp_distance(np.array([-largest]), np.array([largest])) == 2 * bits

    def test_what_is_not_finite_has_no_distance(self):
        one, other = np.array([np.nan, np.inf, 1.0, -np.inf]), np.array([1.0, 1e308, 1.0, np.nan])
        assert ulp_distance(one, other) == 0
        assert ulp_distance(one[:2], other[:2]) == 0

    def test_the_largest_of_all_elements_counts(self):
        one = np.ones((2, 2), np.float32)
        other = one.copy()
        other[1, 0] = np.nextafter(np.nextafter(np.float32(1), np.float32(2)), np.float32(2))
        assert ulp_distance(one, other) == 2

    @pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_, np.complex64])
    def test_other_dtypes_have_none(self, dtype):
        assert ulp_distance(np.ones(2, dtype), np.ones(2, dtype)) is None


class TestCosine:
    @given(pairs())
    def test_it_is_symmetric_and_within_its_bounds(self, pair):
        one, other = (array.astype(np.float64).reshape(-1) for array in pair)
        cosine = cosine_similarity(one, other)
        assert -1.0 <= cosine <= 1.0
        assert cosine == pytest.approx(cosine_similarity(other, one), abs=1e-12)

    # nothing so small that its product is subnormal: MindSpore has that flushed to zero
    @given(hnp.arrays(np.float64, 5, elements=st.just(0.0) | MODERATE), st.floats(1e-3, 1e3))
    def test_scale_does_not_matter_and_sign_does(self, array, scale):
        expected = 1.0
        assert cosine_similarity(array, array * scale) == pytest.approx(expected)
        if array.any():
            assert cosine_similarity(array, array * -scale) == pytest.approx(-expected)

    @given(hnp.arrays(np.float64, 6, elements=st.floats(-100, 100, allow_subnormal=False)))
    def test_it_is_the_definition(self, array):
        one, other = array[:3], array[3:]
        lengths = np.linalg.norm(one) * np.linalg.norm(other)
        if lengths > 1e-100:
            assert cosine_similarity(one, other) == pytest.approx(float(one @ other) / lengths, abs=1e-9)

    def test_zeros(self):
        zero, one = np.zeros(3), np.ones(3)
        assert cosine_similarity(zero, zero) == 1.0
        assert cosine_similarity(zero, one) == cosine_similarity(one, zero) == 0.0
        assert cosine_similarity(np.zeros(0), np.zeros(0)) == 1.0

    def test_nothing_overflows_or_vanishes(self):
        assert cosine_similarity(np.array([1e300, 1e300]), np.array([1e300, 1e300])) == pytest.approx(1.0)
        assert cosine_similarity(np.array([1e-300, 0.0]), np.array([1e-300, 1e-300])) == pytest.approx(0.5**0.5)

    def test_what_is_not_finite_is_left_out(self):
        one, other = np.array([np.nan, 1.0, 2.0]), np.array([5.0, 2.0, 4.0])
        assert cosine_similarity(one, other) == pytest.approx(1.0)
        assert cosine_similarity(np.array([np.inf]), np.array([1.0])) == 1.0


class TestArgmax:
    @given(pairs())
    def test_it_is_the_definition_where_there_are_no_ties(self, pair):
        one, other = pair
        agreement = argmax_agreement(one, other)
        if one.shape[-1] < 2:
            assert agreement is None
            return
        assert agreement[1] == one.size // one.shape[-1]
        assert argmax_agreement(one, one.copy()) == (agreement[1], agreement[1])
        rows, others = one.reshape(-1, one.shape[-1]), other.reshape(-1, one.shape[-1])
        distinct = all(len(np.unique(row)) == row.size for row in others)
        if distinct:
            assert agreement[0] == sum(np.argmax(a) == np.argmax(b) for a, b in zip(rows, others, strict=True))

    def test_at_a_tie_one_of_the_places_will_do(self):
        assert argmax_agreement(np.array([1.0, 2.0]), np.array([2.0, 2.0])) == (1, 1)
        assert argmax_agreement(np.array([2.0, 2.0]), np.array([1.0, 2.0])) == (0, 1)
        assert argmax_agreement(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])) == (1, 2)

    def test_nan_is_the_largest(self):
        nan, inf = np.nan, np.inf
        assert argmax_agreement(np.array([nan, inf]), np.array([nan, 1.0])) == (1, 1)
        assert argmax_agreement(np.array([1.0, inf]), np.array([nan, inf])) == (0, 1)
        assert argmax_agreement(np.array([nan, inf]), np.array([1.0, inf])) == (0, 1)
        assert argmax_agreement(np.array([-inf, inf]), np.array([0.0, inf])) == (1, 1)

    def test_where_it_makes_no_sense(self):
        for array in (np.ones((3, 1)), np.array(1.0), np.ones((2, 3), np.int64), np.ones(2, bool), np.ones((0, 3))):
            assert argmax_agreement(array, array.copy()) is None


class TestFigures:
    @given(ERRORS)
    def test_the_percentile_is_one_of_the_errors_and_99_of_100_do_not_exceed_it(self, errors):
        figures = Figures.of(errors)
        if errors.size == 0:
            assert figures == Figures()
            return
        assert figures.p99 in errors
        assert (errors <= figures.p99).mean() >= 0.99 - 1e-12
        assert (errors < figures.p99).mean() < 0.99
        assert figures.median <= figures.p99 <= figures.maximum

    @given(ERRORS, st.floats(1.0, 1e3))
    def test_larger_errors_have_larger_figures(self, errors, factor):
        small, large = Figures.of(errors), Figures.of(errors * factor)
        for name in ("maximum", "mean", "median", "p99"):
            assert getattr(large, name) >= getattr(small, name)

    def test_of_a_hundred_the_percentile_is_the_second_largest(self):
        assert Figures.of(np.arange(1.0, 101.0)) == Figures(100.0, 50.5, 50.5, 99.0)

    def test_overflow_is_an_infinity_and_no_nan(self):
        figures = Figures.of(np.array([1e308, 1e308, np.inf]))
        assert figures.maximum == figures.mean == math.inf
        assert not any(math.isnan(value) for value in (figures.mean, figures.median, figures.p99))


class TestHistogram:
    @given(ERRORS)
    def test_every_error_is_counted_once_in_its_decade(self, errors):
        histogram = Histogram.of(errors, 2)
        assert histogram.zero == (errors == 0).sum()
        assert histogram.zero + sum(histogram.decades) == errors.size
        assert histogram.nonfinite == 2
        for exponent, count in zip(DECADES[1:-1], histogram.decades[1:-1], strict=True):
            low, high = float(f"1e{exponent}"), float(f"1e{exponent + 1}")
            assert count == ((errors >= low) & (errors < high)).sum()

    @pytest.mark.parametrize("exponent", DECADES)
    def test_a_power_of_ten_is_in_the_decade_that_it_begins(self, exponent):
        counts = Histogram.of(np.array([float(f"1e{exponent}")])).decades
        assert counts[DECADES.index(exponent)] == 1

    def test_the_ends_take_in_what_is_beyond(self):
        counts = Histogram.of(np.array([1e-300, 1e-13, 1e5, np.inf])).decades
        assert (counts[0], counts[-1], sum(counts)) == (2, 2, 4)
