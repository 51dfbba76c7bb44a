"""How libraries spell the keys of the same tensors, and back.

HuggingFace and mindnlp 0.4 write `weight` and `bias` everywhere. Plain MindSpore calls those of a layer norm `gamma`
and `beta`, and an embedding's `embedding_table`; mindone does so in GPT-2 and not in BERT. Old BERT files that were
made from TensorFlow have `gamma` and `beta` beside embeddings called `weight`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..errors import RewriterError
from .families import FAMILIES, Family

_NORM = {"gamma": "weight", "beta": "bias"}
_TABLE = "embedding_table"
LIBRARIES = ("hf", "mindnlp", "mindone", "mindspore")
PREFIXES = ("prefix", "bare")


@dataclass(frozen=True)
class Spelling:
    """One way to write keys.

    Attributes:
        gamma: Whether layer norms have `gamma` and `beta`.
        table: Whether embeddings have `embedding_table`.
        prefix: Whether the base of a model has `bert.` or `transformer.` before it.
    """

    gamma: bool = False
    table: bool = False
    prefix: bool = False

    def of(self, key: str, family: Family) -> str:
        """Return this spelling of a canonical key."""
        start, _, last = key.rpartition(".")
        name = start.rpartition(".")[2]
        if self.gamma and (name == "LayerNorm" or name.startswith("ln_")):
            last = {"weight": "gamma", "bias": "beta"}[last]
        if self.table and (name in ("wte", "wpe") or name.endswith("_embeddings")):
            last = _TABLE
        spelled = f"{start}.{last}"
        return family.prefix + spelled if self.prefix and spelled.startswith(family.based) else spelled


def canonical(key: str) -> str:
    """Return the canonical key of one in any spelling: HuggingFace's, without a prefix."""
    for family in FAMILIES.values():
        if key.startswith(family.prefix):
            key = key.removeprefix(family.prefix)
    start, _, last = key.rpartition(".")
    name = start.rpartition(".")[2]
    if last in _NORM and (name == "LayerNorm" or name.startswith("ln_")):
        return f"{start}.{_NORM[last]}"
    return f"{start}.weight" if last == _TABLE else key


def canonicals(keys: Iterable[str], where: str) -> dict[str, str]:
    """Return canonical key → key as it is written.

    Args:
        keys: Of a checkpoint.
        where: Its name, for messages.

    Raises:
        RewriterError: Two keys mean the same tensor.
    """
    found: dict[str, str] = {}
    for key in keys:
        other = found.setdefault(canonical(key), key)
        if other != key:
            raise RewriterError(f"{where}: {other} and {key} are two spellings of one tensor")
    return found


def spelling_of(keys: Iterable[str]) -> Spelling:
    """Return the spelling that keys are written in."""
    every = list(keys)
    prefixes = tuple(family.prefix for family in FAMILIES.values())
    return Spelling(
        gamma=any(key.endswith((".gamma", ".beta")) for key in every),
        table=any(key.endswith("." + _TABLE) for key in every),
        prefix=any(key.startswith(prefixes) for key in every),
    )


def parse(text: str, family: Family, source: Spelling) -> Spelling:
    """Return the spelling that `--keys` asks for.

    Args:
        text: `same`, or a library of `LIBRARIES`; after a comma `prefix` or `bare`, else the source's.
        family: Of the model.
        source: The spelling of the source.

    Raises:
        RewriterError: It is none of these.
    """
    library, _, prefix = text.partition(",")
    if library not in ("same", *LIBRARIES) or prefix not in ("", *PREFIXES):
        raise RewriterError(
            f"--keys {text}: no such spelling",
            hint=f"One of same, {', '.join(LIBRARIES)}; with `,prefix` or `,bare` behind it for keys with or without "
            f"{family.prefix!r}.",
        )
    old = library == "mindspore" or (library == "mindone" and family.name == "gpt2")
    found = source if library == "same" else Spelling(old, old, source.prefix)
    return replace(found, prefix=prefix == "prefix") if prefix else found
