"""A model without its numbers: configuration, and per tensor its key, shape, dtype and what its axes stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HIDDEN = "hidden"
"""Units of the stream that all layers read and write."""
ATTENTION = "attention"
"""All heads' units: head by head."""
QKV = "qkv"
"""Queries, keys and values one after another, each of them `ATTENTION` units (GPT-2's fused projection)."""
INTERMEDIATE = "intermediate"
POOLED = "pooled"
"""Units of the pooler's output (BERT), as many as `HIDDEN`."""
TRANSFORMED = "transformed"
"""Units between the MLM head's transform and its decoder (BERT), as many as `HIDDEN`."""
FIXED = "fixed"
"""Vocabulary, positions, token types, labels: never grows."""


@dataclass(frozen=True)
class Dim:
    """What one axis of a tensor stands for.

    Attributes:
        space: One of the names above.
        reads: Whether a product sums over the axis: an input axis of a linear layer.
    """

    space: str
    reads: bool = False


@dataclass(frozen=True)
class Slot:
    """One tensor of a model.

    Attributes:
        key: Its canonical key: HuggingFace's name without `bert.` or `transformer.`.
        part: The key without its layer: `attention.self.query.weight`, `ln_f.weight`.
        layer: The number of its layer; None outside the layers.
        dims: Its axes. Empty for a buffer, which is no weight and is copied as it is.
        shape: Its shape.
    """

    key: str
    part: str
    layer: int | None
    dims: tuple[Dim, ...]
    shape: tuple[int, ...]

    @property
    def is_buffer(self) -> bool:
        """Whether it is no weight: `position_ids`, a causal mask."""
        return not self.dims

    @property
    def is_norm(self) -> bool:
        """Whether it belongs to a layer norm."""
        name = self.part.split(".")[-2]
        return name == "LayerNorm" or name.startswith("ln_")

    def in_layer(self, layer: int) -> str:
        """Return the key of the same part in another layer."""
        return f"{self.key.removesuffix(f'{self.layer}.{self.part}')}{layer}.{self.part}"


@dataclass(frozen=True)
class Sizes:
    """The sizes of a model, under one name for all families."""

    hidden: int
    heads: int
    layers: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int

    @property
    def head(self) -> int:
        """Units of one head."""
        return self.hidden // self.heads

    def of(self, space: str) -> int:
        """Return the number of units of a space other than `FIXED`."""
        if space == INTERMEDIATE:
            return self.intermediate
        return 3 * self.hidden if space == QKV else self.hidden


@dataclass(frozen=True)
class ModelView:
    """What a weight pass sees of a model.

    Attributes:
        family: `bert` or `gpt2`.
        config: The contents of its `config.json`.
        sizes: Its sizes.
        slots: Its tensors by canonical key, buffers among them.
        dtypes: Canonical key → name of the dtype.
        tied: Whether the decoder of a language-model head is the word embedding.
        tied_norm: The layer norm before a tied decoder, as the start of its parts: `ln_f`,
            `cls.predictions.transform.LayerNorm`. None where no tied decoder reads a norm. A GPT-2 without any head
            counts as having a tied one, for its files are used that way.
    """

    family: str
    config: Mapping[str, Any]
    sizes: Sizes
    slots: Mapping[str, Slot]
    dtypes: Mapping[str, str]
    tied: bool
    tied_norm: str | None = None

    def has(self, part: str) -> bool:
        """Tell whether there is a tensor of this part."""
        return any(slot.part == part for slot in self.slots.values())
