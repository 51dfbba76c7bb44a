"""The figures of a comparison of two arrays of one shape and dtype. `statistics.py` has the rules for what is compared.

Each function says what it does with zeros, NaN and infinities; none of them raises or warns on any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DECADES = tuple(range(-12, 1))
"""Exponents of the decades of a histogram: -3 is for errors from 1e-3 to below 1e-2."""

_EDGES = np.array([float(f"1e{exponent}") for exponent in DECADES[1:]])
_INTEGERS: Mapping[str, type[np.signedinteger[Any]]] = {"float16": np.int16, "float32": np.int32, "float64": np.int64}


@dataclass(frozen=True)
class Figures:
    """Maximum, mean, median and 99th percentile of some errors; all 0 when there are none.

    The percentile is the smallest of the errors that at least 99 % of them do not exceed: one that occurred.
    """

    maximum: float = 0.0
    mean: float = 0.0
    median: float = 0.0
    p99: float = 0.0

    @classmethod
    def of(cls, errors: Array) -> Figures:
        """Summarise an array of errors."""
        if errors.size == 0 or not errors.any():
            return cls()
        p99 = np.quantile(errors, 0.99, method="inverted_cdf")
        with np.errstate(over="ignore"):
            return cls(float(errors.max()), float(errors.mean()), float(np.median(errors)), float(p99))


NO_FIGURES = Figures()
"""Those of no errors, or of nothing but zeros."""


@dataclass(frozen=True)
class Histogram:
    """How many absolute errors are how large.

    Attributes:
        zero: Errors of 0.
        decades: Per exponent of `DECADES`. The first takes in what is smaller, the last what is larger.
        nonfinite: Elements without an error, because one side or both are NaN or infinite.
    """

    zero: int = 0
    decades: tuple[int, ...] = (0,) * len(DECADES)
    nonfinite: int = 0

    @classmethod
    def of(cls, errors: Array, nonfinite: int = 0) -> Histogram:
        """Count an array of errors."""
        above = errors[errors > 0.0]
        counts = np.bincount(np.searchsorted(_EDGES, above, side="right"), minlength=len(DECADES))
        return cls(errors.size - above.size, tuple(int(count) for count in counts), nonfinite)


NO_HISTOGRAM = Histogram()
"""That of no elements."""


def ulp_distance(expected: Array, actual: Array) -> int | None:
    """Return the largest distance in units in the last place: how many steps of `np.nextafter` lie between.

    Read as integers, the bits of floating numbers of one sign come in the order of the numbers; with those of the
    negative ones turned round, all do, and both zeros are 0 (Bruce Dawson, "Comparing Floating Point Numbers", 2012).

    Returns:
        The distance, over the pairs of which both are finite; 0 when there is none. None for any dtype but
        float16, float32 and float64.
    """
    integer = _INTEGERS.get(str(expected.dtype))
    if integer is None:
        return None
    finite = np.isfinite(expected) & np.isfinite(actual)
    one, other = _ordered(expected[finite], integer), _ordered(actual[finite], integer)
    if one.size == 0:
        return 0
    # Up to 2**64 - 2**53, which a signed integer does not hold and an unsigned one, with its wrapping around, does.
    return int((np.maximum(one, other).view(np.uint64) - np.minimum(one, other).view(np.uint64)).max())


def _ordered(values: Array, integer: type[np.signedinteger[Any]]) -> Array:
    bits = np.ascontiguousarray(values).view(integer).astype(np.int64)
    return np.where(bits < 0, np.int64(np.iinfo(integer).min) - bits, bits)


def cosine_similarity(expected: Array, actual: Array) -> float:
    """Return the cosine of the angle between two float64 arrays, read as vectors.

    Elements of which one is not finite are left out. When both vectors are all zero it is 1, when one is, it is 0.
    """
    finite = np.isfinite(expected) & np.isfinite(actual)
    one, other = _scaled(expected[finite]), _scaled(actual[finite])
    lengths = float(np.sqrt(np.dot(one, one)) * np.sqrt(np.dot(other, other)))
    if lengths == 0.0:
        return 0.0 if one.any() or other.any() else 1.0
    return min(1.0, max(-1.0, float(np.dot(one, other)) / lengths))


def _scaled(vector: Array) -> Array:
    """Return a vector of the same direction, so that no square overflows, nor all of them underflow."""
    largest = np.abs(vector).max(initial=0.0)
    if largest == 0.0:
        return vector
    _, exponent = np.frexp(largest)
    return np.ldexp(vector, -exponent)


def argmax_agreement(expected: Array, actual: Array) -> tuple[int, int] | None:
    """Count the positions at which the largest value along the last axis is in the same place.

    The place is that of the first maximum of `expected`; it agrees when `actual` has one of its own maxima there. NaN
    is larger than everything, as it is for `np.argmax`.

    Returns:
        How many positions agree, and how many there are. None for what is not floating, and for a last axis shorter
        than 2.
    """
    positions = argmax_positions(expected)
    if not positions:
        return None
    place = np.expand_dims(expected.argmax(axis=-1), -1)
    there, best = np.take_along_axis(actual, place, axis=-1)[..., 0], actual.max(axis=-1)
    return int(((there == best) | (np.isnan(there) & np.isnan(best))).sum()), positions


def argmax_positions(array: Array) -> int:
    """Return at how many positions `argmax_agreement` looks; 0 where it does not apply."""
    if array.dtype.kind != "f" or array.ndim == 0 or array.shape[-1] < 2:
        return 0
    return array.size // int(array.shape[-1])
