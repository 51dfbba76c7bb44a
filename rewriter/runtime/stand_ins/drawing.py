"""`mint.randn`, `dropout` and the like: what is drawn follows `mindspore.set_seed`, and no generator of its own."""

from __future__ import annotations

from typing import Any

import mindspore
from mindspore import Tensor, mint, ops

from .numbers import floats, put
from .types import StandIn


def _refuse(generator: Any) -> None:
    if generator is not None:
        raise NotImplementedError("a stand-in draws from the seed of mindspore.set_seed, not from a generator")


def _shape(size: Any) -> Any:
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size


def _normal(shape: Any, dtype: Any) -> Any:
    return ops.standard_normal(shape).astype(mindspore.float32 if dtype is None else dtype)


def _uniform(shape: Any, dtype: Any) -> Any:
    """Return numbers from 0 up to 1, and never 1: what has fewer digits is cut and not rounded."""
    drawn = ops.rand(*shape)
    if dtype == mindspore.float16:
        drawn = ops.floor(drawn * 2048) / 2048
    elif dtype == mindspore.bfloat16:
        drawn = ops.floor(drawn * 256) / 256
    return drawn.astype(mindspore.float32 if dtype is None else dtype)


def randn(*size: Any, generator: Any = None, dtype: Any = None, device: Any = None) -> Any:
    """Stand in for `mint.randn`."""
    _refuse(generator)
    return _normal(_shape(size), dtype)


def rand(*size: Any, generator: Any = None, dtype: Any = None, device: Any = None) -> Any:
    """Stand in for `mint.rand`."""
    _refuse(generator)
    return _uniform(_shape(size), dtype)


def randn_like(input: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """Stand in for `mint.randn_like`."""
    return _normal(input.shape, input.dtype if dtype is None else dtype)


def rand_like(input: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """Stand in for `mint.rand_like`."""
    return _uniform(input.shape, input.dtype if dtype is None else dtype)


def randint(*args: Any, generator: Any = None, dtype: Any = None, device: Any = None) -> Any:
    """Stand in for `mint.randint`: called as `(high, size)` or `(low, high, size)`."""
    _refuse(generator)
    low, high, size = (0, *args) if len(args) == 2 else args
    return ops.randint(low, high, tuple(size)).astype(mindspore.int64 if dtype is None else dtype)


def randperm(n: int, *, generator: Any = None, dtype: Any = mindspore.int64) -> Any:
    """Stand in for `mint.randperm`."""
    _refuse(generator)
    return ops.randperm(n).astype(dtype)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, generator: Any = None) -> Any:
    """Stand in for `mint.normal`: two numbers with a size, or at least one tensor."""
    _refuse(generator)
    if isinstance(mean, Tensor):
        return mean + std * ops.standard_normal(ops.broadcast_to(mean, (mean + std).shape).shape)
    if isinstance(std, Tensor):
        return mean + std * ops.standard_normal(std.shape)
    return mean + std * ops.standard_normal(tuple(size))


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Any:
    """Stand in for `mint.multinomial`: weights, (categories) or (rows, categories), need not add up to one."""
    _refuse(generator)
    weights = input.astype(mindspore.float32)
    rounds = (*weights.shape[:-1], num_samples if replacement else 1, weights.shape[-1])
    chances = ops.log(weights.expand_dims(-2)) - ops.log(-ops.log(_uniform(rounds, None) + 1e-20))
    if replacement:
        return ops.argmax(chances, -1).astype(mindspore.int64)
    return ops.topk(chances.squeeze(-2), num_samples)[1].astype(mindspore.int64)


def bernoulli(input: Any, *, generator: Any = None) -> Any:
    """Stand in for `mint.bernoulli`."""
    _refuse(generator)
    return (_uniform(input.shape, None) < input).astype(input.dtype)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Stand in for `mint.nn.functional.dropout`."""
    if not training or p == 0:
        return input
    kept = (_uniform(input.shape, None) >= p).astype(input.dtype)
    value = input * kept if p == 1 else input * kept / (1 - p)
    return put(input, value) if inplace else value


STAND_INS = {
    "mindspore.mint.randn": StandIn(randn, lambda: mint.randn(2)),
    "mindspore.mint.rand": StandIn(rand, lambda: mint.rand(2)),
    "mindspore.mint.randn_like": StandIn(randn_like, lambda: mint.randn_like(floats(2))),
    "mindspore.mint.rand_like": StandIn(rand_like, lambda: mint.rand_like(floats(2))),
    "mindspore.mint.randint": StandIn(randint, lambda: mint.randint(0, 2, (2,))),
    "mindspore.mint.randperm": StandIn(randperm, lambda: mint.randperm(2)),
    "mindspore.mint.normal": StandIn(normal, lambda: mint.normal(0.0, 1.0, (2,))),
    "mindspore.mint.multinomial": StandIn(multinomial, lambda: mint.multinomial(floats(2), 1)),
    "mindspore.mint.bernoulli": StandIn(bernoulli, lambda: mint.bernoulli(floats(2))),
    "mindspore.mint.nn.functional.dropout": StandIn(dropout, lambda: mint.nn.functional.dropout(floats(2), 0.5)),
}
"""Qualified name → its stand-in."""
