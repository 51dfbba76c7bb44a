"""Methods of `mindspore.Tensor`: in eager mode only, for a graph looks them up in a table of its own."""

from __future__ import annotations

from typing import Any

import mindspore
from mindspore import ops

from . import arranging, reducing
from .drawing import _normal, _uniform
from .numbers import floats, put, whole
from .types import StandIn


def clone(self: Any) -> Any:
    """Stand in for `Tensor.clone`."""
    return arranging.clone(self)


def roll(self: Any, shifts: Any, dims: Any = None) -> Any:
    """Stand in for `Tensor.roll`."""
    return arranging.roll(self, shifts, dims)


def repeat(self: Any, *repeats: Any) -> Any:
    """Stand in for `Tensor.repeat`: each axis so often, new ones in front."""
    if len(repeats) == 1 and isinstance(repeats[0], (tuple, list)):
        repeats = tuple(repeats[0])
    if len(repeats) < self.ndim:
        raise ValueError(f"repeat needs a number for each of the {self.ndim} axes, got {repeats}")
    return ops.tile(self, repeats)


def unique(self: Any, sorted: bool = True, return_inverse: bool = False, **rest: Any) -> Any:
    """Stand in for `Tensor.unique`."""
    return reducing.unique(self, sorted, return_inverse, **rest)


def new_full(self: Any, size: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """Stand in for `Tensor.new_full`."""
    return ops.full(tuple(size), fill_value, dtype=self.dtype if dtype is None else dtype)


def fill_(self: Any, value: Any) -> Any:
    """Stand in for `Tensor.fill_`."""
    value = value.item() if isinstance(value, mindspore.Tensor) else value
    return put(self, ops.full(self.shape, value, dtype=self.dtype))


def zero_(self: Any) -> Any:
    """Stand in for `Tensor.zero_`."""
    return put(self, ops.full(self.shape, 0, dtype=self.dtype))


def set_data(self: Any, data: Any, slice_shape: bool = False) -> Any:
    """Stand in for `Parameter.set_data` on what `Parameter.data` gives, which was the parameter itself once."""
    values = data.init_data() if data.has_init else data
    return put(self, values.astype(self.dtype))


def masked_fill_(self: Any, mask: Any, value: Any) -> Any:
    """Stand in for `Tensor.masked_fill_`."""
    value = value.item() if isinstance(value, mindspore.Tensor) else value
    return put(self, ops.where(mask, ops.full(self.shape, value, dtype=self.dtype), self))


def scatter_(self: Any, dim: int, index: Any, src: Any) -> Any:
    """Stand in for `Tensor.scatter_`, without its reductions: a number, or a tensor with an element for each place."""
    values = src if isinstance(src, mindspore.Tensor) else ops.full(index.shape, src, dtype=self.dtype)
    return put(self, ops.scatter(self, dim, index, values.astype(self.dtype)))


def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Any = None) -> Any:
    """Stand in for `Tensor.normal_`."""
    return put(self, (mean + std * _normal(self.shape, None)).astype(self.dtype))


def uniform_(self: Any, from_: float = 0, to: float = 1, *, generator: Any = None) -> Any:
    """Stand in for `Tensor.uniform_`."""
    return put(self, (from_ + (to - from_) * _uniform(self.shape, None)).astype(self.dtype))


STAND_INS = {
    "mindspore.Tensor.clone": StandIn(clone, lambda: floats(2).clone()),
    "mindspore.Tensor.roll": StandIn(roll, lambda: floats(2).roll(1, 0)),
    "mindspore.Tensor.repeat": StandIn(repeat, lambda: floats(2).repeat(2)),
    "mindspore.Tensor.unique": StandIn(unique, lambda: whole(1, 1).unique()),
    "mindspore.Tensor.new_full": StandIn(new_full, lambda: floats(2).new_full((2,), 1.0)),
    "mindspore.Tensor.fill_": StandIn(fill_, lambda: floats(2).fill_(1.0)),
    "mindspore.Tensor.zero_": StandIn(zero_, lambda: floats(2).zero_()),
    "mindspore.Tensor.set_data": StandIn(set_data, lambda: floats(2).set_data(floats(2))),
    "mindspore.Tensor.masked_fill_": StandIn(masked_fill_, lambda: floats(2).masked_fill_(floats(2) > 0, 0.0)),
    "mindspore.Tensor.scatter_": StandIn(scatter_, lambda: floats(2).scatter_(0, whole(0), 1.0)),
    "mindspore.Tensor.normal_": StandIn(normal_, lambda: floats(2).normal_()),
    "mindspore.Tensor.uniform_": StandIn(uniform_, lambda: floats(2).uniform_()),
}
"""Qualified name of a method → its stand-in."""
