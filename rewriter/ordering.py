"""The order of passes: topological, ties by name, so that the same input gives the same bytes always."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from .errors import PassOrderError
from .passes import Pass


def ordered(passes: Sequence[Pass]) -> list[Pass]:
    """Return `passes` in running order.

    Raises:
        PassOrderError: Constraints form a cycle (its members are named), two passes share a name, or a required pass
            is missing.
    """
    by_name: dict[str, Pass] = {}
    for item in passes:
        if item.name in by_name:
            raise PassOrderError(
                f"two passes are called '{item.name}'", hint="Leave one out with --no-plugin, or rename it."
            )
        by_name[item.name] = item
    for item in passes:
        for name in item.requires:
            if name not in by_name:
                raise PassOrderError(
                    f"pass '{item.name}' requires '{name}', which is not selected", hint=f"Add it: --passes {name},…"
                )
    # Sorted input and sorted ready sets make the order independent of the order of registration.
    sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in sorted(by_name)})
    for item in sorted(passes, key=lambda one: one.name):
        for name in (*item.after, *item.requires):
            if name in by_name:
                sorter.add(item.name, name)
        for name in item.before:
            if name in by_name:
                sorter.add(name, item.name)
    try:
        sorter.prepare()
    except CycleError as error:
        raise PassOrderError(
            "the passes' order is a cycle: " + " → ".join(error.args[1]),
            hint="One of their `after`/`before` must go.",
        ) from None
    result: list[Pass] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        for name in ready:
            result.append(by_name[name])
            sorter.done(name)
    return result
