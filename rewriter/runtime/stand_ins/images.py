"""`mint.nn.functional.conv2d`, `interpolate`, pooling: windows over the last axes of (items, channels, …)."""

from __future__ import annotations

from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor, mint, ops
from mindspore.ops import constexpr

from .arranging import pad as padded
from .numbers import floats, wide
from .types import StandIn


def _pair(value: Any) -> Any:
    if isinstance(value, int):
        return (value, value)
    return (value[0], value[0]) if len(value) == 1 else tuple(value)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Stand in for `mint.nn.functional.conv2d`: padding in numbers, "valid" or "same"."""
    if input.ndim == 3:
        return conv2d(input.expand_dims(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    x, w = wide(input), wide(weight)
    rows, columns = w.shape[2], w.shape[3]
    stride, dilation = _pair(stride), _pair(dilation)
    if isinstance(padding, str):
        beside = (0, 0, 0, 0)
        if padding == "same":
            high, broad = (rows - 1) * dilation[0], (columns - 1) * dilation[1]
            beside = (high // 2, high - high // 2, broad // 2, broad - broad // 2)
    else:
        above, left = _pair(padding)
        beside = (above, above, left, left)
    if stride == (rows, columns) and beside == (0, 0, 0, 0) and dilation == (1, 1) and groups == 1:
        value = _patches(x, w)
    else:
        window = ops.Conv2D(w.shape[0], (rows, columns), 1, "pad", beside, stride, dilation, groups)
        if x.shape[0] == 0:
            x = ops.full((1, *x.shape[1:]), 0, dtype=x.dtype)
            value = window(x, w)[:0]
        else:
            value = window(x, w)
    if bias is not None:
        value = value + wide(bias).reshape(1, -1, 1, 1)
    return value.astype(input.dtype)


def _patches(x: Any, w: Any) -> Any:
    """Multiply what lies side by side as one matrix."""
    count, channels = x.shape[0], x.shape[1]
    high, broad = w.shape[2], w.shape[3]
    down, across = x.shape[2] // high, x.shape[3] // broad
    x = ops.narrow(ops.narrow(x, 2, 0, down * high), 3, 0, across * broad).reshape(
        count, channels, down, high, across, broad
    )
    flat = x.permute(0, 2, 4, 1, 3, 5).reshape(count * down * across, channels * high * broad)
    if 0 in flat.shape:
        return ops.full((count, w.shape[0], down, across), 0, dtype=x.dtype)
    value = ops.matmul(flat, w.reshape(w.shape[0], -1).T)
    return value.reshape(count, down, across, w.shape[0]).permute(0, 3, 1, 2)


def _single(value: Any) -> Any:
    return value if isinstance(value, int) else value[0]


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Stand in for `mint.nn.functional.conv1d`; see `conv2d`."""
    beside = padding if isinstance(padding, str) else (0, _single(padding))
    value = conv2d(
        input.expand_dims(-2), weight.expand_dims(-2), bias, (1, _single(stride)), beside, (1, _single(dilation)),
        groups,
    )  # fmt: skip
    return value.squeeze(-2)


def conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.conv_transpose2d`: a convolution of the input set apart by zeros."""
    if input.ndim == 3:
        return conv_transpose2d(
            input.expand_dims(0), weight, bias, stride, padding, output_padding, groups, dilation
        ).squeeze(0)
    stride, padding, more, dilation = _pair(stride), _pair(padding), _pair(output_padding), _pair(dilation)
    x = input
    for axis in (2, 3):
        x = _apart(x, axis, stride[axis - 2])
    high = dilation[0] * (weight.shape[2] - 1) - padding[0]
    broad = dilation[1] * (weight.shape[3] - 1) - padding[1]
    x = padded(x, (broad, broad + more[1], high, high + more[0]))
    taken, given = weight.shape[0] // groups, weight.shape[1]
    flipped = ops.flip(weight, (2, 3)).reshape(groups, taken, given, weight.shape[2], weight.shape[3])
    flipped = flipped.permute(0, 2, 1, 3, 4).reshape(groups * given, taken, weight.shape[2], weight.shape[3])
    return conv2d(x, flipped, bias, 1, 0, dilation, groups)


def _apart(x: Any, axis: int, step: int) -> Any:
    """Put `step - 1` zeros between the elements of an axis."""
    if step == 1:
        return x
    shape = x.shape
    zeros = ops.full((*shape, step - 1), 0, dtype=x.dtype)
    if axis == 2:
        zeros = zeros.permute(0, 1, 2, 4, 3)
        wider = ops.cat((x.expand_dims(3), zeros), 3).reshape(shape[0], shape[1], shape[2] * step, shape[3])
        return ops.narrow(wider, 2, 0, (shape[2] - 1) * step + 1)
    wider = ops.cat((x.expand_dims(4), zeros), 4).reshape(shape[0], shape[1], shape[2], shape[3] * step)
    return ops.narrow(wider, 3, 0, (shape[3] - 1) * step + 1)


def _pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    reach = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return reach // stride + 1
    found = -(-reach // stride) + 1
    return found - 1 if (found - 1) * stride >= size + padding else found


def _windows(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, fill: float) -> Any:
    """Return, for each place of a window, what lies there: (places, items, channels, rows, columns)."""
    down = _pooled_size(x.shape[2], kernel[0], stride[0], padding[0], dilation[0], ceil_mode)
    across = _pooled_size(x.shape[3], kernel[1], stride[1], padding[1], dilation[1], ceil_mode)
    below = max((down - 1) * stride[0] + dilation[0] * (kernel[0] - 1) + 1 - x.shape[2] - padding[0], 0)
    right = max((across - 1) * stride[1] + dilation[1] * (kernel[1] - 1) + 1 - x.shape[3] - padding[1], 0)
    x = padded(x, (padding[1], right, padding[0], below), value=fill)
    parts = []
    rows = ops.arange(0, down, 1, dtype=mindspore.int64) * stride[0]
    columns = ops.arange(0, across, 1, dtype=mindspore.int64) * stride[1]
    for row in range(kernel[0]):
        line = ops.gather(x, rows + row * dilation[0], 2)  # a slice with steps has a gradient that breaks off
        for column in range(kernel[1]):
            parts.append(ops.gather(line, columns + column * dilation[1], 3))
    return ops.stack(parts, 0)


def max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.max_pool2d`."""
    if return_indices:
        raise NotImplementedError("the stand-in for max_pool2d returns no indices")
    if input.ndim == 3:
        return max_pool2d(input.expand_dims(0), kernel_size, stride, padding, dilation, ceil_mode).squeeze(0)
    kernel = _pair(kernel_size)
    steps = kernel if stride is None else _pair(stride)
    lowest = -65504.0 if input.dtype == mindspore.float16 else -3.4028234663852886e38
    return ops.amax(_windows(input, kernel, steps, _pair(padding), _pair(dilation), ceil_mode, lowest), 0)


def avg_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Any = None,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.avg_pool2d`."""
    if input.ndim == 3:
        return avg_pool2d(
            input.expand_dims(0), kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        ).squeeze(0)
    kernel, beside = _pair(kernel_size), _pair(padding)
    steps = kernel if stride is None else _pair(stride)
    x = wide(input)
    sums = _windows(x, kernel, steps, beside, (1, 1), ceil_mode, 0.0).sum(0)
    if divisor_override is not None:
        return (sums / divisor_override).astype(input.dtype)
    ones = ops.full((1, 1, x.shape[2], x.shape[3]), 1, dtype=x.dtype)
    if count_include_pad:  # but never what a last window reaches beyond the padding
        ones = padded(ones, (beside[1], beside[1], beside[0], beside[0]), value=1)
        beside = (0, 0)
    counts = _windows(ones, kernel, steps, beside, (1, 1), ceil_mode, 0.0).sum(0)
    return (sums / counts).astype(input.dtype)


def avg_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.avg_pool1d`."""
    steps = _single(kernel_size) if stride is None else _single(stride)
    value = avg_pool2d(
        input.expand_dims(-2), (1, _single(kernel_size)), (1, steps), (0, _single(padding)), ceil_mode,
        count_include_pad,
    )  # fmt: skip
    return value.squeeze(-2)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Stand in for `mint.nn.functional.adaptive_avg_pool2d`."""
    sizes = (output_size, output_size) if isinstance(output_size, int) else output_size
    x = wide(input)
    for axis in (-2, -1):
        if sizes[axis] is not None:
            x = _evenly(x, sizes[axis], x.ndim + axis)
    return x.astype(input.dtype)


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Stand in for `mint.nn.functional.adaptive_avg_pool1d`."""
    return _evenly(wide(input), _single(output_size), input.ndim - 1).astype(input.dtype)


def _evenly(x: Any, count: int, axis: int) -> Any:
    size = x.shape[axis]
    parts = []
    for place in range(count):
        first, last = place * size // count, -(-(place + 1) * size // count)
        parts.append(ops.narrow(x, axis, first, last - first).mean(axis))
    return ops.stack(parts, axis)


def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None,
) -> Any:  # fmt: skip
    """Stand in for `mint.nn.functional.interpolate`: nearest, linear, bilinear and bicubic.

    Each axis is multiplied by a matrix that says how much of each old element is in each new one.
    """
    x = wide(input)
    plan = _shares(input.shape, size, scale_factor, mode, align_corners, recompute_scale_factor)
    for place in range(len(plan)):
        old, new, shares = plan[place]
        last = x.swapaxes(place + 2, -1)
        flat = ops.matmul(last.reshape(-1, old), Tensor(shares, mindspore.float32).astype(x.dtype))
        x = flat.reshape((*last.shape[:-1], new)).swapaxes(place + 2, -1)
    return x.astype(input.dtype)


@constexpr  # type: ignore[untyped-decorator]  # of MindSpore, which has no types
def _shares(shape: Any, size: Any, factor: Any, mode: str, aligned: Any, recomputed: Any) -> Any:
    """Return, for each axis but the first two, its old size, its new size, and what `_matrix` says of them."""
    count = len(shape) - 2
    if size is not None:
        sizes = [size] * count if isinstance(size, int) else list(size)
        factors: list[Any] = [None] * count
    else:
        factors = list(factor) if isinstance(factor, (list, tuple)) else [factor] * count
        sizes = [int(old * one) for old, one in zip(shape[2:], factors, strict=True)]
        if recomputed:
            factors = [None] * count
    plan = []
    for old, new, one in zip(shape[2:], sizes, factors, strict=True):
        plan.append((old, int(new), _matrix(old, int(new), one, mode, bool(aligned))))
    return tuple(plan)


def _matrix(old: int, new: int, factor: float | None, mode: str, aligned: bool) -> tuple[tuple[float, ...], ...]:
    """Return (old, new): how much of each old element is in each new one."""
    ratio = old / new if factor is None else 1 / factor
    places: Any = np.arange(new)
    if mode == "nearest":
        reach = {0: np.ones(new)}
        first = np.minimum(np.floor(places * np.float32(ratio)).astype(int), old - 1)
    else:
        step = (old - 1) / (new - 1) if new > 1 else 0.0
        places = places * step if aligned else (places + 0.5) * ratio - 0.5
        if mode == "bicubic":
            first = np.floor(places).astype(int)
            reach = {apart: _cubic(np.abs(places - first - apart)) for apart in (-1, 0, 1, 2)}
        elif mode in ("linear", "bilinear"):
            places = np.maximum(places, 0)
            first = np.minimum(np.floor(places).astype(int), old - 1)
            reach = {0: 1 - (places - first), 1: places - first}
        else:
            raise NotImplementedError(f"the stand-in for interpolate has no mode {mode!r}")
    shares = np.zeros((old, new))
    for apart, share in reach.items():
        np.add.at(shares, (np.clip(first + apart, 0, old - 1), np.arange(new)), share)
    return tuple(map(tuple, shares.tolist()))


def _cubic(distance: Any) -> Any:
    """Return the weight of a cubic convolution with -0.75, as PyTorch has it."""
    near = (1.25 * distance - 2.25) * distance * distance + 1
    far = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Stand in for `mint.nn.functional.unfold`: (items, channels · window, windows)."""
    kernel = _pair(kernel_size)
    parts = _windows(input, kernel, _pair(stride), _pair(padding), _pair(dilation), False, 0.0)
    return parts.permute(1, 2, 0, 3, 4).reshape(input.shape[0], input.shape[1] * kernel[0] * kernel[1], -1)


F = "mindspore.mint.nn.functional."

STAND_INS = {
    F + "conv1d": StandIn(conv1d, lambda: mint.nn.functional.conv1d(floats(1, 2, 2), floats(2, 2, 2))),
    F + "conv2d": StandIn(conv2d, lambda: mint.nn.functional.conv2d(floats(1, 2, 2, 2), floats(2, 2, 2, 2))),
    F + "conv_transpose2d": StandIn(
        conv_transpose2d, lambda: mint.nn.functional.conv_transpose2d(floats(1, 2, 2, 2), floats(2, 2, 2, 2))
    ),
    F + "max_pool2d": StandIn(max_pool2d, lambda: mint.nn.functional.max_pool2d(floats(1, 2, 2, 2), 2)),
    F + "avg_pool2d": StandIn(avg_pool2d, lambda: mint.nn.functional.avg_pool2d(floats(1, 2, 2, 2), 2)),
    F + "avg_pool1d": StandIn(avg_pool1d, lambda: mint.nn.functional.avg_pool1d(floats(1, 2, 2), 2)),
    F + "adaptive_avg_pool2d": StandIn(
        adaptive_avg_pool2d, lambda: mint.nn.functional.adaptive_avg_pool2d(floats(1, 2, 2, 2), 1)
    ),
    F + "adaptive_avg_pool1d": StandIn(
        adaptive_avg_pool1d, lambda: mint.nn.functional.adaptive_avg_pool1d(floats(1, 2, 2), 1)
    ),
    F + "interpolate": StandIn(
        interpolate, lambda: mint.nn.functional.interpolate(floats(1, 2, 2, 2), (3, 3), mode="bicubic")
    ),
    F + "unfold": StandIn(unfold, lambda: mint.nn.functional.unfold(floats(1, 2, 2, 2), 2)),
}
"""Qualified name → its stand-in."""
