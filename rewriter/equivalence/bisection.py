"""Searching for the changes that break something: delta debugging.

After A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on Software
Engineering 28(2), 2002: `smallest` is their ddmin. What fails with *another* symptom than the whole does counts as
unresolved, as they advise: half of a change that belongs together fails too, and says nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Symptoms = frozenset[str]
"""What is wrong with a candidate; empty when nothing is."""


@dataclass(frozen=True)
class Culprits(Generic[Item]):
    """What a search came to.

    Attributes:
        groups: The guilty changes; those of one group do harm only together.
        kept: The changes that are left.
        equal: Whether the changes that are left were seen to break nothing.
    """

    groups: tuple[tuple[Item, ...], ...]
    kept: tuple[Item, ...]
    equal: bool


def smallest(items: Sequence[Item], fails: Callable[[list[Item]], bool | None]) -> list[Item]:
    """Return a 1-minimal part of `items` that fails: without any single one of its items it does not.

    Args:
        items: Changes that fail together.
        fails: Tells whether some of them do; None when that cannot be told.
    """
    current, count = list(items), 2
    while len(current) > 1:
        parts = _split(current, count)
        others = [[item for other in parts if other is not part for item in other] for part in parts]
        part = next((part for part in parts if fails(part)), None)
        rest = None if part is not None or count == 2 else next((other for other in others if fails(other)), None)
        if part is not None:
            current, count = part, 2
        elif rest is not None:
            current, count = rest, max(count - 1, 2)
        elif count < len(current):
            count = min(2 * count, len(current))
        else:
            break
    return current


def culprits(
    items: Sequence[Item],
    symptoms: Callable[[list[Item]], Symptoms],
    *,
    harmless: Callable[[Item], bool] = lambda item: False,
) -> Culprits[Item]:
    """Find every group of changes that breaks something, one after the other.

    Args:
        items: The changes.
        symptoms: Makes some of them, in the order of `items`, and says what is wrong then.
        harmless: Whether a change can do no harm alone (it only adds a name that others use). Such changes are always
            made, unless they are seen to do harm.
    """
    rest = list(items)
    groups: list[tuple[Item, ...]] = []
    while wrong := symptoms(rest):
        if not rest:
            return Culprits(tuple(groups), (), False)
        group = _one_group(rest, wrong, symptoms, harmless)
        groups.append(tuple(group))
        rest = [item for item in rest if item not in group]
    return Culprits(tuple(groups), tuple(rest), True)


def _one_group(
    rest: list[Item],
    wrong: Symptoms,
    symptoms: Callable[[list[Item]], Symptoms],
    harmless: Callable[[Item], bool],
) -> list[Item]:
    always = [item for item in rest if harmless(item)]
    if always and (len(always) == len(rest) or symptoms(always)):
        always = []

    def fails(some: list[Item]) -> bool | None:
        seen = symptoms([item for item in rest if item in always or item in some])
        if seen & wrong:
            return True
        return None if seen else False

    return smallest([item for item in rest if item not in always], fails)


def _split(items: list[Item], count: int) -> list[list[Item]]:
    """Cut a list into `count` parts of nearly one length."""
    ends = [len(items) * number // count for number in range(count + 1)]
    return [items[start:end] for start, end in itertools.pairwise(ends)]
