"""The functions that BERT and GPT-2 are made of, in NumPy, in the precision of what they are given.

They follow the definitions of the layers, not the code of a framework: the proof of an expansion has no MindSpore in it
and runs in float64, where an error of the mathematics stands far above rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import RewriterError

Array = npt.NDArray[Any]

IGNORED = -100
"""A label that does not count in a loss."""


def layer_norm(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    """Normalise the last axis.

    Args:
        x: (..., units).
        gamma: (units,), the factor.
        beta: (units,), the offset.
        epsilon: Added to the variance.

    Returns:
        (..., units), of the dtype of `x`.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    normalised: Array = centred / np.sqrt(variance + x.dtype.type(epsilon))
    return normalised * gamma + beta


def softmax(scores: Array) -> Array:
    """Return the softmax over the last axis; what is not visible has a score of the lowest finite number."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return weights


def attend(query: Array, key: Array, value: Array, visible: Array, factor: float) -> tuple[Array, Array]:
    """Let every query look at the keys that it may see.

    Args:
        query: (batch, heads, queries, size).
        key: (batch, heads, keys, size).
        value: (batch, heads, keys, size).
        visible: bool, broadcastable to (batch, heads, queries, keys).
        factor: Multiplies the scores.

    Returns:
        What was read, (batch, queries, heads * size), and the weights, (batch, heads, queries, keys).
    """
    scores = (query @ key.swapaxes(-1, -2)) * query.dtype.type(factor)
    weights = softmax(np.where(visible, scores, np.finfo(scores.dtype).min))
    read = (weights @ value).swapaxes(1, 2)
    return read.reshape(*read.shape[:2], -1), weights


def split_heads(x: Array, heads: int) -> Array:
    """Turn (batch, tokens, heads * size) into (batch, heads, tokens, size)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Return the mean over the labels that count, a scalar of the dtype of `logits`.

    Args:
        logits: (items, classes).
        labels: (items,), int64; `IGNORED` where there is none.
    """
    counted = labels != IGNORED
    chosen, wanted = logits[counted], labels[counted]
    highest = chosen.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(chosen - highest).sum(axis=-1)) + highest[:, 0]
    losses: Array = log_sum - chosen[np.arange(len(wanted)), wanted]
    return np.asarray(losses.mean())


def gelu(x: Array) -> Array:
    """Return x times the distribution function of the normal distribution."""
    from scipy.special import erf

    kind = x.dtype.type
    result: Array = x * kind(0.5) * (kind(1.0) + erf(x * kind(math.sqrt(0.5))))
    return result


def gelu_tanh(x: Array) -> Array:
    """Return the approximation of `gelu` by a tanh, GPT-2's."""
    kind = x.dtype.type
    inner = kind(math.sqrt(2.0 / math.pi)) * (x + kind(0.044715) * x * x * x)
    result: Array = kind(0.5) * x * (kind(1.0) + np.tanh(inner))
    return result


def relu(x: Array) -> Array:
    """Return x where it is positive, and 0 elsewhere."""
    return np.maximum(x, x.dtype.type(0.0))


def silu(x: Array) -> Array:
    """Return x times its logistic function."""
    from scipy.special import expit

    result: Array = x * expit(x)
    return result


ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "gelu": gelu,
    "gelu_python": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": relu,
    "silu": silu,
    "swish": silu,
    "tanh": np.tanh,
}
"""Name in a configuration → function."""


def activation(name: str) -> Callable[[Array], Array]:
    """Return the function that a configuration names.

    Raises:
        RewriterError: It is none that the proof knows.
    """
    if name not in ACTIVATIONS:
        raise RewriterError(
            f"the activation {name!r} is not one that verify can compute",
            hint=f"It knows {', '.join(sorted(ACTIVATIONS))}.",
        )
    return ACTIVATIONS[name]
