"""Comparing what two models returned: first the structure, then every number.

Structure: tuples and lists by type and length, `ModelOutput`s by the name of their type and the order of their fields,
None by place, tensors by shape and dtype. A difference there is `different`, whatever the numbers.

Numbers, element by element:

- Two NaN are equal, whatever their payload; so are two infinities of one sign. Any other pair of which one is not
  finite is a difference without a figure: it counts in `mismatches`, and no error statistic includes it.
- +0.0 and -0.0 are *equivalent* (their difference is 0) but not *identical* (their bits differ).
- The relative error is `|expected - actual| / |expected|`. Where `expected` is 0 it does not exist, unless `actual` is
  0 too, when it is 0; the absolute error decides there.
- Integers and booleans must be identical; their errors are computed in float64.
- Two empty tensors of one shape and dtype are identical.

Figures, per output:

- Absolute and relative error: maximum, mean, median and 99th percentile, of the errors that there are.
- `ulp`: the largest distance in units in the last place, over the pairs of which both are finite; the two zeros are 0
  apart. For float16, float32 and float64 only.
- `cosine`: the similarity of the two tensors as vectors, accumulated in float64, without the pairs of which one is not
  finite. 1 when both are all zero, 0 when one is.
- `argmax`: the share of the positions at which the largest value along the last axis is in the same place. At a tie,
  the first place of the original's maximum has to be one of the rewritten's. NaN is the largest of all. For floating
  tensors with a last axis of at least 2 only.
- `nonfinite`: how many elements of each side are NaN or infinite.

Identical tensors have 0 ULP, a cosine of 1 and full agreement by definition; nothing is computed for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from .figures import NO_FIGURES, Figures, argmax_agreement, argmax_positions, cosine_similarity, ulp_distance
from .policy import Policy

__all__ = ["Errors", "Figures", "OutputDifference", "Status", "as_array", "compare", "compare_arrays", "worst"]

Array = npt.NDArray[Any]


class Status(str, Enum):
    """What a comparison came to. The order of definition is from best to worst."""

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    UNVERIFIED = "unverified"
    DIFFERENT = "different"


_RANK = {status: rank for rank, status in enumerate(Status)}


def worst(statuses: Iterator[Status] | list[Status] | tuple[Status, ...]) -> Status:
    """Return the worst of `statuses`; `unverified` when there are none."""
    return max(statuses, key=_RANK.__getitem__, default=Status.UNVERIFIED)


@dataclass(frozen=True)
class Errors:
    """What the figures of one tensor are computed from, to be put together with that of others.

    Attributes:
        absolute: |expected - actual|, for every element where both are finite. float64, one axis.
        relative: |expected - actual| / |expected|, where that exists.
        nonfinite: Number of elements without an absolute error.
        agreed: Number of positions whose argmax agrees.
        positions: Number of positions that have an argmax.
    """

    absolute: Array = field(default_factory=lambda: np.zeros(0))
    relative: Array = field(default_factory=lambda: np.zeros(0))
    nonfinite: int = 0
    agreed: int = 0
    positions: int = 0

    @classmethod
    def none(cls, finite: int, nonfinite: int = 0, positions: int = 0) -> Errors:
        """Return those of identical tensors; the zeros take no memory."""
        zeros = np.broadcast_to(np.float64(0.0), (finite,))
        return cls(zeros, zeros, nonfinite, positions, positions)

    @classmethod
    def together(cls, parts: Sequence[Errors]) -> Errors:
        """Put those of several tensors together."""
        return cls(
            np.concatenate([np.zeros(0), *(part.absolute for part in parts)]),
            np.concatenate([np.zeros(0), *(part.relative for part in parts)]),
            sum(part.nonfinite for part in parts),
            sum(part.agreed for part in parts),
            sum(part.positions for part in parts),
        )

    @property
    def argmax(self) -> float | None:
        """The share of positions whose argmax agrees; None when there are none."""
        return self.agreed / self.positions if self.positions else None


@dataclass(frozen=True)
class OutputDifference:
    """How one output of the rewritten model compares with the original's.

    Attributes:
        path: Which output: `last_hidden_state`, `hidden_states[2]`, `[0]`.
        kind: "value" when the numbers were compared; "structure", "shape", "dtype", "error" (what was raised) or
            "effect" (what the call changed besides) when something else differs.
        status: Identical, equivalent or different.
        message: For a person; empty for identical.
        absolute: Figures of the absolute error.
        relative: Figures of the relative error.
        excess: Largest absolute error as a multiple of what is allowed there; infinite for a difference without a
            figure.
        elements: Number of elements.
        mismatches: Elements beyond the tolerance.
        nonfinite: Numbers of NaN and infinities in the original's and in the rewritten's output.
        errors: The errors themselves, to be put together with those of other cases.
        ulp: Largest distance in units in the last place; None for a dtype that has none.
        cosine: Cosine similarity; None when no numbers were compared.
        argmax: Share of the positions along the last axis whose argmax agrees; None where that makes no sense.
    """

    path: str
    kind: str
    status: Status
    message: str = ""
    absolute: Figures = NO_FIGURES
    relative: Figures = NO_FIGURES
    excess: float = 0.0
    elements: int = 0
    mismatches: int = 0
    nonfinite: tuple[int, int] = (0, 0)
    errors: Errors = field(default_factory=Errors, repr=False, compare=False)
    ulp: int | None = None
    cosine: float | None = None
    argmax: float | None = None

    @property
    def output(self) -> str:
        """The output that a caller names: `hidden_states` for `hidden_states[2]`, and `[0]` for `[0]`."""
        head, bracket, _ = self.path.partition("[")
        if head or not bracket:
            return head
        return self.path[: self.path.index("]") + 1]


def compare(expected: Any, actual: Any, policy: Policy | None = None, *, path: str = "") -> list[OutputDifference]:
    """Compare two results of a call, one `OutputDifference` per tensor and per difference in structure.

    Args:
        expected: What the original returned: tensors (anything with `asnumpy`, or arrays) in tuples, lists, dicts,
            named tuples and `ModelOutput`s, and plain Python values.
        actual: What the rewritten model returned.
        policy: The tolerance; the published one when None.
        path: Name of the result for messages.
    """
    return list(_compare(expected, actual, policy or Policy(), path))


def _compare(expected: Any, actual: Any, policy: Policy, path: str) -> Iterator[OutputDifference]:
    first, second = _kind(expected), _kind(actual)
    if first != second:
        yield _structural(path, f"{_described(expected)} became {_described(actual)}")
    elif first == "tensor":
        yield _compare_tensors(expected, actual, policy, path or "output")
    elif first in ("output", "mapping"):
        yield from _compare_fields(expected, actual, policy, path)
    elif first == "sequence":
        yield from _compare_items(expected, actual, policy, path)
    elif expected != actual and not (expected != expected and actual != actual):  # NaN is like NaN here too
        yield _structural(path, f"{expected!r} became {actual!r}", kind="value")
    else:
        elements = 0 if expected is None else 1
        yield OutputDifference(
            path or "output", "value", Status.IDENTICAL, elements=elements, errors=Errors.none(elements)
        )


def _compare_tensors(expected: Any, actual: Any, policy: Policy, path: str) -> OutputDifference:
    one, other = _dtype(expected), _dtype(actual)
    if one != other:
        return _structural(path, f"dtype {one} became {other}", kind="dtype")
    return compare_arrays(as_array(expected), as_array(actual), policy, path=path, dtype=one)


def _compare_fields(expected: Any, actual: Any, policy: Policy, path: str) -> Iterator[OutputDifference]:
    names, others = list(expected.keys()), list(actual.keys())
    declared, redeclared = _declared(expected), _declared(actual)
    if type(expected).__name__ != type(actual).__name__:
        yield _structural(path, f"a {type(expected).__name__} became a {type(actual).__name__}")
    elif declared != redeclared:
        yield _structural(path, f"{type(expected).__name__} declares {redeclared} in the place of {declared}")
    if names != others:
        yield _structural(path, f"fields {names} became {others}")
    if _as_tuple(expected) != _as_tuple(actual):
        yield _structural(path, f"to_tuple() of {type(expected).__name__} gives other things")
    for name in names:
        if name in others:
            yield from _compare(expected[name], actual[name], policy, f"{path}.{name}" if path else str(name))


def _as_tuple(output: Any) -> Any:
    """Return the kinds of what `to_tuple` gives, or the kind of error it raises; None where there is no such method."""
    try:
        return _layout(output.to_tuple()) if hasattr(output, "to_tuple") else None
    except Exception as error:  # what a rewritten class does is what is compared
        return type(error).__name__


def _layout(value: Any) -> Any:
    """Return the kinds of what is in nested tuples."""
    return tuple(map(_layout, value)) if isinstance(value, (tuple, list)) else _kind(value)


def _compare_items(expected: Any, actual: Any, policy: Policy, path: str) -> Iterator[OutputDifference]:
    if type(expected).__name__ != type(actual).__name__:
        yield _structural(path, f"a {type(expected).__name__} became a {type(actual).__name__}")
    if len(expected) != len(actual):
        yield _structural(path, f"{len(expected)} items became {len(actual)}")
    for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
        yield from _compare(one, other, policy, f"{path}[{index}]")


def compare_arrays(
    expected: Array, actual: Array, policy: Policy | None = None, *, path: str, dtype: str | None = None
) -> OutputDifference:
    """Compare two arrays by the rules at the top of this module.

    Args:
        expected: The original's output.
        actual: The rewritten model's output.
        policy: The tolerance; the published one when None.
        path: Name of the output.
        dtype: Name of the tensors' dtype where numpy has none and the arrays have a wider one.
    """
    if expected.dtype != actual.dtype:
        return _structural(path, f"dtype {expected.dtype} became {actual.dtype}", kind="dtype")
    if expected.shape != actual.shape:
        return _structural(path, f"shape {expected.shape} became {actual.shape}", kind="shape")
    same = _same_bits(expected, actual)
    if bool(same.all()):
        return _identical(expected, path, dtype or str(expected.dtype))
    return _compare_values(expected, actual, same, policy or Policy(), path, dtype or str(expected.dtype))


def _identical(array: Array, path: str, dtype: str) -> OutputDifference:
    finite = int(np.isfinite(array).sum()) if array.dtype.kind in "fc" else array.size
    nonfinite, positions = array.size - finite, argmax_positions(array)
    errors = Errors.none(finite, nonfinite, positions)
    return OutputDifference(
        path,
        "value",
        Status.IDENTICAL,
        elements=array.size,
        nonfinite=(nonfinite, nonfinite),
        errors=errors,
        ulp=0 if dtype in ("float16", "float32", "float64") else None,
        cosine=1.0,
        argmax=errors.argmax,
    )


def _compare_values(
    expected: Array, actual: Array, same: Array, policy: Policy, path: str, dtype: str
) -> OutputDifference:
    tolerance = policy.tolerance(dtype)
    one, other = _as_float64(expected), _as_float64(actual)
    finite = np.isfinite(one) & np.isfinite(other)
    bits = policy.exact or expected.dtype.kind != "f"
    excess = np.where(same.reshape(-1), 0.0, np.inf) if bits else _excess(one, other, tolerance)
    errors = _errors(one, other, finite, argmax_agreement(expected, actual))
    mismatches = int((excess > 1.0).sum())
    at = int(excess.argmax())
    index = tuple(int(i) for i in np.unravel_index(at, expected.shape))
    return OutputDifference(
        path,
        "value",
        Status.DIFFERENT if mismatches else Status.EQUIVALENT,
        f"{_extent(mismatches, one.size, tolerance, bits=bits)}; the worst at {list(index)}: "
        f"{expected[index]!s} became {actual[index]!s}",
        Figures.of(errors.absolute),
        Figures.of(errors.relative),
        float(excess[at]),
        one.size,
        mismatches,
        (int((~np.isfinite(one)).sum()), int((~np.isfinite(other)).sum())),
        errors,
        ulp_distance(expected, actual) if dtype == str(expected.dtype) else None,
        cosine_similarity(one.view(np.float64), other.view(np.float64)),
        errors.argmax,
    )


def _extent(mismatches: int, elements: int, tolerance: float, *, bits: bool) -> str:
    if bits:
        return f"{mismatches} of {elements} elements are not the same"
    if mismatches:
        return f"{mismatches} of {elements} elements differ by more than {tolerance:g} * max(1, |expected|)"
    return f"within {tolerance:g} * max(1, |expected|)"


def relative_distance(expected: Any, actual: Any) -> float:
    """Return the largest `|expected - actual| / max(1, |expected|)` of two tensors, where both are finite; else 0."""
    distances = _excess(_as_float64(as_array(expected)), _as_float64(as_array(actual)), tolerance=1.0)
    return float(np.max(distances[np.isfinite(distances)], initial=0.0))


def _excess(one: Array, other: Array, tolerance: float) -> Array:
    """Return every error as a multiple of what is allowed there."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(one) & np.isfinite(other)
        absolute = np.abs(one - other)
        allowed = tolerance * np.maximum(1.0, np.abs(one))
        excess = np.where(absolute == 0.0, 0.0, absolute / np.where(allowed == 0.0, np.nan, allowed))
        excess = np.where(np.isnan(excess) | ~finite, np.inf, excess)
    excess[(np.isnan(one) & np.isnan(other)) | (~finite & (one == other))] = 0.0
    return excess


def _errors(one: Array, other: Array, finite: Array, agreement: tuple[int, int] | None) -> Errors:
    with np.errstate(all="ignore"):
        absolute = np.abs(one - other)
        related = finite & ((one != 0.0) | (other == 0.0))
        relative = absolute[related] / np.where(one[related] == 0.0, 1.0, np.abs(one[related]))
    agreed, positions = agreement or (0, 0)
    return Errors(absolute[finite], relative, int((~finite).sum()), agreed, positions)


def _as_float64(array: Array) -> Array:
    return array.reshape(-1).astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _same_bits(expected: Array, actual: Array) -> Array:
    """Return for every element whether all bits agree, those inside a NaN left out; one True when all do."""
    if expected.tobytes() == actual.tobytes():
        return np.array(True)
    if expected.dtype.kind != "f":
        return np.asarray(expected == actual)
    same: Array = (_bits(expected) == _bits(actual)) | (np.isnan(expected) & np.isnan(actual))
    return same


def _bits(array: Array) -> Array:
    """Return floats as integers: compared as floats, a subnormal is 0 once MindSpore is loaded."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").reshape(array.shape)


def as_array(tensor: Any) -> Array:
    """Return a tensor's values; bfloat16, which numpy lacks, as float32."""
    if not hasattr(tensor, "asnumpy"):
        return np.asarray(tensor)
    if str(tensor.dtype).lower().endswith("bfloat16"):
        tensor = tensor.float()
    return np.asarray(tensor.asnumpy())


def _dtype(tensor: Any) -> str:
    """Return the name of a tensor's dtype, as numpy would have it."""
    name = str(tensor.dtype).lower().rpartition(".")[2]
    return name if name.endswith("bfloat16") else str(as_array(tensor).dtype)


def _kind(value: Any) -> str:
    if hasattr(value, "asnumpy") or isinstance(value, (np.ndarray, np.generic)):
        return "tensor"
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return "output" if hasattr(value, "to_tuple") else "mapping"
    if isinstance(value, (tuple, list)):
        return "sequence"
    return type(value).__name__


def _declared(value: Any) -> list[str]:
    """Return the fields that a dataclass declares, the absent ones included."""
    if not dataclasses.is_dataclass(value):
        return []
    return [item.name for item in dataclasses.fields(value)]


def _described(value: Any) -> str:
    kind = _kind(value)
    if kind == "tensor":
        return f"a tensor of shape {tuple(value.shape)}"
    if kind == "sequence":
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def _structural(path: str, message: str, *, kind: str = "structure") -> OutputDifference:
    return OutputDifference(path or "output", kind, Status.DIFFERENT, message, excess=float("inf"))
