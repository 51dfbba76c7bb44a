"""The weights of a model in the precision that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .numerics import Array

KEPT_BYTES = 2**30
"""Models up to this size are converted once; larger ones tensor by tensor in each run, to spare memory."""


class Weights:
    """Reads tensors by canonical name and converts them.

    Args:
        names: Of all tensors there are.
        read: Gives the stored tensor of a name.
        precision: `np.float32` or `np.float64`.
        elements: Of all tensors together.
    """

    def __init__(
        self, names: Iterable[str], read: Callable[[str], Array], precision: type[np.floating[Any]], elements: int
    ) -> None:
        self.precision = precision
        self._names = frozenset(names)
        self._read = read
        self._keeps = elements * np.dtype(precision).itemsize <= KEPT_BYTES
        self._kept: dict[str, Array] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Array:
        if name in self._kept:
            return self._kept[name]
        tensor = np.asarray(self._read(name)).astype(self.precision, copy=False)
        if self._keeps:
            self._kept[name] = tensor
        return tensor

    def linear(self, name: str, x: Array) -> Array:
        """Apply the linear layer `name`, whose weight is (out, in); without a bias where there is none."""
        product: Array = x @ self[f"{name}.weight"].T
        return product + self[f"{name}.bias"] if f"{name}.bias" in self else product

    def conv1d(self, name: str, x: Array) -> Array:
        """Apply GPT-2's linear layer `name`, whose weight is (in, out)."""
        product: Array = x @ self[f"{name}.weight"]
        return product + self[f"{name}.bias"]
