"""Whether expressions may be evaluated in another order, more than once, or not at all, without anybody noticing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum

import libcst as cst

from ..tree import children


class Effect(IntEnum):
    """What the evaluation of an expression depends on, and does."""

    NOTHING = 0
    """A literal."""
    NAME = 1
    """It reads local names; only what binds names can change it."""
    READS = 2
    """It reads what a call may change: attributes, items, the contents of tensors."""
    DOES = 3
    """It calls something, which may do anything but bind a name of this function."""
    BINDS = 4
    """It may bind a name, or lets others run: `:=`, `await`, `yield`."""


_BINDS = (cst.NamedExpr, cst.Await, cst.Yield)
_DOES = (cst.Call, cst.BaseComp, cst.FormattedString)
_ATOMS = (cst.BaseNumber, cst.SimpleString, cst.Ellipsis)
_TIMES = {2: "twice"}


def effect(node: cst.CSTNode) -> Effect:
    """Return what an expression depends on and does, at most."""
    return max(_effects(node), default=Effect.NOTHING)


def _effects(node: cst.CSTNode) -> Iterator[Effect]:
    if isinstance(node, cst.Lambda):
        yield Effect.READS
        return
    if isinstance(node, _BINDS):
        yield Effect.BINDS
    elif isinstance(node, _DOES):
        yield Effect.DOES
    elif isinstance(node, cst.Name):
        yield Effect.NAME
        return
    elif is_number(node) or isinstance(node, _ATOMS):
        return
    elif not isinstance(node, (cst.Tuple, cst.Element)):
        yield Effect.READS
    for part in children(node):
        yield from _effects(part)


def is_repeatable(node: cst.CSTNode) -> bool:
    """Tell whether an expression may be evaluated again: it costs nothing, and gives the same."""
    if isinstance(node, cst.Attribute):
        return is_repeatable(node.value)
    if isinstance(node, cst.Tuple):
        return all(isinstance(element, cst.Element) and is_repeatable(element.value) for element in node.elements)
    return isinstance(node, (cst.Name, *_ATOMS)) or is_number(node)


def is_number(node: cst.CSTNode) -> bool:
    """Tell whether an expression is a number, with its sign."""
    return isinstance(node, cst.BaseNumber) or (
        isinstance(node, cst.UnaryOperation) and isinstance(node.expression, cst.BaseNumber)
    )


def why_not(
    before: Sequence[str], after: Sequence[str], bound: Mapping[str, cst.BaseExpression], *, can_rebind: bool = False
) -> str:
    """Return why a replacement would be noticed; empty when it would not.

    Args:
        before: The wildcards in the order in which the code evaluates them.
        after: The wildcards in the order in which the replacement does.
        bound: Wildcard → its expression.
        can_rebind: Whether a call may bind a local name, by `nonlocal` or `global`.
    """
    effects = {name: effect(node) for name, node in bound.items()}
    counts, new = Counter(before), Counter(after)
    for name, node in bound.items():
        does, code = effects[name] >= Effect.DOES, cst.Module([]).code_for_node(node)
        if not new[name] and does:
            return f"{code} would not be evaluated any more"
        if counts[name] > 1 and does:
            return f"{code} is evaluated {_times(counts[name])}, and may give something else the second time"
        if new[name] > counts[name] and not is_repeatable(node):
            return f"{code} would be evaluated {_times(new[name])}"
    for first, second in _pairs(list(new)):
        crossing = _touch(effects[first], effects[second], can_rebind)
        if crossing and _relation(before, first, second) != _relation(after, first, second):
            return f"{first} and {second} would be evaluated in another order"
    return ""


def _times(count: int) -> str:
    return _TIMES.get(count, f"{count} times")


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, first in enumerate(names):
        yield from ((first, second) for second in names[index + 1 :])


def _touch(one: Effect, other: Effect, can_rebind: bool) -> bool:
    """Tell whether it matters which of two is evaluated first."""
    low, high = sorted((one, other))
    if high is Effect.BINDS:
        return low > Effect.NOTHING
    return high is Effect.DOES and (low >= Effect.READS or (low is Effect.NAME and can_rebind))


def _relation(sequence: Sequence[str], first: str, second: str) -> list[bool]:
    """Return in which order two names come: a boolean for each time that one of them does, without repetitions."""
    found = [name == first for name in sequence if name in (first, second)]
    return [item for index, item in enumerate(found) if index == 0 or item != found[index - 1]]
