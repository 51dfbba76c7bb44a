"""`mint.stack`, `index_select`, `pad` and the like: the same numbers in other places."""

from __future__ import annotations

from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, mint, ops

from .numbers import axis_of, floats, whole
from .types import StandIn


def stack(tensors: Any, dim: int = 0) -> Any:
    """Stand in for `mint.stack`."""
    return ops.stack(tensors, axis=dim)


def index_select(input: Any, dim: int, index: Any) -> Any:
    """Stand in for `mint.index_select`."""
    return ops.gather(input, index.reshape(-1), dim)


def repeat_interleave(input: Any, repeats: Any, dim: Any = None, *, output_size: Any = None) -> Any:
    """Stand in for `mint.repeat_interleave`: one number for all, or one for each. A graph takes the one number."""
    if dim is None:
        input, dim = input.reshape(-1), 0
    if isinstance(repeats, Tensor):
        repeats = repeats.item() if repeats.size == 1 else [int(one) for one in repeats.asnumpy()]
    if isinstance(repeats, int):
        index = ops.arange(0, input.shape[dim] * repeats, 1, dtype=mindspore.int64) // repeats
        return ops.gather(input, index, dim)
    return ops.gather(input, Tensor(np.repeat(np.arange(len(repeats)), repeats), mindspore.int64), dim)


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Stand in for `mint.roll`: of the flattened tensor without `dims`."""
    if dims is None or dims == ():
        shift = shifts if isinstance(shifts, int) else shifts[0]
        return _rolled(input.reshape(-1), shift, 0).reshape(input.shape)
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    for place in range(len(dims)):
        input = _rolled(input, shifts[place], axis_of(dims[place], input.ndim))
    return input


def _rolled(x: Any, shift: int, axis: int) -> Any:
    if x.shape[axis] == 0:
        return x
    index = (ops.arange(0, x.shape[axis], 1, dtype=mindspore.int64) - shift % x.shape[axis]) % x.shape[axis]
    return ops.gather(x, index, axis)


def tril(input: Any, diagonal: int = 0) -> Any:
    """Stand in for `mint.tril`."""
    rows = ops.arange(0, input.shape[-2], 1, dtype=mindspore.int64).reshape(-1, 1)
    columns = ops.arange(0, input.shape[-1], 1, dtype=mindspore.int64).reshape(1, -1)
    if 0 in input.shape:
        return input
    if input.dtype == mindspore.bool_:
        return ops.logical_and(input, columns <= rows + diagonal)
    return ops.where(columns <= rows + diagonal, input, ops.full(input.shape, 0, dtype=input.dtype))


def clone(input: Any) -> Any:
    """Stand in for `mint.clone`."""
    if input.dtype == mindspore.bool_:
        return ops.logical_and(input, input)
    return (input * 1).astype(input.dtype)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Stand in for `mint.nn.functional.one_hot`. A graph needs the number of classes."""
    if num_classes == -1:
        num_classes = int(tensor.max().item()) + 1
    classes = ops.arange(0, num_classes, 1, dtype=mindspore.int64)
    return (tensor.expand_dims(-1) == classes).astype(mindspore.int64)


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """Stand in for `mint.nn.functional.pad`: `constant`, `reflect`, `replicate` and `circular`; below 0 it cuts."""
    for place in range(len(pad) // 2):
        axis = input.ndim - 1 - place
        before, after = pad[2 * place], pad[2 * place + 1]
        if before < 0 or after < 0:
            stop = input.shape[axis] + min(after, 0)
            input = ops.narrow(input, axis, max(-before, 0), stop - max(-before, 0))
            before, after = max(before, 0), max(after, 0)
        if before == 0 and after == 0:
            continue
        if mode == "constant":
            input = ops.cat(
                (
                    _block(input, axis, before, value),
                    input,
                    _block(input, axis, after, value),
                ),
                axis,
            )
        else:
            input = ops.gather(input, _sources(input.shape[axis], before, after, mode), axis)
    return input


def _block(x: Any, axis: int, length: int, value: Any) -> Any:
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return ops.full(shape, 0 if value is None else value, dtype=x.dtype)


def _sources(size: int, before: int, after: int, mode: str) -> Any:
    """Return which element of an axis each element of the padded one is."""
    places = ops.arange(-before, size + after, 1, dtype=mindspore.int64)
    if mode == "replicate":
        return ops.clamp(places, 0, size - 1)
    if mode == "circular":
        return places % size
    if mode == "reflect":
        if before >= size or after >= size:
            raise ValueError(f"{size} elements cannot be reflected to {before} before and {after} after them")
        return (size - 1) - ops.abs((size - 1) - ops.abs(places))
    raise NotImplementedError(f"the stand-in for pad has no mode {mode!r}")


def t(input: Any) -> Any:
    """Stand in for `mint.t`."""
    return ops.transpose(input, (1, 0)) if input.ndim == 2 else input


def _transposed_in_a_graph() -> Any:
    """Call `mint.t` where its kernel is lacking, if anywhere; under its own name MindSpore would warn of views."""
    return mindspore.jit(getattr(ops.auto_generate, "t_ext", mint.t))(floats(2, 2))


STAND_INS = {
    "mindspore.mint.stack": StandIn(stack, lambda: mint.stack([floats(2), floats(2)])),
    "mindspore.mint.index_select": StandIn(index_select, lambda: mint.index_select(floats(2, 2), 0, whole(0))),
    "mindspore.mint.repeat_interleave": StandIn(repeat_interleave, lambda: mint.repeat_interleave(floats(2), 2)),
    "mindspore.mint.roll": StandIn(roll, lambda: mint.roll(floats(2), 1)),
    "mindspore.mint.tril": StandIn(tril, lambda: mint.tril(floats(2, 2))),
    "mindspore.mint.clone": StandIn(clone, lambda: mint.clone(floats(2))),
    "mindspore.mint.t": StandIn(t, _transposed_in_a_graph),
    "mindspore.mint.nn.functional.one_hot": StandIn(one_hot, lambda: mint.nn.functional.one_hot(whole(0, 1), 2)),
    "mindspore.mint.nn.functional.pad": StandIn(pad, lambda: mint.nn.functional.pad(floats(2, 2), (1, 1))),
}
"""Qualified name → its stand-in."""
