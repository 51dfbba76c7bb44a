"""The calls that a checkpoint and its larger twin must answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..model import Sizes
from .inputs import Inputs, labels_for
from .numerics import Array

BATCH, LENGTH = 3, 7
LONG = 48
"""So many tokens the longest case has; `--full` takes all positions of the model."""


@dataclass(frozen=True)
class WeightCase:
    """One call, or one decoding step by step.

    Attributes:
        id: Says all that makes the case.
        inputs: Of the whole call.
        cuts: Where a decoding is cut into steps, from 0 to the number of tokens; empty for one plain call.
    """

    id: str
    inputs: Inputs
    cuts: tuple[int, ...] = ()

    def steps(self) -> Iterator[tuple[str, Inputs]]:
        """Yield the calls of the case, each with a name for it."""
        if not self.cuts:
            yield "", self.inputs
        for number, (start, stop) in enumerate(zip(self.cuts, self.cuts[1:], strict=False)):
            yield f"step {number}", self.inputs.part(start, stop)


def cases_for(family: str, sizes: Sizes, *, full: bool = False, seed: int = 0) -> list[WeightCase]:
    """Return the matrix for a model.

    Args:
        family: `bert` or `gpt2`.
        sizes: Of the model.
        full: Take the longest input that the model can take.
        seed: Of the ids.
    """
    rng = np.random.default_rng(seed)
    length = min(LENGTH, sizes.positions)
    found = [
        _case(rng, sizes, f"mask={name}", mask, BATCH, length) for name, mask in _masks(BATCH, length, rng).items()
    ]
    found.append(_case(rng, sizes, "mask=none", None, 1, 1))
    longest = sizes.positions if full else min(LONG, sizes.positions)
    found.append(_case(rng, sizes, "mask=none", None, 1 if longest > LENGTH else 2, longest))
    found.append(_with_positions(rng, sizes, length))
    if family == "bert" and sizes.types > 1:
        found += [_with_types(rng, sizes, mask, length) for mask in ("none", "right")]
    if family == "gpt2" and length > 3:
        found += list(_decodings(rng, sizes, length))
    return found


def _masks(batch: int, length: int, rng: np.random.Generator) -> dict[str, Array | None]:
    """Return a mask per kind, int64 (batch, length); every row of each has something to attend to."""
    places = np.arange(length)
    lengths = np.maximum(length - 2 * np.arange(batch), 1)[:, None]
    holed = np.ones((batch, length), np.int64)
    for row in range(batch):
        holed[row, rng.permutation(length)[: (length - 1) // 3]] = 0
    return {
        "none": None,
        "ones": np.ones((batch, length), np.int64),
        "right-padded": (places < lengths).astype(np.int64),
        "left-padded": (places >= length - lengths).astype(np.int64),
        "holed": holed,
    }


def _ids(rng: np.random.Generator, sizes: Sizes, batch: int, length: int) -> Array:
    return rng.integers(0, sizes.vocabulary, (batch, length))


def _case(rng: np.random.Generator, sizes: Sizes, name: str, mask: Array | None, batch: int, length: int) -> WeightCase:
    ids = _ids(rng, sizes, batch, length)
    labels = labels_for(ids, mask) if length > 1 else None
    return WeightCase(f"{name}/batch={batch}/seq={length}", Inputs(ids, mask, labels=labels))


def _with_positions(rng: np.random.Generator, sizes: Sizes, length: int) -> WeightCase:
    ids = _ids(rng, sizes, BATCH, length)
    positions = rng.integers(0, sizes.positions, ids.shape)
    return WeightCase(f"mask=none/batch={BATCH}/seq={length}/positions", Inputs(ids, positions=positions))


def _with_types(rng: np.random.Generator, sizes: Sizes, kind: str, length: int) -> WeightCase:
    ids = _ids(rng, sizes, BATCH, length)
    mask = _masks(BATCH, length, rng)["right-padded"] if kind == "right" else None
    types = rng.integers(0, sizes.types, ids.shape)
    name = "right-padded" if kind == "right" else "none"
    inputs = Inputs(ids, mask, token_types=types, labels=labels_for(ids, mask))
    return WeightCase(f"mask={name}/batch={BATCH}/seq={length}/types", inputs)


def _decodings(rng: np.random.Generator, sizes: Sizes, length: int) -> Iterator[WeightCase]:
    """Yield decodings with a cache: a prompt, then a token at a time, then two at once."""
    cuts = (0, *range(length - 4, length - 1), length)
    yield WeightCase(f"mask=none/batch={BATCH}/seq={length}/cached", Inputs(_ids(rng, sizes, BATCH, length)), cuts)
    for kind in ("left-padded", "holed"):
        mask = _masks(BATCH, length, rng)[kind]
        assert mask is not None
        positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
        inputs = Inputs(_ids(rng, sizes, BATCH, length), mask, positions=positions)
        yield WeightCase(f"mask={kind}/batch={BATCH}/seq={length}/cached", inputs, cuts)
