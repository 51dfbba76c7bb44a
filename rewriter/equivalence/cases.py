"""A case: one call of one model class, named so that it can be run again, with inputs that its name and a seed give."""

from __future__ import annotations

import fnmatch
import itertools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RewriterError

Array = npt.NDArray[Any]
Axes = Mapping[str, Any]
"""One point of the matrix: axis → value, e.g. `{"mask": "left-padded", "batch": 3, "attn": 1}`."""

CALL, RELOAD, TRAIN, GRADIENTS = "call", "weights-after-first-call", "train-then-eval", "gradients"
DROPOUT, ROUND_TRIP, AFTER, GENERATE = "each-dropout", "save-and-load", "after", "generate"
"""The scenarios; `scenarios.py` says what each does."""

MASKS = ("none", "ones", "right-padded", "left-padded", "holed", "first-masked", "row-masked")
"""Kinds of 2-D masks, of shape (batch, length)."""


@dataclass(frozen=True)
class Case:
    """One call that the original and its rewritten twin must answer alike.

    Attributes:
        id: Stable and readable: `BertModel/mask=left-padded/batch=3/seq=5/attn=1,hidden=1,dict=0`.
        model: Name of the model class.
        inputs: Tensor arguments by name: arrays, or nested tuples of arrays.
        flags: Other arguments by name.
        settings: What the configuration has besides the adapter's small defaults.
        description: What is special about the case, in a few words.
        method: The public method to call; empty to call the model itself.
        raises: Whether the call is a wrong one, which the original refuses.
        scenario: What is done with the call; see `scenarios.py`.
        action: What is done to the models before, for the scenario `AFTER`; see `actions.py`.
        dtype: Name of the floating dtype of weights and inputs; empty for the one they are made with.
        light: Whether "quick" may leave out the compiled run when every compiled method that the case calls has run
            compiled in a case before it: a graph takes seconds to make, and heads share their base model's.
    """

    id: str
    model: str
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    flags: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    method: str = ""
    raises: bool = False
    scenario: str = CALL
    action: str = ""
    dtype: str = ""
    light: bool = False


def random_for(case_id: str, seed: int) -> np.random.Generator:
    """Return the generator of a case's inputs; it depends on nothing but the case's name and the seed."""
    return np.random.default_rng([seed, zlib.crc32(case_id.encode())])


def attention_mask(kind: str, batch: int, length: int, random: np.random.Generator) -> Array | None:
    """Return a (batch, length) int64 mask, 1 where to attend; None for the kind "none".

    Args:
        kind: One of `MASKS`. "holed" keeps the first and the last position; "row-masked" masks the whole last row.
        batch: Number of rows.
        length: Number of positions, those of a cache included.
        random: Where the holes come from.
    """
    if kind == "none":
        return None
    mask = np.ones((batch, length), np.int64)
    # Rows differ in their padding, and none is fully padded.
    padding = [min(length - 1, 1 + 2 * row) for row in range(batch)]
    if kind == "right-padded":
        for row, count in enumerate(padding):
            mask[row, length - count :] = 0
    elif kind == "left-padded":
        for row, count in enumerate(padding):
            mask[row, :count] = 0
    elif kind == "holed":
        mask[:, 1:-1] = random.integers(0, 2, (batch, max(0, length - 2)))
        mask[:, length // 2] = 0 if length > 2 else 1
    elif kind == "first-masked":
        mask[:, 0] = 0
    elif kind == "row-masked":
        mask[-1, :] = 0
    elif kind != "ones":
        raise ValueError(f"no mask of kind {kind!r}")
    return mask


def square_mask(batch: int, length: int, total: int, random: np.random.Generator) -> Array:
    """Return a (batch, length, total) int64 mask, different in every row of every batch element, with none empty."""
    mask = random.integers(0, 2, (batch, length, total)).astype(np.int64)
    mask[:, np.arange(length), (total - length) + np.arange(length)] = 1
    return mask


def pairwise(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return few points of a matrix so that every two values of any two axes occur together in one of them.

    Greedy and deterministic: each point starts from the first pair that is not covered yet, and takes on every other
    axis the value that covers most. The number of points is near the product of the two longest axes.
    """
    names = list(axes)
    if len(names) < 2:
        return [{name: value} for name in names for value in axes[name]]
    missing = {
        ((one, i), (other, j)): None
        for one, other in itertools.combinations(names, 2)
        for i in range(len(axes[one]))
        for j in range(len(axes[other]))
    }
    points = []
    while missing:
        chosen = dict(next(iter(missing)))
        for name in names:
            if name not in chosen:
                chosen[name] = _most_covering(name, len(axes[name]), chosen, names, missing)
        for pair in itertools.combinations([(name, chosen[name]) for name in names], 2):
            missing.pop(pair, None)
        points.append({name: axes[name][chosen[name]] for name in names})
    return points


Place = tuple[str, int]


def _most_covering(
    name: str, count: int, chosen: Mapping[str, int], names: Sequence[str], missing: Mapping[tuple[Place, Place], None]
) -> int:
    """Return the index on axis `name` that covers most missing pairs together with what is chosen already."""

    def covered(index: int) -> int:
        total = 0
        for other in chosen.items():
            mine = (name, index)
            first = names.index(name) < names.index(other[0])
            total += ((mine, other) if first else (other, mine)) in missing
        return total

    return max(range(count), key=covered)


def select(cases: Iterable[Case], patterns: Sequence[str]) -> list[Case]:
    """Return the cases whose id is one of `patterns`, or matches one that has `*` in it.

    Raises:
        RewriterError: A pattern matches nothing.
    """
    known = list(cases)
    chosen: dict[str, Case] = {}
    for pattern in patterns:
        found = [case for case in known if case.id == pattern or fnmatch.fnmatchcase(case.id, pattern)]
        if not found:
            raise RewriterError(f"no case {pattern}", hint="List the cases with --list-cases; * matches anything.")
        chosen.update((case.id, case) for case in found)
    return [case for case in known if case.id in chosen]
