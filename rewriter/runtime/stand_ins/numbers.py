"""Small tensors for the probes, and the types in which the stand-ins compute."""

from __future__ import annotations

from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, ops


def floats(*shape: int) -> Any:
    """Return a float32 tensor of a shape, with numbers between 0 and 1."""
    count = int(np.prod(shape))
    return Tensor(((np.arange(count) + 0.5) / count).reshape(shape).astype(np.float32))


def whole(*numbers: int) -> Any:
    """Return an int64 tensor with one axis."""
    return Tensor(np.array(numbers, np.int64))


def wide(x: Any) -> Any:
    """Return a tensor in the type that sums are taken in: float32 in the place of what is shorter."""
    if x.dtype == mindspore.float16 or x.dtype == mindspore.bfloat16:
        return x.astype(mindspore.float32)
    return x


def is_float(x: Any) -> bool:
    """Return whether a tensor holds floating-point numbers."""
    return bool(
        x.dtype == mindspore.float32
        or x.dtype == mindspore.float16
        or x.dtype == mindspore.bfloat16
        or x.dtype == mindspore.float64
    )


def real(x: Any) -> Any:
    """Return a tensor of floating-point numbers: float32 in the place of whole ones."""
    return x if is_float(x) else x.astype(mindspore.float32)


def axis_of(dim: int, ndim: int) -> int:
    """Return an axis counted from the front."""
    return dim + ndim if dim < 0 else dim


def total(x: Any, dims: Any = None, keepdims: bool = False) -> Any:
    """Return the sum along some axes, or all of them; MindSpore 2.10 sums up nothing to an arbitrary number."""
    if 0 not in x.shape:
        return x.sum(dims, keepdims=keepdims)
    dims = tuple(range(x.ndim)) if dims is None else (dims,) if isinstance(dims, int) else dims
    gone = [axis_of(dim, x.ndim) for dim in dims]
    shape = [1 if axis in gone else x.shape[axis] for axis in range(x.ndim) if keepdims or axis not in gone]
    return ops.full(tuple(shape), 0, dtype=x.dtype)


def put(x: Any, value: Any) -> Any:
    """Write into a tensor, which may be a view of another, or what `Parameter.data` gives.

    Of MindSpore 2.10, `copy_` misses the former's other tensor on a CPU, and `x[...] =` the latter's parameter.
    """
    if x.ndim == 0:
        x[...] = value
    else:
        x[:] = value
    return x
