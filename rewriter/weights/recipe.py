"""How one tensor of a larger checkpoint is made of tensors of the smaller one.

One rule gives every element, bit for bit. With the source element `x` (or the mean of several, taken in float64) it is
`float64(x) * factor`, rounded to the dtype of the target; the factor is `piece.factor * scale_0[i] * scale_1[j]`,
multiplied from the left in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .axis import FILL, Axis, IntArray


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a target tensor that is made of one source tensor.

    Attributes:
        source: Canonical key of the source tensor; None when every element is the constant `fill`.
        axes: One per axis of the piece.
        factor: What every element is multiplied by, except constants.
        fill: The value where any axis says `FILL`.
        at: The units of the recipe's axis `along` that this piece makes, ascending; None for all of them.
    """

    source: str | None
    axes: tuple[Axis, ...]
    factor: float = 1.0
    fill: float = 0.0
    at: IntArray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the part."""
        return tuple(map(len, self.axes))


@dataclass(frozen=True)
class Origin:
    """Where one element of a target tensor comes from.

    Attributes:
        source: Canonical key of the source tensor; None for a constant.
        element: Its index there; `MEAN` on an axis that is averaged. Empty for a constant.
        factor: What it is multiplied by, or the constant itself.
    """

    source: str | None
    element: tuple[int, ...]
    factor: float


@dataclass(frozen=True, eq=False)
class Recipe:
    """How one target tensor is made.

    Attributes:
        shape: Of the target.
        dtype: Name of its dtype (`float32`, `bfloat16`, …): that of the source tensor.
        pieces: Its parts; together they cover every unit of the axis `along` once.
        along: The axis that pieces share out among them.
    """

    shape: tuple[int, ...]
    dtype: str
    pieces: tuple[Piece, ...]
    along: int = 0

    @property
    def sources(self) -> tuple[str, ...]:
        """The source tensors it reads, each once."""
        return tuple(dict.fromkeys(piece.source for piece in self.pieces if piece.source is not None))

    def origin(self, element: tuple[int, ...]) -> Origin:
        """Return where one element comes from.

        Args:
            element: Its index in the target tensor, one number from 0 on per axis.

        Raises:
            IndexError: There is no such element.
        """
        if len(element) != len(self.shape) or not all(0 <= i < n for i, n in zip(element, self.shape, strict=True)):
            raise IndexError(f"{list(element)} is no element of a tensor of shape {list(self.shape)}")
        for piece in self.pieces:
            place = list(element)
            if piece.at is not None:
                found = np.flatnonzero(piece.at == element[self.along])
                if not len(found):
                    continue
                place[self.along] = int(found[0])
            units = tuple(int(axis.index[i]) for axis, i in zip(piece.axes, place, strict=True))
            if piece.source is None or FILL in units:
                return Origin(None, (), piece.fill)
            factor = piece.factor
            for axis, i in zip(piece.axes, place, strict=True):
                factor *= 1.0 if axis.scale is None else float(axis.scale[i])
            return Origin(piece.source, units, factor)
        raise IndexError(f"no piece makes the element {list(element)}")

    def after(self, made: Mapping[str, Recipe]) -> Recipe:
        """Return this recipe as one over the sources of the recipes that make its own sources.

        Args:
            made: Recipes by key, among them those of all sources of this one.

        Raises:
            ValueError: This recipe does more than copy a tensor whole and scale its axes.
        """
        if len(self.pieces) > 1:
            raise ValueError("only a recipe of one piece can follow another one")
        outer = self.pieces[0]
        if outer.source is None:
            return self
        inner = made[outer.source]
        if any(not replace(axis, scale=None).copies(n) for axis, n in zip(outer.axes, inner.shape, strict=True)):
            raise ValueError("only a recipe that copies a tensor whole can follow another one")
        return replace(inner, pieces=tuple(_scaled(piece, outer, inner.along) for piece in inner.pieces))


def _scaled(piece: Piece, outer: Piece, along: int) -> Piece:
    """Return a piece multiplied by the scales and the factor of a recipe that follows it."""
    axes = list(piece.axes)
    for number, axis in enumerate(outer.axes):
        if axis.scale is not None:
            chosen = number == along and piece.at is not None
            axes[number] = axes[number].times(axis.scale[piece.at] if chosen else axis.scale)
    return replace(piece, axes=tuple(axes), factor=piece.factor * outer.factor)
