"""What is to know of a family of models: its tensors, and the names in its configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...errors import RewriterError
from ..model import FIXED, Dim, Sizes

_FREE = "any"
"""A fixed axis whose size no configuration tells, such as that of labels."""


@dataclass(frozen=True)
class Family:
    """A family of models, as tables.

    The axes of a tensor are words: a space of `rewriter.weights.model`, with `<` before it where a product sums over
    the axis; or `vocabulary`, `positions`, `types`, a number, `any`.

    Attributes:
        name: `model_type` in its configuration.
        layer: Its layers' keys up to the number, e.g. `encoder.layer`.
        inside: Part → axes, of what every layer has.
        outside: Part → axes, of what every model has besides.
        heads: Groups of parts → axes that a model has or has not, each group as a whole.
        optional: Part → axes that a checkpoint may hold, whatever else it holds.
        buffers: Patterns of the keys of buffers.
        decoder: The part that is the word embedding where the two are tied.
        embedding: The word embedding.
        norm: The layer norm before the decoder.
        prefix: What a model with a head puts before the keys of its base.
        based: The beginnings of the keys that this goes before.
        sizes: Field of `Sizes` → its name in the configuration, and names that mean the same.
        implied: Those of them that a configuration may leave out.
        agree: What source and target have to agree on: name in the configuration → its default.
    """

    name: str
    layer: str
    inside: Mapping[str, str]
    outside: Mapping[str, str]
    heads: tuple[Mapping[str, str], ...]
    optional: Mapping[str, str]
    buffers: tuple[str, ...]
    decoder: str
    embedding: str
    norm: str
    prefix: str
    based: tuple[str, ...]
    sizes: Mapping[str, tuple[str, ...]]
    implied: tuple[str, ...] = ()
    agree: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def layer_key(self) -> re.Pattern[str]:
        """Matches a key of a layer: its number, and the part."""
        return re.compile(rf"{re.escape(self.layer)}\.(\d+)\.(.+)")

    def split(self, key: str) -> tuple[str, int | None]:
        """Return the part of a canonical key, and its layer."""
        found = self.layer_key.fullmatch(key)
        return (found[2], int(found[1])) if found else (key, None)

    def join(self, part: str, layer: int | None) -> str:
        """Return the canonical key of a part."""
        return part if layer is None else f"{self.layer}.{layer}.{part}"

    def is_buffer(self, key: str) -> bool:
        """Tell whether a canonical key is that of a buffer."""
        return any(re.fullmatch(pattern, key) for pattern in self.buffers)

    def measure(self, config: Mapping[str, Any], where: str) -> Sizes:
        """Return the sizes that a configuration gives.

        Args:
            config: The configuration.
            where: Its name, for messages.

        Raises:
            RewriterError: One is missing or no positive whole number, or the heads do not divide the hidden size.
        """
        found = {name: self._size(config, name, where) for name in self.sizes}
        found["intermediate"] = found["intermediate"] or 4 * found["hidden"]  # what an absent `n_inner` means
        sizes = Sizes(**{"types": 0, **found})
        if sizes.hidden % sizes.heads:
            raise RewriterError(f"{where}: {sizes.heads} heads do not divide a hidden size of {sizes.hidden}")
        return sizes

    def _size(self, config: Mapping[str, Any], name: str, where: str) -> int:
        names = self.sizes[name]
        value = next((config[one] for one in names if config.get(one) is not None), None)
        if value is None and name in self.implied:
            return 0
        if value is None:
            raise RewriterError(f"{where}: {names[0]} is missing")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise RewriterError(f"{where}: {names[0]} is {value!r}, which is no positive whole number")
        return value


def dims(axes: str) -> tuple[Dim, ...]:
    """Return what the words of a table stand for."""
    words = [(word.lstrip("<"), word.startswith("<")) for word in axes.split()]
    return tuple(Dim(FIXED if _is_fixed(word) else word, reads) for word, reads in words)


def shape(axes: str, sizes: Sizes) -> tuple[int | None, ...]:
    """Return the shape that a table and sizes give; None where every size will do."""
    return tuple(_length(word.lstrip("<"), sizes) for word in axes.split())


def _is_fixed(word: str) -> bool:
    return word in ("vocabulary", "positions", "types", _FREE) or word.isdigit()


def _length(word: str, sizes: Sizes) -> int | None:
    if word == _FREE:
        return None
    if word.isdigit():
        return int(word)
    found: int = getattr(sizes, word) if _is_fixed(word) else sizes.of(word)
    return found
