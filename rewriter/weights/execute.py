"""Carrying recipes out, one tensor at a time.

The target is made run by run: a run is a stretch of units whose source units follow one another, so that whole
stretches are copied, and multiplied on the way. Where factors round in the dtype of the
tensor, the product is taken in float64.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import numpy_dtype
from .plan import FILL, MEAN, Axis, FloatArray, IntArray, Piece, Recipe

Array = npt.NDArray[Any]
Read = Callable[[str], Array]

_BLOCK = 1 << 16
"""Elements of which a product is taken in float64 at a time: half a megabyte, so that it stays in the cache."""
_MOST_RUNS = 256
"""More stretches of one axis are gathered unit by unit."""
_CHUNK = 256
"""Units that are gathered at a time."""


def tensor(recipe: Recipe, read: Read) -> Array:
    """Return a target tensor.

    Args:
        recipe: How it is made.
        read: Canonical key → source tensor.
    """
    out = np.empty(recipe.shape, numpy_dtype(recipe.dtype))
    fill(recipe, read, out)
    return out


def fill(recipe: Recipe, read: Read, out: Array) -> None:
    """Make a target tensor in place.

    Args:
        recipe: How it is made.
        read: Canonical key → source tensor.
        out: An array of the recipe's shape and dtype; every element of it is written.
    """
    for piece in recipe.pieces:
        if piece.at is None:
            _make(piece, read, out)
            continue
        part = np.moveaxis(out, recipe.along, 0)
        if piece.at[-1] - piece.at[0] + 1 == len(piece.at):  # one stretch: in place
            _make(piece, read, np.moveaxis(part[piece.at[0] : piece.at[-1] + 1], 0, recipe.along))
            continue
        own = np.empty(piece.shape, out.dtype)
        _make(piece, read, own)
        part[piece.at] = np.moveaxis(own, recipe.along, 0)


@dataclass(frozen=True)
class _Run:
    """Target units that are made together.

    Attributes:
        target: These units.
        source: The source units they are made of, as many; or `MEAN`, `FILL`.
    """

    target: slice | IntArray
    source: slice | IntArray | int

    @property
    def chosen(self) -> slice | IntArray:
        """What to take of the source, of a run that holds source units."""
        assert not isinstance(self.source, int)
        return self.source

    def holds(self, what: int) -> bool:
        """Tell whether its units hold `MEAN`, or `FILL`."""
        return isinstance(self.source, int) and self.source == what


def _runs(axis: Axis) -> list[_Run]:
    """Return the runs of an axis: stretches, or where these are many and short, chunks of units in any order."""
    index = axis.index
    same = (index[1:] < 0) & (index[1:] == index[:-1])
    follows = (index[1:] == index[:-1] + 1) & (index[:-1] >= 0)
    starts = [0, *(np.flatnonzero(~(same | follows)) + 1).tolist(), len(index)]
    if len(starts) <= _MOST_RUNS:
        return [_stretch(begin, end, int(index[begin])) for begin, end in itertools.pairwise(starts)]
    runs = [_Run(np.flatnonzero(index == unit), unit) for unit in (MEAN, FILL) if bool((index == unit).any())]
    regular = np.flatnonzero(index >= 0)
    chunks = [regular[begin : begin + _CHUNK] for begin in range(0, len(regular), _CHUNK)]
    return runs + [_Run(units, index[units]) for units in chunks]


def _stretch(begin: int, end: int, first: int) -> _Run:
    return _Run(slice(begin, end), first if first < 0 else slice(first, first + end - begin))


def _make(piece: Piece, read: Read, out: Array) -> None:
    if piece.source is None:
        out[...] = piece.fill
        return
    source = read(piece.source)
    if source.ndim == 0:
        out[...] = source
    elif source.ndim == 1:
        _fill_rows(piece, source[:, None], out[:, None], (piece.axes[0], Axis.whole(1)))
    elif source.ndim == 2:
        _fill_rows(piece, source, out, (piece.axes[0], piece.axes[1]))
    elif all(axis.copies(size) for axis, size in zip(piece.axes, source.shape, strict=True)) and piece.factor == 1:
        out[...] = source
    else:
        raise ValueError(f"{piece.source}: a tensor of {source.ndim} axes can only be copied whole")


def _fill_rows(piece: Piece, source: Array, out: Array, axes: tuple[Axis, Axis]) -> None:
    """Make a matrix: runs of rows times runs of columns."""
    columns = _runs(axes[1])
    for row in _runs(axes[0]):
        for column in columns:
            scales = _part(axes[0], row), _part(axes[1], column)
            if isinstance(row.target, slice) and isinstance(column.target, slice):
                _block(piece, source, (row, column), scales, out[row.target, column.target])
                continue
            rows, units = (np.arange(n)[run.target] for n, run in zip(out.shape, (row, column), strict=True))
            made = np.empty((len(rows), len(units)), out.dtype)
            _block(piece, source, (row, column), scales, made)
            out[np.ix_(rows, units)] = made


Scale = FloatArray | None


def _block(piece: Piece, source: Array, runs: tuple[_Run, _Run], scales: tuple[Scale, Scale], out: Array) -> None:
    """Make the elements of a run of rows and a run of columns."""
    rows, columns = runs
    if rows.holds(FILL) or columns.holds(FILL):
        out[...] = piece.fill
        return
    found = source if rows.holds(MEAN) else source[rows.chosen]
    found = found if columns.holds(MEAN) else found[:, columns.chosen]
    for number, run in enumerate(runs):
        if run.holds(MEAN):
            found = found.mean(axis=number, dtype=np.float64, keepdims=True)
    _scaled(found, *scales, piece.factor, out)


def _part(axis: Axis, run: _Run) -> Scale:
    """Return the scales of a run; None where they are all 1."""
    if axis.scale is None or bool((axis.scale[run.target] == 1).all()):
        return None
    return axis.scale[run.target]


def _scaled(block: Array, rows: Scale, columns: Scale, factor: float, out: Array) -> None:
    """Write `block * (factor * rows * columns)` to `out`, rounded; the block may be one row or column for all."""
    if rows is None and columns is None and factor == 1:
        out[...] = block
        return
    if rows is None or columns is None:
        scale = np.full((1, 1), factor)
        if rows is not None:
            scale = (factor * rows)[:, None]
        elif columns is not None:
            scale = (factor * columns)[None, :]
        if _is_safe(block, scale, out.dtype):
            np.multiply(block, scale.astype(out.dtype), out=out)
            return
    for begin, end in _blocks(*out.shape):
        part = block if len(block) == 1 else block[begin:end]
        wide = np.asarray(part, dtype=np.float64) * _factors(rows, columns, factor, begin, end)
        out[begin:end] = wide.astype(out.dtype)


def _is_safe(block: Array, scale: FloatArray, dtype: np.dtype[Any]) -> bool:
    """Tell whether the product in the tensor's own dtype is that in float64, rounded once."""
    if block.dtype != dtype or dtype not in (np.float32, np.float64):
        return False
    return dtype == np.float64 or bool((scale.astype(np.float32) == scale).all())


def _blocks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of rows that together have about `_BLOCK` elements."""
    step = max(1, _BLOCK // max(1, columns))
    for begin in range(0, rows, step):
        yield begin, min(rows, begin + step)


def _factors(rows: Scale, columns: Scale, factor: float, begin: int, end: int) -> FloatArray:
    """Return the factors of a few rows, float64 [rows or 1, columns or 1]."""
    left = np.full((1, 1), factor) if rows is None else (factor * rows[begin:end])[:, None]
    return left if columns is None else left * columns[None, :]
