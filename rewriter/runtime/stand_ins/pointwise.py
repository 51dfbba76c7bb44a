"""`mint.nn.functional.gelu`, `mint.log2` and the like: every element for itself."""

from __future__ import annotations

import math
from typing import Any

import mindspore
from mindspore import mint, ops

from .numbers import floats, is_float, put, real, whole, wide
from .types import StandIn


def _into(input: Any, value: Any, inplace: bool) -> Any:
    value = value.astype(input.dtype)
    return put(input, value) if inplace else value


def gelu(input: Any, *, approximate: str = "none") -> Any:
    """Stand in for `mint.nn.functional.gelu`."""
    x = wide(input)
    if approximate == "tanh":
        inner = (x + 0.044715 * x * x * x) * math.sqrt(2 / math.pi)
        return (x * ops.sigmoid(2 * inner)).astype(input.dtype)  # (1 + tanh) / 2, without its loss of digits
    if approximate != "none":
        raise ValueError(f"gelu has no approximation {approximate!r}")
    return (0.5 * x * (1 + ops.erf(x / math.sqrt(2)))).astype(input.dtype)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Stand in for `mint.nn.functional.hardtanh`."""
    return _into(input, _between(input, min_val, max_val), inplace)


def _between(x: Any, low: float, high: float) -> Any:
    """Cut off at two numbers; what is no number stays none, which it does not in `ops.clamp`."""
    x = ops.where(x < low, ops.full(x.shape, low, dtype=x.dtype), x)
    return ops.where(x > high, ops.full(x.shape, high, dtype=x.dtype), x)


def relu6(input: Any, inplace: bool = False) -> Any:
    """Stand in for `mint.nn.functional.relu6`."""
    return _into(input, _between(input, 0, 6), inplace)


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    """Stand in for `mint.nn.functional.leaky_relu`."""
    x = wide(input)
    return ops.where(x > 0, x, x * negative_slope).astype(input.dtype)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Stand in for `mint.nn.functional.elu`."""
    return _into(input, _elu(wide(input), alpha), inplace)


def selu(input: Any) -> Any:
    """Stand in for `mint.nn.functional.selu`."""
    return (1.0507009873554805 * _elu(wide(input), 1.6732632423543772)).astype(input.dtype)


def _elu(x: Any, alpha: float) -> Any:
    below = ops.where(x > 0, ops.zeros_like(x), x)  # or the gradient of what is not taken overflows
    return ops.where(x > 0, x, alpha * ops.expm1(below))


def mish(input: Any) -> Any:
    """Stand in for `mint.nn.functional.mish`."""
    x = wide(input)
    e = ops.exp(-ops.abs(x))  # tanh(log(1 + exp(x))) as a fraction, of which no part overflows
    share = ops.where(x > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), (e * e + 2 * e) / (e * e + 2 * e + 2))
    return (x * share).astype(input.dtype)


def _softplus(x: Any) -> Any:
    return ops.clamp(x, 0, None) + ops.log1p(ops.exp(-ops.abs(x)))


def logsigmoid(input: Any) -> Any:
    """Stand in for `mint.nn.functional.logsigmoid`."""
    return (-_softplus(-wide(input))).astype(input.dtype)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Stand in for `mint.nn.functional.threshold`."""
    found = ops.where(input <= threshold, ops.full(input.shape, value, dtype=input.dtype), input)
    return _into(input, found, inplace)


def log2(input: Any) -> Any:
    """Stand in for `mint.log2`."""
    x = real(input)
    return (ops.log(wide(x)) / math.log(2)).astype(x.dtype)


def log10(input: Any) -> Any:
    """Stand in for `mint.log10`."""
    x = real(input)
    return (ops.log(wide(x)) / math.log(10)).astype(x.dtype)


def exp2(input: Any) -> Any:
    """Stand in for `mint.exp2`."""
    x = real(input)
    return ops.pow(2.0, wide(x)).astype(x.dtype)


def frac(input: Any) -> Any:
    """Stand in for `mint.frac`."""
    return input - ops.trunc(input)


def asin(input: Any) -> Any:
    """Stand in for `mint.asin`."""
    x = real(input)
    return ops.asin(wide(x)).astype(x.dtype)


def acos(input: Any) -> Any:
    """Stand in for `mint.acos`."""
    x = real(input)
    return ops.acos(wide(x)).astype(x.dtype)


def atan(input: Any) -> Any:
    """Stand in for `mint.atan`."""
    x = real(input)
    return ops.atan(wide(x)).astype(x.dtype)


def atan2(input: Any, other: Any) -> Any:
    """Stand in for `mint.atan2`."""
    x, y = real(input), real(other)
    return ops.atan2(wide(x), wide(y)).astype(x.dtype)


def logaddexp(input: Any, other: Any) -> Any:
    """Stand in for `mint.logaddexp`."""
    x, y = wide(input), wide(other)
    top = ops.maximum(x, y)
    apart = ops.where(x == y, ops.zeros_like(top), -ops.abs(x - y))  # infinity less infinity is no number
    return (top + ops.log1p(ops.exp(apart))).astype(input.dtype)


def isneginf(input: Any) -> Any:
    """Stand in for `mint.isneginf`."""
    return input == float("-inf") if is_float(input) else ops.full(input.shape, False, dtype=mindspore.bool_)


def floor_divide(input: Any, other: Any) -> Any:
    """Stand in for `mint.floor_divide`."""
    return ops.floor_divide(input, other)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Stand in for `mint.addcmul`."""
    return (wide(input) + value * wide(tensor1) * wide(tensor2)).astype(input.dtype)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Stand in for `mint.addcdiv`."""
    return (wide(input) + value * wide(tensor1) / wide(tensor2)).astype(input.dtype)


def bitwise_or(input: Any, other: Any) -> Any:
    """Stand in for `mint.bitwise_or`."""
    return input | other


def bitwise_xor(input: Any, other: Any) -> Any:
    """Stand in for `mint.bitwise_xor`."""
    return input ^ other


def bitwise_not(input: Any) -> Any:
    """Stand in for `mint.bitwise_not`."""
    return ops.logical_not(input) if input.dtype == mindspore.bool_ else -1 - input


STAND_INS = {
    "mindspore.mint.nn.functional.gelu": StandIn(gelu, lambda: mint.nn.functional.gelu(floats(2))),
    "mindspore.mint.nn.functional.hardtanh": StandIn(hardtanh, lambda: mint.nn.functional.hardtanh(floats(2))),
    "mindspore.mint.nn.functional.relu6": StandIn(relu6, lambda: mint.nn.functional.relu6(floats(2))),
    "mindspore.mint.nn.functional.leaky_relu": StandIn(leaky_relu, lambda: mint.nn.functional.leaky_relu(floats(2))),
    "mindspore.mint.nn.functional.elu": StandIn(elu, lambda: mint.nn.functional.elu(floats(2))),
    "mindspore.mint.nn.functional.selu": StandIn(selu, lambda: mint.nn.functional.selu(floats(2))),
    "mindspore.mint.nn.functional.mish": StandIn(mish, lambda: mint.nn.functional.mish(floats(2))),
    "mindspore.mint.nn.functional.logsigmoid": StandIn(logsigmoid, lambda: mint.nn.functional.logsigmoid(floats(2))),
    "mindspore.mint.nn.functional.threshold": StandIn(
        threshold, lambda: mint.nn.functional.threshold(floats(2), 0.5, 0.0)
    ),
    "mindspore.mint.log2": StandIn(log2, lambda: mint.log2(floats(2))),
    "mindspore.mint.log10": StandIn(log10, lambda: mint.log10(floats(2))),
    "mindspore.mint.exp2": StandIn(exp2, lambda: mint.exp2(floats(2))),
    "mindspore.mint.frac": StandIn(frac, lambda: mint.frac(floats(2))),
    "mindspore.mint.asin": StandIn(asin, lambda: mint.asin(floats(2))),
    "mindspore.mint.acos": StandIn(acos, lambda: mint.acos(floats(2))),
    "mindspore.mint.atan": StandIn(atan, lambda: mint.atan(floats(2))),
    "mindspore.mint.atan2": StandIn(atan2, lambda: mint.atan2(floats(2), floats(2))),
    "mindspore.mint.logaddexp": StandIn(logaddexp, lambda: mint.logaddexp(floats(2), floats(2))),
    "mindspore.mint.isneginf": StandIn(isneginf, lambda: mint.isneginf(floats(2))),
    "mindspore.mint.floor_divide": StandIn(floor_divide, lambda: mint.floor_divide(floats(2), 2)),
    "mindspore.mint.addcmul": StandIn(addcmul, lambda: mint.addcmul(floats(2), floats(2), floats(2))),
    "mindspore.mint.addcdiv": StandIn(addcdiv, lambda: mint.addcdiv(floats(2), floats(2), floats(2))),
    "mindspore.mint.bitwise_or": StandIn(bitwise_or, lambda: mint.bitwise_or(whole(1), whole(1))),
    "mindspore.mint.bitwise_xor": StandIn(bitwise_xor, lambda: mint.bitwise_xor(whole(1), whole(1))),
    "mindspore.mint.bitwise_not": StandIn(bitwise_not, lambda: mint.bitwise_not(whole(1))),
}
"""Qualified name → its stand-in."""
