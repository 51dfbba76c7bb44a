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
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from .policy import Policy

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
    """The finite errors of one tensor, or of several put together.

    Attributes:
        absolute: |expected - actual|, for every element where both are finite. float64, one axis.
        relative: |expected - actual| / |expected|, where that exists.
    """

    absolute: Array = field(default_factory=lambda: np.zeros(0))
    relative: Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Figures:
    """Maximum, mean and median of some errors; all 0 when there are none."""

    maximum: float = 0.0
    mean: float = 0.0
    median: float = 0.0

    @classmethod
    def of(cls, errors: Array) -> Figures:
        """Summarise an array of errors."""
        if errors.size == 0:
            return cls()
        return cls(float(errors.max()), float(errors.mean()), float(np.median(errors)))


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
    """

    path: str
    kind: str
    status: Status
    message: str = ""
    absolute: Figures = Figures()
    relative: Figures = Figures()
    excess: float = 0.0
    elements: int = 0
    mismatches: int = 0
    nonfinite: tuple[int, int] = (0, 0)
    errors: Errors = field(default_factory=Errors, repr=False, compare=False)

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
        yield compare_arrays(as_array(expected), as_array(actual), policy, path=path or "output")
    elif first in ("output", "mapping"):
        yield from _compare_fields(expected, actual, policy, path)
    elif first == "sequence":
        yield from _compare_items(expected, actual, policy, path)
    elif expected != actual and not (expected != expected and actual != actual):  # NaN is like NaN here too
        yield _structural(path, f"{expected!r} became {actual!r}", kind="value")
    else:
        yield OutputDifference(path or "output", "value", Status.IDENTICAL, elements=0 if expected is None else 1)


def _compare_fields(expected: Any, actual: Any, policy: Policy, path: str) -> Iterator[OutputDifference]:
    names, others = list(expected.keys()), list(actual.keys())
    declared, redeclared = _declared(expected), _declared(actual)
    if type(expected).__name__ != type(actual).__name__:
        yield _structural(path, f"a {type(expected).__name__} became a {type(actual).__name__}")
    elif declared != redeclared:
        yield _structural(path, f"{type(expected).__name__} declares {redeclared} in the place of {declared}")
    if names != others:
        yield _structural(path, f"fields {names} became {others}")
    for name in names:
        if name in others:
            yield from _compare(expected[name], actual[name], policy, f"{path}.{name}" if path else str(name))


def _compare_items(expected: Any, actual: Any, policy: Policy, path: str) -> Iterator[OutputDifference]:
    if type(expected).__name__ != type(actual).__name__:
        yield _structural(path, f"a {type(expected).__name__} became a {type(actual).__name__}")
    if len(expected) != len(actual):
        yield _structural(path, f"{len(expected)} items became {len(actual)}")
    for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
        yield from _compare(one, other, policy, f"{path}[{index}]")


def compare_arrays(expected: Array, actual: Array, policy: Policy | None = None, *, path: str) -> OutputDifference:
    """Compare two arrays by the rules at the top of this module.

    Args:
        expected: The original's output.
        actual: The rewritten model's output.
        policy: The tolerance; the published one when None.
        path: Name of the output.
    """
    tolerance = (policy or Policy()).tolerance(str(expected.dtype))
    if expected.dtype != actual.dtype:
        return _structural(path, f"dtype {expected.dtype} became {actual.dtype}", kind="dtype")
    if expected.shape != actual.shape:
        return _structural(path, f"shape {expected.shape} became {actual.shape}", kind="shape")
    if _same_bits(expected, actual):
        zeros = np.zeros(int(np.isfinite(expected).sum()) if expected.dtype.kind in "fc" else expected.size)
        nonfinite = expected.size - zeros.size
        return OutputDifference(
            path,
            "value",
            Status.IDENTICAL,
            elements=expected.size,
            nonfinite=(nonfinite, nonfinite),
            errors=Errors(zeros, zeros),
        )
    return _compare_values(expected, actual, tolerance, path)


def _compare_values(expected: Array, actual: Array, tolerance: float, path: str) -> OutputDifference:
    with np.errstate(all="ignore"):
        one, other = expected.astype(np.float64).reshape(-1), actual.astype(np.float64).reshape(-1)
        finite = np.isfinite(one) & np.isfinite(other)
        same_nonfinite = (np.isnan(one) & np.isnan(other)) | (~finite & (one == other))
        absolute = np.abs(one - other)
        allowed = tolerance * np.maximum(1.0, np.abs(one))
        excess = np.where(absolute == 0.0, 0.0, absolute / np.where(allowed == 0.0, np.nan, allowed))
        excess = np.where(np.isnan(excess) | ~finite, np.inf, excess)
        excess[same_nonfinite] = 0.0
        if expected.dtype.kind not in "fc":  # float64 cannot tell all integers apart
            excess = np.where(expected.reshape(-1) != actual.reshape(-1), np.inf, 0.0)
        related = finite & ((one != 0.0) | (other == 0.0))
        relative = absolute[related] / np.where(one[related] == 0.0, 1.0, np.abs(one[related]))
    mismatches = int((excess > 1.0).sum())
    errors = Errors(absolute[finite], relative)
    at = int(excess.argmax())
    message = f"{mismatches} of {one.size} elements differ by more than {tolerance:g} * max(1, |expected|)"
    if mismatches == 0:
        message = f"within {tolerance:g} * max(1, |expected|)"
    index = tuple(int(i) for i in np.unravel_index(at, expected.shape))
    return OutputDifference(
        path,
        "value",
        Status.DIFFERENT if mismatches else Status.EQUIVALENT,
        f"{message}; the worst at {list(index)}: {expected[index]!s} became {actual[index]!s}",
        Figures.of(errors.absolute),
        Figures.of(errors.relative),
        float(excess[at]),
        one.size,
        mismatches,
        (int((~np.isfinite(one)).sum()), int((~np.isfinite(other)).sum())),
        errors,
    )


def _same_bits(expected: Array, actual: Array) -> bool:
    """Whether all bits agree, those inside a NaN left out."""
    if expected.tobytes() == actual.tobytes():
        return True
    if expected.dtype.kind not in "fc":
        return False
    same = (expected == actual) & (np.signbit(expected) == np.signbit(actual))
    return bool((same | (np.isnan(expected) & np.isnan(actual))).all())


def as_array(tensor: Any) -> Array:
    """Return a tensor's values; bfloat16, which numpy lacks, as float32."""
    if not hasattr(tensor, "asnumpy"):
        return np.asarray(tensor)
    if str(tensor.dtype).lower().endswith("bfloat16"):
        tensor = tensor.float()
    return np.asarray(tensor.asnumpy())


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
