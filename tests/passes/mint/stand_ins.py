"""Stand-ins for functions of `mindspore.mint` that have no kernel on a CPU, after their documentation.

`EAGER` computes with numpy, so that it shares no code with what it is compared to. `GRAPH` is for jit, which cannot
call numpy, and is written with operators that a CPU has. Both are needed for one check: a row of the table is right
when the source call, the numpy form and, compiled, the operator form agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.ops import operations as P

F = "mindspore.mint.nn.functional."
M = "mindspore.mint."


def _array(value: Any) -> Any:
    return value.asnumpy() if isinstance(value, Tensor) else value


def _tensor(value: Any, dtype: Any = None, like: Tensor | None = None) -> Tensor:
    dtype = dtype if dtype is not None else like.dtype if like is not None else None
    array = np.array(value, order="C")
    return Tensor(array, dtype) if dtype is not None else Tensor(array)


# ---------------------------------------------------------------------------------------------------- eager, with numpy


def _full(size: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    size = (size,) if isinstance(size, int) else tuple(size)
    return _tensor(np.full(size, fill_value), dtype)


def _arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Tensor:
    if end is None:
        start, end = 0, start
    whole = all(isinstance(number, int) for number in (start, end, step))
    return _tensor(np.arange(start, end, step), dtype or (mindspore.int64 if whole else mindspore.float32))


def _ones_like(input: Tensor, *, dtype: Any = None) -> Tensor:
    return _tensor(np.ones(input.shape), dtype, input)


def _zeros_like(input: Tensor, *, dtype: Any = None) -> Tensor:
    return _tensor(np.zeros(input.shape), dtype, input)


def _full_like(input: Tensor, fill_value: Any, *, dtype: Any = None) -> Tensor:
    return _tensor(np.full(input.shape, fill_value), dtype, input)


def _randn(*size: Any, generator: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    size = tuple(size[0]) if isinstance(size[0], (tuple, list)) else size
    return _tensor(np.random.randn(*size), dtype or mindspore.float32)


def _rand(*size: Any, generator: Any = None, dtype: Any = None, device: Any = None) -> Tensor:
    size = tuple(size[0]) if isinstance(size[0], (tuple, list)) else size
    return _tensor(np.random.rand(*size), dtype or mindspore.float32)


def _mm(input: Tensor, mat2: Tensor) -> Tensor:
    return _tensor(_array(input) @ _array(mat2))


def _tril(input: Tensor, diagonal: int = 0) -> Tensor:
    return _tensor(np.tril(_array(input), diagonal))


def _stack(tensors: Any, dim: int = 0) -> Tensor:
    return _tensor(np.stack([_array(one) for one in tensors], dim))


def _index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    return _tensor(np.take(_array(input), _array(index), dim))


def _repeat_interleave(input: Tensor, repeats: int, dim: int | None = None, output_size: Any = None) -> Tensor:
    return _tensor(np.repeat(_array(input), repeats, dim))


def _argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return _tensor(np.argmax(_array(input), dim, keepdims=keepdim and dim is not None), mindspore.int64)


def _argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return _tensor(np.argmin(_array(input), dim, keepdims=keepdim and dim is not None), mindspore.int64)


def _topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Tensor, Tensor]:
    order = np.argsort(-_array(input), dim, kind="stable").take(range(k), dim)
    return _tensor(np.take_along_axis(_array(input), order, dim)), _tensor(order, mindspore.int64)


def _norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    if isinstance(p, str) or not isinstance(dim, int):
        raise NotImplementedError("vectors along one axis only")
    powers = np.abs(_array(input).astype(np.float64)) ** p
    return _tensor(powers.sum(dim, keepdims=keepdim) ** (1 / p), dtype, input)


def _var(input: Tensor, dim: Any = None, *, correction: int = 1, keepdim: bool = False) -> Tensor:
    return _tensor(np.var(_array(input).astype(np.float64), dim, ddof=correction, keepdims=keepdim), None, input)


def _std(input: Tensor, dim: Any = None, *, correction: int = 1, keepdim: bool = False) -> Tensor:
    return _tensor(np.std(_array(input).astype(np.float64), dim, ddof=correction, keepdims=keepdim), None, input)


def _logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    return _tensor(np.log(np.exp(_array(input).astype(np.float64)).sum(dim, keepdims=keepdim)), None, input)


def _cumsum(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    whole = not np.issubdtype(_array(input).dtype, np.floating)
    return _tensor(np.cumsum(_array(input), dim), dtype or (mindspore.int64 if whole else input.dtype))


def _outer(input: Tensor, vec2: Tensor) -> Tensor:
    return _tensor(np.outer(_array(input), _array(vec2)))


def _baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    product = _array(batch1).astype(np.float64) @ _array(batch2).astype(np.float64)
    return _tensor(beta * _array(input) + alpha * product, None, input)


def _einsum(equation: str, *operands: Tensor) -> Tensor:
    return _tensor(np.einsum(equation, *(_array(one).astype(np.float64) for one in operands)), None, operands[0])


_ERF = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    value = _array(input).astype(np.float64)
    if approximate == "none":
        return _tensor(value * 0.5 * (1 + _ERF(value / math.sqrt(2))), None, input)
    inner = math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)
    return _tensor(0.5 * value * (1 + np.tanh(inner)), None, input)


def _layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    count = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    axes = tuple(range(-count, 0))
    value = _array(input).astype(np.float64)
    value = (value - value.mean(axes, keepdims=True)) / np.sqrt(value.var(axes, keepdims=True) + eps)
    value = value * (1 if weight is None else _array(weight)) + (0 if bias is None else _array(bias))
    return _tensor(value, None, input)


def _log_softmax(input: Tensor, dim: Any = None, *, dtype: Any = None) -> Tensor:
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
    value = _array(input).astype(np.float64)
    value = value - value.max(dim, keepdims=True)
    return _tensor(value - np.log(np.exp(value).sum(dim, keepdims=True)), dtype, input)


def _leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    value = _array(input)
    return _tensor(np.where(value > 0, value, value * value.dtype.type(negative_slope)))


def _embedding(input: Tensor, weight: Tensor, *rest: Any, **named: Any) -> Tensor:
    if rest or named:
        raise NotImplementedError("the plain look-up only")
    return _tensor(_array(weight)[_array(input)])


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if not training or p == 0:
        return input
    return _tensor(_array(input) * (np.random.rand(*input.shape) >= p) / (1 - p), None, input)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)  # type: ignore[return-value]


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    if groups != 1 or _pair(dilation) != (1, 1):
        raise NotImplementedError("one group, no dilation")
    (down, right), (above, left) = _pair(stride), _pair(padding)
    image = np.pad(_array(input).astype(np.float64), ((0, 0), (0, 0), (above, above), (left, left)))
    kernel = _array(weight).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[2:], axis=(2, 3))[:, :, ::down, ::right]
    value = np.einsum("nchwij,ocij->nohw", windows, kernel)
    return _tensor(value if bias is None else value + _array(bias)[:, None, None], None, input)


def _cross_entropy(
    input: Tensor, target: Tensor, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    if weight is not None or input.ndim != 2:
        raise NotImplementedError("two axes, no weights")
    logs, labels = _array(_log_softmax(input.float(), 1)).astype(np.float64), _array(target)
    kept = labels != ignore_index
    picked = np.take_along_axis(logs, np.where(kept, labels, 0)[:, None], 1)[:, 0]
    losses = -(1 - label_smoothing) * picked - label_smoothing * logs.mean(1)
    losses = np.where(kept, losses, 0.0)
    value = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / kept.sum()}[reduction]
    return _tensor(value, None, input)


def _mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    if input.dtype != target.dtype:
        raise TypeError("mse_loss: input and target are in different data types")
    squares = (_array(input).astype(np.float64) - _array(target)) ** 2
    return _tensor({"none": squares, "sum": squares.sum(), "mean": squares.mean()}[reduction], None, input)


def _pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    if mode != "constant":
        raise NotImplementedError("constants only")
    widths = [(0, 0)] * (input.ndim - len(pad) // 2) + [tuple(pad[i : i + 2]) for i in range(len(pad) - 2, -1, -2)]
    return _tensor(np.pad(_array(input), widths, constant_values=value or 0))


def _one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    indices = _array(tensor)
    return _tensor(np.eye(indices.max() + 1 if num_classes == -1 else num_classes)[indices], mindspore.int64)


def _normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    lengths = (np.abs(_array(input)) ** p).sum(dim, keepdims=True) ** (1 / p)
    return _tensor(_array(input) / np.maximum(lengths, eps), None, input)


class _GELU(nn.Cell):
    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def construct(self, input: Tensor) -> Tensor:
        return _gelu(input, approximate=self.approximate)


class _Dropout(nn.Cell):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = p

    def construct(self, input: Tensor) -> Tensor:
        return _dropout(input, self.p, self.training)


class _Conv2d(mindspore.mint.nn.Conv2d):
    """The real layer, so that parameters and their initial values are its own; only the kernel is stood in for."""

    def construct(self, input: Tensor) -> Tensor:
        return _conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


EAGER: dict[str, Callable[..., Any]] = {
    M + "full": _full, M + "arange": _arange, M + "ones_like": _ones_like, M + "zeros_like": _zeros_like,
    M + "full_like": _full_like, M + "randn": _randn, M + "tril": _tril, M + "stack": _stack,
    M + "rand": _rand, M + "mm": _mm,
    M + "index_select": _index_select, M + "repeat_interleave": _repeat_interleave, M + "argmax": _argmax,
    M + "argmin": _argmin, M + "topk": _topk, M + "norm": _norm, M + "var": _var, M + "std": _std,
    M + "logsumexp": _logsumexp, M + "cumsum": _cumsum, M + "outer": _outer, M + "baddbmm": _baddbmm,
    M + "einsum": _einsum, F + "gelu": _gelu, F + "layer_norm": _layer_norm, F + "log_softmax": _log_softmax,
    F + "leaky_relu": _leaky_relu, F + "embedding": _embedding, F + "dropout": _dropout, F + "conv2d": _conv2d,
    F + "cross_entropy": _cross_entropy, F + "mse_loss": _mse_loss, F + "pad": _pad, F + "one_hot": _one_hot,
    F + "normalize": _normalize, M + "nn.GELU": _GELU, M + "nn.Conv2d": _Conv2d, M + "nn.Dropout": _Dropout,
}  # fmt: skip


# -------------------------------------------------------------------------------------------------- jit, with operators


def _graph_full_like(input, fill_value, *, dtype=None):
    return ops.full_like(input, fill_value, dtype=dtype)


def _graph_randn(*size, generator=None, dtype=None, device=None):
    size = size[0] if isinstance(size[0], tuple) else size
    return ops.standard_normal(size).astype(mindspore.float32 if dtype is None else dtype)


def _graph_rand(*size, generator=None, dtype=None, device=None):
    size = size[0] if isinstance(size[0], tuple) else size
    return ops.standard_normal(size).astype(mindspore.float32 if dtype is None else dtype)


def _graph_mm(input, mat2):
    return ops.matmul(input, mat2)


def _graph_tril(input, diagonal=0):
    rows = ops.arange(input.shape[-2]).view(-1, 1)
    columns = ops.arange(input.shape[-1]).view(1, -1)
    return ops.where(columns <= rows + diagonal, input, ops.zeros_like(input))


def _graph_stack(tensors, dim=0):
    parts = ()
    for one in tensors:
        parts = (*parts, ops.expand_dims(one, dim))
    return ops.cat(parts, dim)


def _graph_index_select(input, dim, index):
    return ops.gather(input, index, dim)


def _graph_repeat_interleave(input, repeats, dim=None, output_size=None):
    index = ops.arange(input.shape[dim] * repeats) // repeats
    return ops.gather(input, index, dim)


def _graph_argmin(input, dim=None, keepdim=False):
    return ops.argmax(-input, dim, keepdim)


def _graph_norm(input, p="fro", dim=None, keepdim=False, *, dtype=None):
    return ops.pow(ops.ReduceSum(keepdim)(ops.pow(ops.abs(input), p), dim), 1 / p)


def _graph_var(input, dim=None, *, correction=1, keepdim=False):
    centred = input - ops.ReduceMean(True)(input, dim)
    return ops.ReduceSum(keepdim)(centred * centred, dim) / (input.shape[dim] - correction)


def _graph_std(input, dim=None, *, correction=1, keepdim=False):
    return ops.sqrt(_graph_var(input, dim, correction=correction, keepdim=keepdim))


def _graph_logsumexp(input, dim, keepdim=False):
    return ops.log(ops.ReduceSum(keepdim)(ops.exp(input), dim))


def _graph_cumsum(input, dim, dtype=None):
    return P.CumSum()(input.astype(dtype), dim)


def _graph_outer(input, vec2):
    return input.view(-1, 1) * vec2.view(1, -1)


def _graph_baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    return beta * input + alpha * ops.matmul(batch1, batch2)


def _graph_gelu(input, *, approximate="none"):
    if approximate == "none":
        return input * 0.5 * (1.0 + ops.erf(input / math.sqrt(2)))
    return 0.5 * input * (1.0 + ops.tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)))


def _graph_layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    centred = input - ops.ReduceMean(True)(input, -1)
    value = centred / ops.sqrt(ops.ReduceMean(True)(centred * centred, -1) + eps)
    if weight is not None:
        value = value * weight
    if bias is not None:
        value = value + bias
    return value


def _graph_leaky_relu(input, negative_slope=0.01):
    return ops.where(input > 0, input, input * negative_slope)


def _graph_dropout(input, p=0.5, training=True, inplace=False):
    return ops.dropout(input, p, training)


def _graph_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    columns = ops.unfold(input, weight.shape[2:], 1, padding, stride)
    flat = weight.view(weight.shape[0], -1)
    value = ops.matmul(flat, columns)
    side = (input.shape[-1] + 2 * padding - weight.shape[-1]) // stride + 1
    value = value.view(input.shape[0], weight.shape[0], -1, side)
    if bias is not None:
        value = value + bias.view(1, -1, 1, 1)
    return value


def _graph_mse_loss(input, target, reduction="mean"):
    squares = ops.square(input - target)
    if reduction == "sum":
        return squares.sum()
    return squares.mean()


def _graph_cross_entropy(
    input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):  # fmt: skip
    shifted = input - ops.ReduceMax(True)(input, 1)
    logs = shifted - ops.log(ops.ReduceSum(True)(ops.exp(shifted), 1))
    kept = (target != ignore_index).astype(input.dtype)
    wanted = ops.expand_dims(target, 1) == ops.arange(input.shape[1]).view(1, -1)
    picked = ops.ReduceSum()(logs * wanted.astype(input.dtype), 1)
    losses = -kept * ((1.0 - label_smoothing) * picked + label_smoothing * ops.ReduceMean()(logs, 1))
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / kept.sum()


def _graph_t(input):
    return ops.transpose(input, (1, 0)) if input.ndim == 2 else input


class _GraphGELU(nn.Cell):
    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def construct(self, input):
        return _graph_gelu(input, approximate=self.approximate)


class _GraphDropout(nn.Cell):
    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        self.p = p

    def construct(self, input):
        return ops.dropout(input, self.p, self.training)


class _GraphConv2d(mindspore.mint.nn.Conv2d):
    def construct(self, input):
        return _graph_conv2d(input, self.weight, self.bias, self.stride[0], self.padding[0])


GRAPH: dict[str, Callable[..., Any]] = {
    M + "rand": _graph_rand, M + "mm": _graph_mm,
    M + "full_like": _graph_full_like, M + "randn": _graph_randn, M + "tril": _graph_tril, M + "stack": _graph_stack,
    M + "index_select": _graph_index_select, M + "repeat_interleave": _graph_repeat_interleave,
    M + "argmin": _graph_argmin, M + "norm": _graph_norm, M + "var": _graph_var, M + "std": _graph_std,
    M + "logsumexp": _graph_logsumexp, M + "cumsum": _graph_cumsum, M + "outer": _graph_outer,
    M + "baddbmm": _graph_baddbmm, F + "gelu": _graph_gelu, F + "layer_norm": _graph_layer_norm,
    F + "leaky_relu": _graph_leaky_relu, F + "dropout": _graph_dropout, F + "conv2d": _graph_conv2d,
    F + "mse_loss": _graph_mse_loss, M + "t": _graph_t, M + "nn.GELU": _GraphGELU, M + "nn.Conv2d": _GraphConv2d,
    M + "nn.Dropout": _GraphDropout,
    F + "cross_entropy": _graph_cross_entropy,
}  # fmt: skip
