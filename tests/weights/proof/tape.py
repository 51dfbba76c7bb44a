"""Gradients of a small BERT in NumPy: each operation keeps how a gradient goes back through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf

Array = npt.NDArray[Any]
Back = Callable[[Array], Array]


class Node:
    """A value, and what it was made of.

    Args:
        value: The value.
        parents: Each with what turns a gradient of this node into one of the parent.
    """

    def __init__(self, value: Array, *parents: tuple[Node, Back]) -> None:
        self.value, self.parents = value, parents
        self.gradient = np.zeros_like(value)

    def __add__(self, other: Node) -> Node:
        back = [(node, lambda g, node=node: summed(g, node.value.shape)) for node in (self, other)]
        return Node(self.value + other.value, *back)

    def __matmul__(self, other: Node) -> Node:
        a, b = self.value, other.value
        return Node(
            a @ b,
            (self, lambda g: summed(g @ b.swapaxes(-1, -2), a.shape)),
            (other, lambda g: summed(a.swapaxes(-1, -2) @ g, b.shape)),
        )

    def swapped(self, *axes: int) -> Node:
        return Node(self.value.transpose(axes), (self, lambda g: g.transpose(np.argsort(axes))))

    def shaped(self, *shape: int) -> Node:
        return Node(self.value.reshape(shape), (self, lambda g: g.reshape(self.value.shape)))

    def times(self, factor: float) -> Node:
        return Node(self.value * factor, (self, lambda g: g * factor))


def summed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Return the gradient of what was broadcast from `shape`."""
    found = gradient.sum(tuple(range(gradient.ndim - len(shape))))
    return found.sum(tuple(n for n, size in enumerate(shape) if size == 1 < found.shape[n]), keepdims=True)


def rows(table: Node, index: Array) -> Node:
    def back(g: Array) -> Array:
        found = np.zeros_like(table.value)
        np.add.at(found, index, g)
        return found

    return Node(table.value[index], (table, back))


def norm(x: Node, gamma: Node, beta: Node) -> Node:
    centred = x.value - x.value.mean(-1, keepdims=True)
    root = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    unit = centred / root

    def back(g: Array) -> Array:
        inner = g * gamma.value
        return (inner - inner.mean(-1, keepdims=True) - unit * (inner * unit).mean(-1, keepdims=True)) / root

    sized = gamma.value.shape
    parts = (x, back), (gamma, lambda g: summed(g * unit, sized)), (beta, lambda g: summed(g, sized))
    return Node(unit * gamma.value + beta.value, *parts)


def gelu(x: Node) -> Node:
    below = 0.5 * (1 + erf(x.value / np.sqrt(2)))
    slope = below + x.value * np.exp(-(x.value**2) / 2) / np.sqrt(2 * np.pi)
    return Node(x.value * below, (x, lambda g: g * slope))


def softmax(x: Node) -> Node:
    found = np.exp(x.value - x.value.max(-1, keepdims=True))
    found /= found.sum(-1, keepdims=True)
    return Node(found, (x, lambda g: found * (g - (g * found).sum(-1, keepdims=True))))


def entropy(logits: Node, wanted: Array) -> Node:
    """Return the mean cross-entropy; `logits` is (items, classes), `wanted` int64 (items,)."""
    chances, items = softmax(Node(logits.value)).value, np.arange(len(wanted))

    def back(g: Array) -> Array:
        found = chances.copy()
        found[items, wanted] -= 1
        return g * found / len(wanted)

    return Node(-np.log(chances[items, wanted]).mean(), (logits, back))


def gradients(loss: Node, leaves: Mapping[str, Node]) -> dict[str, Array]:
    """Return the gradients of a scalar by the names of its leaves."""
    order: list[Node] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            for parent, _ in node.parents:
                visit(parent)
            order.append(node)

    visit(loss)
    loss.gradient = np.ones_like(loss.value)
    for node in reversed(order):
        for parent, back in node.parents:
            parent.gradient = parent.gradient + back(node.gradient)
    return {name: leaf.gradient for name, leaf in leaves.items()}


def bert_loss(tensors: Mapping[str, Array], ids: Array, heads: int) -> tuple[float, dict[str, Array]]:
    """Return the loss of a masked language model of one layer with a tied decoder, and the gradient of every weight."""
    leaf = {name: Node(value) for name, value in tensors.items()}
    batch, length = ids.shape

    def linear(x: Node, name: str) -> Node:
        return x @ leaf[f"{name}.weight"].swapped(1, 0) + leaf[f"{name}.bias"]

    def normed(x: Node, name: str) -> Node:
        return norm(x, leaf[f"{name}.LayerNorm.weight"], leaf[f"{name}.LayerNorm.bias"])

    def split(x: Node) -> Node:
        return x.shaped(batch, length, heads, -1).swapped(0, 2, 1, 3)

    words, layer = leaf["embeddings.word_embeddings.weight"], "encoder.layer.0"
    places = rows(leaf["embeddings.position_embeddings.weight"], np.arange(length))
    types = rows(leaf["embeddings.token_type_embeddings.weight"], np.zeros(length, np.int64))
    x = normed(rows(words, ids) + (places + types), "embeddings")
    query, key, value = (split(linear(x, f"{layer}.attention.self.{part}")) for part in ("query", "key", "value"))
    scores = (query @ key.swapped(0, 1, 3, 2)).times(query.value.shape[-1] ** -0.5)
    read = (softmax(scores) @ value).swapped(0, 2, 1, 3).shaped(batch, length, -1)
    x = normed(x + linear(read, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
    inner = gelu(linear(x, f"{layer}.intermediate.dense"))
    x = normed(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output")
    x = normed(gelu(linear(x, "cls.predictions.transform.dense")), "cls.predictions.transform")
    logits = x @ words.swapped(1, 0) + leaf["cls.predictions.bias"]
    loss = entropy(logits.shaped(batch * length, -1), ids.reshape(-1))
    return float(loss.value), gradients(loss, leaf)
