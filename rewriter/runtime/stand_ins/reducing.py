"""`mint.argmax`, `norm`, `sort` and the like: what looks along an axis."""

from __future__ import annotations

from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, mint, ops

from .numbers import axis_of, floats, is_float, real, total, whole, wide
from .types import StandIn


def argmax(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Stand in for `mint.argmax`: of the whole tensor without `dim`, and then without `keepdim`."""
    return _extreme(input, dim, keepdim)


def argmin(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Stand in for `mint.argmin`; see `argmax`."""
    if input.dtype == mindspore.bool_:
        return _extreme(ops.logical_not(input), dim, keepdim)
    return _extreme(-wide(input) if is_float(input) else -1 - input.astype(mindspore.int64), dim, keepdim)


def _extreme(input: Any, dim: Any, keepdim: bool) -> Any:
    if input.ndim == 0:
        return ops.full((), 0, dtype=mindspore.int64)
    if dim is None:
        return _places(input.reshape(-1), 0)
    found = _places(input, dim)
    return found.expand_dims(dim) if keepdim else found


def _places(x: Any, dim: int) -> Any:
    """Return the places of the largest; what is no number is larger than all numbers."""
    if 0 in x.shape:
        axis = axis_of(dim, x.ndim)
        if x.shape[axis] == 0:
            raise IndexError(f"there is no largest of no elements; the shape is {x.shape}")
        return ops.full(x.shape[:axis] + x.shape[axis + 1 :], 0, dtype=mindspore.int64)
    found = ops.argmax(x, dim)
    if is_float(x):
        unknown = ops.isnan(x).astype(mindspore.float32)
        found = ops.where(ops.amax(unknown, dim) > 0, ops.argmax(unknown, dim), found)
    return found.astype(mindspore.int64)


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Stand in for `mint.norm`: of vectors, for every `p` that is a number, and `"fro"`."""
    if isinstance(p, str):
        if p != "fro":
            raise NotImplementedError(f"the stand-in for norm has no p={p!r}")
        p = 2.0
    return _length(input, p, dim, keepdim, dtype)


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Stand in for `mint.linalg.vector_norm`."""
    return _length(x, ord, dim, keepdim, dtype)


def linalg_norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Stand in for `mint.linalg.norm`: of vectors; of matrices without `ord`, or with "fro", 1, -1, inf or -inf."""
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    if ord is None or isinstance(dim, int) or (dim is None and A.ndim == 1):
        return _length(A, 2 if ord is None else ord, dim, keepdim, dtype)
    rows, columns = (0, 1) if dim is None else dim
    if ord == "fro":
        return _length(A, 2, (rows, columns), keepdim, dtype)
    if isinstance(ord, str) or abs(ord) == 2:
        raise NotImplementedError(f"the stand-in for linalg.norm has no ord={ord!r} of a matrix")
    summed, looked_at = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _length(A, 1, summed, True, dtype)
    found = ops.amax(sums, looked_at, True) if ord > 0 else ops.amin(sums, looked_at, True)
    return found if keepdim else found.squeeze((rows, columns))


def _length(x: Any, p: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    kind = x.dtype if dtype is None else dtype
    dim = tuple(dim) if isinstance(dim, list) else dim
    if dim is None or dim == ():
        dim = tuple(range(x.ndim))
    size = ops.abs(wide(x if dtype is None else x.astype(dtype)))
    if p == float("inf"):
        found = ops.amax(size, dim, keepdim)
    elif p == float("-inf"):
        found = ops.amin(size, dim, keepdim)
    elif p == 0:
        found = total((size != 0).astype(size.dtype), dim, keepdim)
    elif p == 1:
        found = total(size, dim, keepdim)
    elif p == 2:
        found = ops.sqrt(total(size * size, dim, keepdim))
    else:
        found = ops.pow(total(ops.pow(size, p), dim, keepdim), 1 / p)
    return found.astype(kind)


def _moments(input: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    """Return variance and mean, in the type that sums are taken in."""
    x = wide(input)
    dims = tuple(range(x.ndim)) if dim is None or dim == () else dim
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    count = 1
    for one in dims:
        count = count * x.shape[one]
    mean = total(x, dims, True) / count
    apart = x - mean
    degrees = max(count - correction, 0)
    squares = total(apart * apart, dims, keepdim)
    spread = squares / degrees if degrees else squares * float("nan")
    return spread, mean if keepdim else mean.reshape(spread.shape)


def var(input: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
    """Stand in for `mint.var`."""
    return _moments(input, dim, correction, keepdim)[0].astype(input.dtype)


def std(input: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
    """Stand in for `mint.std`."""
    return ops.sqrt(_moments(input, dim, correction, keepdim)[0]).astype(input.dtype)


def var_mean(input: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
    """Stand in for `mint.var_mean`."""
    spread, mean = _moments(input, dim, correction, keepdim)
    return spread.astype(input.dtype), mean.astype(input.dtype)


def std_mean(input: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
    """Stand in for `mint.std_mean`."""
    spread, mean = _moments(input, dim, correction, keepdim)
    return ops.sqrt(spread).astype(input.dtype), mean.astype(input.dtype)


def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """Stand in for `mint.logsumexp`."""
    x = wide(real(input))
    top = ops.stop_gradient(ops.amax(x, dim, True))
    top = ops.where(ops.isfinite(top), top, ops.zeros_like(top))
    found = ops.log(ops.exp(x - top).sum(dim, keepdims=True)) + top
    found = found if keepdim else found.sum(dim)
    return found.astype(input.dtype if is_float(input) else mindspore.float32)


def cumsum(input: Any, dim: int, dtype: Any = None) -> Any:
    """Stand in for `mint.cumsum`: int64 for whole numbers when no type is named."""
    if dtype is None:
        dtype = input.dtype if is_float(input) else mindspore.int64
    x = input.astype(dtype)
    if 0 in x.shape or x.ndim == 0:
        return x
    return ops.cumsum(wide(x), dim).astype(dtype)


def count_nonzero(input: Any, dim: Any = None) -> Any:
    """Stand in for `mint.count_nonzero`."""
    found = (input != 0).astype(mindspore.int64)
    return total(found, tuple(dim) if isinstance(dim, list) else dim)


def equal(input: Any, other: Any) -> bool:
    """Stand in for `mint.equal`: whether all elements are the same. Not in a graph."""
    return bool(input.shape == other.shape and (input == other).all().item())


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Stand in for `mint.topk`."""
    if input.ndim == 0:
        return input, ops.full((), 0, dtype=mindspore.int64)
    if k == 0:
        axis = axis_of(dim, input.ndim)
        shape = (*input.shape[:axis], 0, *input.shape[axis + 1 :])
        return ops.full(shape, 0, dtype=input.dtype), ops.full(shape, 0, dtype=mindspore.int64)
    values, indices = ops.topk(input, k, dim, largest, sorted)
    return values, indices.astype(mindspore.int64)


def sort(input: Any, *, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Stand in for `mint.sort`: always stable, as PyTorch is on a CPU. Not in a graph."""
    indices = argsort(input, dim, descending, stable)
    return (ops.gather_elements(input, dim, indices) if input.ndim else input), indices


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Stand in for `mint.argsort`; see `sort`."""
    found = input.float().asnumpy() if input.dtype == mindspore.bfloat16 else input.asnumpy()
    if not found.ndim:
        return Tensor(0, mindspore.int64)
    if descending:  # the last of the equal ones first in a reversed order
        order = found.shape[dim] - 1 - np.flip(np.argsort(np.flip(found, dim), dim, kind="stable"), dim)
    else:
        order = np.argsort(found, dim, kind="stable")
    return Tensor(np.ascontiguousarray(order), mindspore.int64)


def median(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Stand in for `mint.median`: the lower of the two in the middle; with its place when `dim` is given."""
    if dim is None:
        return sort(input.reshape(-1))[0][(input.size - 1) // 2]
    values, indices = sort(input, dim=dim)
    place = (slice(None),) * axis_of(dim, input.ndim) + ((input.shape[dim] - 1) // 2,)
    values, indices = values[place], indices[place]
    return (values.expand_dims(dim), indices.expand_dims(dim)) if keepdim else (values, indices)


def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """Stand in for `mint.unique`: sorted always. Not in a graph."""
    found, inverse, counts = np.unique(input.asnumpy(), return_inverse=True, return_counts=True, axis=dim)
    parts = [Tensor(found)]
    if return_inverse:
        parts.append(Tensor(inverse.reshape(input.shape if dim is None else (-1,)), mindspore.int64))
    if return_counts:
        parts.append(Tensor(counts, mindspore.int64))
    return parts[0] if len(parts) == 1 else tuple(parts)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Stand in for `mint.bincount`. Not in a graph."""
    if weights is None:
        return Tensor(np.bincount(input.asnumpy(), minlength=minlength), mindspore.int64)
    found = np.bincount(input.asnumpy(), weights.asnumpy(), minlength)
    return Tensor(found, weights.dtype if is_float(weights) else mindspore.float64)


STAND_INS = {
    "mindspore.mint.argmax": StandIn(argmax, lambda: mint.argmax(floats(2, 2), -1)),
    "mindspore.mint.argmin": StandIn(argmin, lambda: mint.argmin(floats(2, 2), -1)),
    "mindspore.mint.norm": StandIn(norm, lambda: mint.norm(floats(2, 2))),
    "mindspore.mint.linalg.norm": StandIn(linalg_norm, lambda: mint.linalg.norm(floats(2, 2))),
    "mindspore.mint.linalg.vector_norm": StandIn(vector_norm, lambda: mint.linalg.vector_norm(floats(2, 2))),
    "mindspore.mint.var": StandIn(var, lambda: mint.var(floats(2, 2))),
    "mindspore.mint.std": StandIn(std, lambda: mint.std(floats(2, 2))),
    "mindspore.mint.var_mean": StandIn(var_mean, lambda: mint.var_mean(floats(2, 2), 0)),
    "mindspore.mint.std_mean": StandIn(std_mean, lambda: mint.std_mean(floats(2, 2), 0)),
    "mindspore.mint.logsumexp": StandIn(logsumexp, lambda: mint.logsumexp(floats(2, 2), -1)),
    "mindspore.mint.cumsum": StandIn(cumsum, lambda: mint.cumsum(floats(2, 2), -1)),
    "mindspore.mint.count_nonzero": StandIn(count_nonzero, lambda: mint.count_nonzero(floats(2, 2))),
    "mindspore.mint.equal": StandIn(equal, lambda: mint.equal(floats(2), floats(2))),
    "mindspore.mint.topk": StandIn(topk, lambda: mint.topk(floats(2, 2), 1)),
    "mindspore.mint.sort": StandIn(sort, lambda: mint.sort(floats(2, 2))),
    "mindspore.mint.argsort": StandIn(argsort, lambda: mint.argsort(floats(2, 2))),
    "mindspore.mint.median": StandIn(median, lambda: mint.median(floats(2, 2))),
    "mindspore.mint.unique": StandIn(unique, lambda: mint.unique(whole(1, 1))),
    "mindspore.mint.bincount": StandIn(bincount, lambda: mint.bincount(whole(1, 1))),
}
"""Qualified name → its stand-in."""
