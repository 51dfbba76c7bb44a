"""`mint.full`, `arange`, `zeros_like` and the like: tensors out of numbers."""

from __future__ import annotations

from typing import Any

import mindspore
from mindspore import Tensor, mint, ops

from .numbers import floats
from .types import StandIn


def full(size: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """Stand in for `mint.full`: the type is the value's when it is not named."""
    if isinstance(size, int):
        size = (size,)
    if isinstance(fill_value, Tensor):
        kind = fill_value.dtype if dtype is None else dtype
        return ops.broadcast_to(fill_value.astype(kind), tuple(size))
    if dtype is None:
        dtype = mindspore.float32
        if isinstance(fill_value, bool):
            dtype = mindspore.bool_
        elif isinstance(fill_value, int):
            dtype = mindspore.int64
    return ops.full(tuple(size), fill_value, dtype=dtype)


def full_like(input: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """Stand in for `mint.full_like`."""
    return ops.full(input.shape, fill_value, dtype=input.dtype if dtype is None else dtype)


def zeros_like(input: Any, *, dtype: Any = None) -> Any:
    """Stand in for `mint.zeros_like`."""
    return ops.full(input.shape, 0, dtype=input.dtype if dtype is None else dtype)


def ones_like(input: Any, *, dtype: Any = None) -> Any:
    """Stand in for `mint.ones_like`."""
    return ops.full(input.shape, 1, dtype=input.dtype if dtype is None else dtype)


def arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """Stand in for `mint.arange`: int64 for whole numbers, float32 otherwise. A graph takes numbers, not tensors."""
    if isinstance(start, Tensor):
        start = start.item()
    if isinstance(end, Tensor):
        end = end.item()
    if isinstance(step, Tensor):
        step = step.item()
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange cannot get from {start} to {end} in steps of {step}")
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        return ops.arange(start, end, step, dtype=mindspore.int64 if dtype is None else dtype)
    count = -int((start - end) // step)
    numbers = ops.arange(0, count, 1, dtype=mindspore.int64).astype(mindspore.float64) * step + start
    return numbers.astype(mindspore.float32 if dtype is None else dtype)


def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None) -> Any:
    """Stand in for `mint.linspace`: counted from the nearer end, so that both ends are exact."""
    kind = mindspore.float32 if dtype is None else dtype
    if steps == 1:
        return ops.full((1,), start, dtype=kind)
    numbers = ops.arange(0, steps, 1, dtype=mindspore.int64).astype(mindspore.float64)
    step = (end - start) / max(steps - 1, 1)
    rising = numbers * step + start
    falling = (numbers - (steps - 1)) * step + end
    return ops.where(numbers < steps / 2, rising, falling).astype(kind)


STAND_INS = {
    "mindspore.mint.full": StandIn(full, lambda: mint.full((2,), 1.0)),
    "mindspore.mint.full_like": StandIn(full_like, lambda: mint.full_like(floats(2), 1.0)),
    "mindspore.mint.zeros_like": StandIn(zeros_like, lambda: mint.zeros_like(floats(2))),
    "mindspore.mint.ones_like": StandIn(ones_like, lambda: mint.ones_like(floats(2))),
    "mindspore.mint.arange": StandIn(arange, lambda: mint.arange(3)),
    "mindspore.mint.linspace": StandIn(linspace, lambda: mint.linspace(0, 1, 3)),
}
"""Qualified name → its stand-in."""
