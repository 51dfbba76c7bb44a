"""How the units of one axis are made of the units of another one: of a tensor, or of an output."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MEAN = -1
"""In `Axis.index`: this unit holds the mean over the whole source axis."""
FILL = -2
"""In `Axis.index`: this unit holds the constant of its piece (0 in a relation)."""


@dataclass(frozen=True, eq=False)
class Axis:
    """How the units of one target axis are made of the units of a source axis.

    Attributes:
        index: int64 [target]. The source unit of each target unit, `MEAN` or `FILL`.
        scale: float64 [target]: what each unit is multiplied by; None for 1 everywhere. A constant is not multiplied.
    """

    index: IntArray
    scale: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.index)

    @staticmethod
    def whole(size: int) -> Axis:
        """Return the axis that copies every unit to its own place."""
        return Axis(np.arange(size, dtype=np.int64))

    @property
    def factors(self) -> FloatArray:
        """`scale`, with ones where it is None; float64 [target]."""
        return np.ones(len(self)) if self.scale is None else self.scale

    def copies(self, size: int) -> bool:
        """Tell whether this is all of a source axis of `size` units, in order and unscaled."""
        return (
            self.scale is None
            and len(self) == size
            and bool(np.array_equal(self.index, np.arange(size, dtype=np.int64)))
        )

    def times(self, factor: float | FloatArray) -> Axis:
        """Return the axis with its units multiplied by `factor` too (a number, or float64 [target])."""
        return replace(self, scale=self.factors * factor)

    def at(self, units: IntArray) -> Axis:
        """Return the axis of these target units alone."""
        return Axis(self.index[units], None if self.scale is None else self.scale[units])

    def after(self, inner: Axis) -> Axis:
        """Return this axis as one over the source of `inner`, whose target is the source of this one.

        Raises:
            ValueError: This axis takes means of units that are not copies, or a mean of `inner` is taken of a mean.
        """
        if bool((self.index == MEAN).any()):
            if not inner.copies(len(inner)):
                raise ValueError("the mean of units that are not plain copies has no axis of its own")
            return self
        kept = self.index >= 0
        index = np.where(kept, inner.index[np.maximum(self.index, 0)], self.index)
        if self.scale is None and inner.scale is None:
            return Axis(index)
        return Axis(index, np.where(kept, inner.factors[np.maximum(self.index, 0)], 1.0) * self.factors)

    def apply(self, values: npt.NDArray[Any], axis: int = -1, fill: float = 0.0) -> npt.NDArray[Any]:
        """Return what the axis makes of `values` along `axis`, in float64 or in the wider dtype of `values`.

        Args:
            values: Any float array; its length along `axis` is the source's.
            axis: Which of its axes.
            fill: The value of `FILL` units.
        """
        wide = np.moveaxis(np.asarray(values, dtype=np.promote_types(values.dtype, np.float64)), axis, -1)
        found = wide[..., np.maximum(self.index, 0)]
        if bool((self.index == MEAN).any()):
            found[..., self.index == MEAN] = wide.mean(axis=-1, keepdims=True)
        found *= self.factors
        found[..., self.index == FILL] = fill
        return np.moveaxis(found, -1, axis)
