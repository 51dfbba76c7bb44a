"""`rewriter passes`: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import JsonOption, NoPluginOption, PluginOption, choose
from .session import reporting

if TYPE_CHECKING:
    from ..passes import Pass
    from ..weights import WeightPass

_SHOWN = ("name", "kind", "safety", "plugin", "summary")


def command(plugin: PluginOption = None, no_plugin: NoPluginOption = None, json: JsonOption = False) -> None:
    """List the passes in running order: name, kind, safety, plugin, and one line on each; weight passes come last.

    With --json also its constraints (after, before, requires), its scope, whether it is there for speed alone, and the
    titles of its examples.

    Example:  rewriter passes --plugin my_pass.py
    """
    from ..ordering import ordered

    with reporting(as_json=json) as report:
        host = choose(plugin, no_plugin).host
        found = host.passes()
        owners = {item.name: owner for owner, item in found}
        rows = [describe(item, owners[item.name]) for item in ordered([item for _, item in found])]
        rows += [describe_weights(item, owner) for owner, item in host.weight_passes()]
        report.table("passes", [{name: str(row[name]) for name in _SHOWN} for row in rows], rows)
        report.broken_plugins(host.broken)


def describe(item: Pass, plugin: str) -> dict[str, object]:
    """Return what is to be said of a pass."""
    return {
        **_of_both(item, plugin),
        "scope": item.scope.value,
        "for_speed": item.for_speed,
        "after": list(item.after),
        "before": list(item.before),
        "requires": list(item.requires),
        "examples": [example.title for example in item.examples],
    }


def describe_weights(item: WeightPass, plugin: str) -> dict[str, object]:
    """Return what is to be said of a weight pass, for `rewriter expand`."""
    return {
        **_of_both(item, plugin),
        "grows": item.grows.value,
        "examples": [example.title for example in item.examples],
    }


def _of_both(item: Pass | WeightPass, plugin: str) -> dict[str, object]:
    return {
        "name": item.name,
        "kind": item.kind.value,
        "safety": item.safety.value,
        "plugin": plugin,
        "summary": item.summary,
    }
