"""The families of models whose checkpoints can grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import RewriterError
from .bert import BERT
from .family import Family
from .gpt2 import GPT2

FAMILIES = {family.name: family for family in (BERT, GPT2)}

__all__ = ["FAMILIES", "Family", "family_of"]


def family_of(config: Mapping[str, Any], keys: Iterable[str], where: str) -> Family:
    """Return the family of a model.

    Args:
        config: Its configuration; `model_type` decides.
        keys: The keys of its tensors, which decide where the configuration is silent.
        where: The name of the configuration, for messages.

    Raises:
        RewriterError: It is none of those that can grow.
    """
    named = config.get("model_type")
    if named is None:
        fitting = [family for family in FAMILIES.values() if any(family.layer + ".0." in key for key in keys)]
        named = fitting[0].name if len(fitting) == 1 else None
    if named not in FAMILIES:
        raise RewriterError(
            f"{where}: model_type {named!r} cannot grow", hint=f"These can: {', '.join(sorted(FAMILIES))}."
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise RewriterError(f"{where}: relative positions ({config['position_embedding_type']}) cannot grow yet")
    if config.get("add_cross_attention"):
        raise RewriterError(f"{where}: a model with cross-attention cannot grow yet")
    return FAMILIES[named]
