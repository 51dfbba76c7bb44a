"""`mint.nn.functional.layer_norm`, `embedding`, `cross_entropy` and the like: what layers and losses are made of."""

from __future__ import annotations

from typing import Any

import mindspore
from mindspore import mint, ops

from .numbers import floats, is_float, total, whole, wide
from .types import StandIn


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Stand in for `mint.nn.functional.layer_norm`."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if tuple(input.shape[input.ndim - len(shape) :]) != shape:
        raise ValueError(f"layer_norm over {shape} does not fit an input of shape {input.shape}")
    if 0 in input.shape:
        return input
    x = wide(input)
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    apart = x - x.mean(axes, keep_dims=True)
    value = apart * ops.rsqrt((apart * apart).mean(axes, keep_dims=True) + eps)
    if weight is not None:
        value = value * weight
    if bias is not None:
        value = value + bias
    return value.astype(input.dtype)


def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.batch_norm`: channels are axis 1. Training moves the running values in place."""
    x = wide(input)
    shape = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    if training:
        axes = (0, *range(2, x.ndim))
        count = x.size // max(x.shape[1], 1)
        mean = x.mean(axes)
        apart = x - mean.reshape(shape)
        spread = (apart * apart).mean(axes)
        if running_mean is not None:
            running_mean.copy_((running_mean * (1 - momentum) + mean * momentum).astype(running_mean.dtype))
        if running_var is not None:
            unbiased = spread * (count / max(count - 1, 1))
            running_var.copy_((running_var * (1 - momentum) + unbiased * momentum).astype(running_var.dtype))
    else:
        mean, spread = wide(running_mean), wide(running_var)
    value = (x - mean.reshape(shape)) * ops.rsqrt(spread + eps).reshape(shape)
    if weight is not None:
        value = value * weight.reshape(shape)
    if bias is not None:
        value = value + bias.reshape(shape)
    return value.astype(input.dtype)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    """Stand in for `mint.nn.functional.normalize`."""
    x = wide(input)
    size = ops.abs(x)
    if p == float("inf"):
        length = ops.amax(size, dim, True)
    elif p == 2:
        length = ops.sqrt(total(size * size, dim, True))
    else:
        length = ops.pow(total(ops.pow(size, p), dim, True), 1 / p)
    return (x / ops.clamp(length, eps, None)).astype(input.dtype)


def log_softmax(input: Any, dim: Any = None, *, dtype: Any = None) -> Any:
    """Stand in for `mint.nn.functional.log_softmax`: along axis 0 of 0, 1 or 3 axes and axis 1 of others by default."""
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
    kind = input.dtype if dtype is None else dtype
    x = input.astype(kind)
    if 0 in x.shape or x.ndim == 0:
        return x * 0
    x = wide(x)
    x = x - ops.stop_gradient(ops.amax(x, dim, True))
    return (x - ops.log(ops.exp(x).sum(dim, keepdims=True))).astype(kind)


def embedding(
    input: Any, weight: Any, padding_idx: Any = None, max_norm: Any = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.embedding`; the row `padding_idx` gets no gradient.

    With `max_norm` rows that are looked up and longer are shortened in `weight`, which no graph does.
    """
    if max_norm is not None:
        rows = ops.unique(input.reshape(-1).astype(mindspore.int64))[0]
        found = wide(ops.gather(weight, rows, 0))
        lengths = ops.pow(ops.pow(ops.abs(found), norm_type).sum(-1, keepdims=True), 1 / norm_type)
        found = found * ops.where(lengths > max_norm, max_norm / (lengths + 1e-7), ops.ones_like(lengths))
        weight.copy_(ops.tensor_scatter_update(weight, rows.expand_dims(-1), found.astype(weight.dtype)))
    value = ops.gather(weight, input, 0)
    if padding_idx is not None:
        padding_idx = padding_idx + weight.shape[0] if padding_idx < 0 else padding_idx
        value = ops.where((input == padding_idx).expand_dims(-1), ops.stop_gradient(value), value)
    if scale_grad_by_freq:
        flat = input.reshape(-1)
        often = (flat.expand_dims(0) == flat.expand_dims(1)).astype(value.dtype).sum(1)
        part = value / often.reshape((*input.shape, 1))
        value = part + ops.stop_gradient(value - part)
    return value


def _reduced(losses: Any, reduction: str, dtype: Any) -> Any:
    if reduction == "none":
        return losses.astype(dtype)
    if reduction == "sum":
        return total(losses).astype(dtype)
    if reduction == "mean":
        return (total(losses) / losses.size if losses.size else total(losses) * float("nan")).astype(dtype)
    raise ValueError(f"there is no reduction {reduction!r}; there are 'none', 'mean' and 'sum'")


def _pair(input: Any, target: Any) -> Any:
    dtype = input.dtype if is_float(input) else target.dtype
    return wide(input), wide(target), dtype


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Stand in for `mint.nn.functional.mse_loss`."""
    x, y, dtype = _pair(input, target)
    return _reduced((x - y) * (x - y), reduction, dtype)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Stand in for `mint.nn.functional.l1_loss`."""
    x, y, dtype = _pair(input, target)
    return _reduced(ops.abs(x - y), reduction, dtype)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """Stand in for `mint.nn.functional.kl_div`."""
    x, y, dtype = _pair(input, target)
    if log_target:
        losses = ops.exp(y) * (y - x)
    else:
        safe = ops.where(y > 0, y, ops.ones_like(y))
        losses = ops.where(y > 0, y * ops.log(safe), ops.zeros_like(y)) - y * x
    if reduction == "batchmean":
        return (losses.sum() / losses.shape[0]).astype(dtype)
    return _reduced(losses, reduction, dtype)


def cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.cross_entropy`: classes are axis 1, or the only one.

    The target holds classes, or with the input's shape their probabilities.
    """
    axis = 1 if input.ndim > 1 else 0
    count = input.shape[axis]
    logs = -log_softmax(wide(input), axis)
    shape = (1,) * axis + (count,) + (1,) * (input.ndim - axis - 1)
    weights = ops.full(shape, 1, dtype=logs.dtype) if weight is None else wide(weight).reshape(shape)
    if target.shape == input.shape and is_float(target):
        wanted = wide(target) * (1 - label_smoothing) + label_smoothing / count
        losses = (logs * wanted * weights).sum(axis)
        rows = losses.size if axis else 1
        return (
            _reduced(losses, "sum", input.dtype) / rows
            if reduction == "mean"
            else _reduced(losses, reduction, input.dtype)
        )
    kept = target != ignore_index
    classes = ops.arange(0, count, 1, dtype=mindspore.int64).reshape(shape)
    wanted = (target.expand_dims(axis) == classes).astype(logs.dtype)
    of_each = (wanted * weights).sum(axis) * kept.astype(logs.dtype)
    losses = (ops.where(wanted > 0, logs, ops.zeros_like(logs)) * weights).sum(axis)
    losses = ops.where(kept, losses, ops.zeros_like(losses))
    if label_smoothing > 0:
        even = (logs * weights).sum(axis) * kept.astype(logs.dtype) / count
        losses = losses * (1 - label_smoothing) + even * label_smoothing
    if reduction == "mean":
        return (losses.sum() / of_each.sum()).astype(input.dtype)
    return _reduced(losses, reduction, input.dtype)


F = "mindspore.mint.nn.functional."

STAND_INS = {
    F + "layer_norm": StandIn(layer_norm, lambda: mint.nn.functional.layer_norm(floats(2, 2), (2,), floats(2))),
    F + "batch_norm": StandIn(
        batch_norm, lambda: mint.nn.functional.batch_norm(floats(2, 2), floats(2), floats(2), floats(2), floats(2))
    ),
    F + "normalize": StandIn(normalize, lambda: mint.nn.functional.normalize(floats(2, 2))),
    F + "log_softmax": StandIn(log_softmax, lambda: mint.nn.functional.log_softmax(floats(2, 2), -1)),
    F + "embedding": StandIn(embedding, lambda: mint.nn.functional.embedding(whole(0, 1), floats(2, 2))),
    F + "mse_loss": StandIn(mse_loss, lambda: mint.nn.functional.mse_loss(floats(2), floats(2))),
    F + "l1_loss": StandIn(l1_loss, lambda: mint.nn.functional.l1_loss(floats(2), floats(2))),
    F + "kl_div": StandIn(kl_div, lambda: mint.nn.functional.kl_div(floats(2), floats(2))),
    F + "cross_entropy": StandIn(cross_entropy, lambda: mint.nn.functional.cross_entropy(floats(2, 2), whole(0, 1))),
}
"""Qualified name → its stand-in."""
