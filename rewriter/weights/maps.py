"""Maps from the units of a larger model to those of a smaller one, and the shares of copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .model import ATTENTION, FIXED, INTERMEDIATE, QKV, Dim, Sizes
from .passes import Choices
from .plan import Axis, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Map:
    """Which source unit each target unit is a copy of.

    Attributes:
        index: int64 [target].
        share: float64 [target]: the part of its source unit's weight that a copy has where units are summed. The shares
            of the copies of one unit sum to 1.
    """

    index: IntArray
    share: FloatArray

    def __len__(self) -> int:
        return len(self.index)

    @staticmethod
    def of(index: Sequence[int] | IntArray, weight: FloatArray | None = None) -> Map:
        """Return the map of these source units.

        Args:
            index: The source unit of each target unit.
            weight: float64 [target]: what the shares of copies are in proportion to; equal when None.
        """
        units = np.asarray(index, dtype=np.int64)
        parts = np.ones(len(units)) if weight is None else weight
        return Map(units, parts / np.bincount(units, weights=parts)[units])

    @property
    def copied(self) -> Axis:
        """The axis that copies units: for what is written."""
        return Axis(self.index)

    @property
    def shared(self) -> Axis:
        """The axis that copies units and shares them out: for what is summed over."""
        return Axis(self.index, None if bool((self.share == 1).all()) else self.share)

    def inside(self, inner: Map, size: int) -> Map:
        """Return the map of blocks (this one) and of units inside a block (`inner`), which has `size` source units."""
        index = self.index[:, None] * size + inner.index
        return Map(index.ravel(), (self.share[:, None] * inner.share).ravel())


def cyclic(target: int, source: int, choices: Choices, name: str) -> Map:
    """Return the map that goes through the source's units again and again.

    Where `target` is a multiple of `source` every unit is copied equally often.

    Args:
        target: Number of target units.
        source: Number of source units.
        choices: How copies share; shares that are drawn depend on the seed and on `name` alone.
        name: Of the map.
    """
    index = np.arange(target, dtype=np.int64) % source
    if choices.shares != "uneven":
        return Map.of(index)
    drawn = np.random.default_rng([choices.seed, *name.encode()]).uniform(0.5, 1.5, size=target)
    return Map.of(index, np.where(np.bincount(index)[index] > 1, drawn, 1.0))


@dataclass(frozen=True, eq=False)
class Maps:
    """The maps of a model: one for its stream, one for its heads, one inside a head, one for intermediate units.

    Attributes:
        source: Sizes of the source.
        hidden: Of the stream.
        heads: Of heads.
        head_units: Of the units inside each head.
        intermediate: Of intermediate units.
    """

    source: Sizes
    hidden: Map
    heads: Map
    head_units: Map
    intermediate: Map

    @staticmethod
    def between(source: Sizes, target: Sizes, choices: Choices) -> Maps:
        """Return the cyclic maps from one model's sizes to another's."""
        return Maps(
            source,
            cyclic(target.hidden, source.hidden, choices, "hidden"),
            cyclic(target.heads, source.heads, choices, "heads"),
            cyclic(target.head, source.head, choices, "head_units"),
            cyclic(target.intermediate, source.intermediate, choices, "intermediate"),
        )

    @property
    def attention(self) -> Map:
        """The map of all heads' units."""
        return self.heads.inside(self.head_units, self.source.head)

    def axis(self, dim: Dim, size: int) -> Axis:
        """Return how one axis of a tensor is made: copied where it is written, shared out where it is summed over.

        Args:
            dim: What the axis stands for.
            size: Its length in the source.
        """
        if dim.space == FIXED:
            return Axis.whole(size)
        if dim.space == QKV:
            units = self.attention.index
            return Axis(np.concatenate([units + third * self.source.hidden for third in range(3)]))
        if dim.space == INTERMEDIATE:
            found = self.intermediate
        else:
            found = self.attention if dim.space == ATTENTION else self.hidden
        return found.shared if dim.reads else found.copied

    def query(self, scaled: bool) -> FloatArray | None:
        """Return what queries are multiplied by so that the scores stay; float64 [attention], None where by 1.

        A score is a sum over the units of a head, and divided by the root of their number where it is `scaled`.
        """
        ratio = math.sqrt(len(self.head_units) / self.source.head) if scaled else 1.0
        factors = np.tile(self.head_units.share * ratio, len(self.heads))
        return None if bool((factors == 1).all()) else factors

    def own(self, dim: Dim) -> IntArray:
        """Return the units of a target axis that the source has too, ascending; the others are further copies."""
        found = _is_own(len(self.hidden), self.source.hidden)
        if dim.space == INTERMEDIATE:
            found = _is_own(len(self.intermediate), self.source.intermediate)
        if dim.space in (ATTENTION, QKV):
            heads = _is_own(len(self.heads), self.source.heads)
            found = (heads[:, None] & _is_own(len(self.head_units), self.source.head)).ravel()
        return np.flatnonzero(np.tile(found, 3) if dim.space == QKV else found).astype(np.int64)

    def indices(self) -> dict[str, IntArray]:
        """Return the maps by name."""
        return {name: getattr(self, name).index for name in _NAMES}

    def shares(self) -> dict[str, FloatArray]:
        """Return the shares by name."""
        return {name: getattr(self, name).share for name in _NAMES}


_NAMES = ("hidden", "heads", "head_units", "intermediate")


def _is_own(target: int, source: int) -> npt.NDArray[np.bool_]:
    """Return which of the target's units stand where the source has one."""
    return np.arange(target) < source


def followed(size: int, extra: int, unit: int, first: float = 1.0, then: float | None = None) -> Axis:
    """Return the axis of all source units and `extra` further ones.

    Args:
        size: Number of source units.
        extra: Number of further target units.
        unit: What these hold: `MEAN`, `FILL`, or a source unit.
        first: What the source's units are multiplied by.
        then: What the further ones are multiplied by; `first` when None.
    """
    index = np.concatenate([np.arange(size), np.full(extra, unit)]).astype(np.int64)
    scale = np.concatenate([np.full(size, first), np.full(extra, first if then is None else then)])
    return Axis(index, None if bool((scale == 1).all()) else scale)
