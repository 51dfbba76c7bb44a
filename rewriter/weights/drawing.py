"""A small model with drawn weights, for the examples of weight passes and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import numpy_dtype
from .families import family_of
from .families.family import Family, shape
from .model import ModelView, Sizes
from .views import source_view

LABELS = 3
"""Labels of a classifier."""


@dataclass(frozen=True)
class Drawn:
    """A model with weights in memory.

    Attributes:
        view: What a weight pass sees of it.
        weights: Canonical key → array.
    """

    view: ModelView
    weights: Mapping[str, npt.NDArray[Any]]

    def read(self, key: str) -> npt.NDArray[Any]:
        """Return the weights of a key."""
        return self.weights[key]


def draw(config: Mapping[str, Any], *, parts: tuple[str, ...] = (), seed: int = 0, dtype: str = "float32") -> Drawn:
    """Return a model with drawn weights.

    Norms are not what a fresh model has: gamma is between 0.5 and 1.5, and no bias is 0. A fresh norm hides mistakes.

    Args:
        config: Its configuration.
        parts: Of the heads it has, beginnings of their keys: `pooler.`, `cls.predictions.`, `lm_head.`.
        seed: Of the weights.
        dtype: The name of their dtype.
    """
    family = family_of(config, (), "the configuration")
    shapes = _shapes(family, family.measure(config, "the configuration"), parts)
    drawn = np.random.default_rng(seed)
    weights = {key: _weight(drawn, key, size).astype(numpy_dtype(dtype)) for key, size in sorted(shapes.items())}
    if config.get("tie_word_embeddings", True) and family.decoder in weights:
        weights[family.decoder] = weights[family.embedding].copy()
    return Drawn(source_view(config, shapes, dict.fromkeys(shapes, dtype), "a drawn model"), weights)


def _shapes(family: Family, sizes: Sizes, parts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    tables = dict(family.outside)
    for group in (*family.heads, family.optional):
        tables |= {part: axes for part, axes in group.items() if parts and part.startswith(parts)}
    tables |= {family.join(part, n): axes for n in range(sizes.layers) for part, axes in family.inside.items()}
    return {key: tuple(LABELS if size is None else size for size in shape(axes, sizes)) for key, axes in tables.items()}


def _weight(drawn: np.random.Generator, key: str, size: tuple[int, ...]) -> npt.NDArray[np.float64]:
    name = key.split(".")[-2]
    if key.endswith(".weight") and (name == "LayerNorm" or name.startswith("ln_")):
        return drawn.uniform(0.5, 1.5, size)
    return 0.2 * drawn.standard_normal(size)
