"""Building blocks for the recipes of weight passes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .model import QKV, Dim, ModelView, Slot
from .plan import Axis, FloatArray, IntArray, Piece, Recipe, Relations


def made_of(view: ModelView, slot: Slot, axes: Iterable[Axis], key: str | None = None, fill: float = 0.0) -> Recipe:
    """Return the recipe of a tensor that is made of one source tensor.

    Args:
        view: The source.
        slot: The target tensor.
        axes: One per axis of it.
        key: The source tensor; the one of the same key when None.
        fill: The value of its `FILL` units.
    """
    source = slot.key if key is None else key
    return Recipe(slot.shape, view.dtypes[source], (Piece(source, tuple(axes), fill=fill),))


def copy(view: ModelView, slot: Slot, key: str | None = None) -> Recipe:
    """Return the recipe that copies a tensor whole; the arguments are those of `made_of`."""
    return made_of(view, slot, map(Axis.whole, slot.shape), key)


def constant(slot: Slot, dtype: str, value: float) -> Recipe:
    """Return the recipe of a tensor that holds `value` everywhere."""
    return Recipe(slot.shape, dtype, (Piece(None, tuple(map(Axis.whole, slot.shape)), fill=value),))


def mixed(view: ModelView, slot: Slot, axes: tuple[Axis, ...], own: IntArray, along: int, other: str) -> Recipe:
    """Return the recipe of a tensor some of whose units come from another source tensor.

    Args:
        view: The source.
        slot: The target tensor, whose key names the first source tensor.
        axes: One per axis, the same for both.
        own: Units of the axis `along` that come from the first, ascending.
        along: The number of that axis.
        other: Canonical key of the second source tensor.
    """
    rest = np.setdiff1d(np.arange(slot.shape[along], dtype=np.int64), own)
    pieces = tuple(
        Piece(key, tuple(axis.at(units) if n == along else axis for n, axis in enumerate(axes)), at=units)
        for key, units in ((slot.key, own), (other, rest))
        if len(units)
    )
    return Recipe(slot.shape, view.dtypes[slot.key], pieces, along)


def indices(units: Iterable[int]) -> IntArray:
    """Return units as an array, int64."""
    return np.asarray(list(units), dtype=np.int64)


def queries(factors: FloatArray | float, dim: Dim, size: int) -> FloatArray:
    """Return factors of queries as those of an axis, which may hold keys and values behind the queries.

    Args:
        factors: A number, or float64 [queries].
        dim: What the axis stands for.
        size: Its length.
    """
    found = np.ones(size)
    found[: size // 3 if dim.space == QKV else size] = factors
    return found


def same_layers(view: ModelView, last: Axis, hidden: Axis, pooler: Axis, heads: Axis, units: Axis) -> Relations:
    """Return the relations of a model whose layers are, one by one, those of its source.

    Args:
        view: The source.
        last: Of the last hidden state.
        hidden: Of the other hidden states.
        pooler: Of the pooler's output.
        heads: Of heads.
        units: Of the units inside a head.
    """
    count = view.sizes.layers
    return Relations(last, hidden, pooler, heads.index, units.index, tuple(range(count)), tuple(range(count + 1)))
