"""`rewriter passes`: what there is."""

from __future__ import annotations

from .options import JsonOption, NoPluginOption, PluginOption, choose
from .session import reporting


def command(plugin: PluginOption = None, no_plugin: NoPluginOption = None, json: JsonOption = False) -> None:
    """List the passes in running order: name, kind, safety, plugin, and one line on each.

    Example:  rewriter passes --plugin my_pass.py
    """
    from ..ordering import ordered

    with reporting(as_json=json) as report:
        host = choose(plugin, no_plugin).host
        found = host.passes()
        owners = {item.name: owner for owner, item in found}
        rows = [
            {
                "name": item.name,
                "kind": item.kind.value,
                "safety": item.safety.value,
                "plugin": owners[item.name],
                "summary": item.summary,
            }
            for item in ordered([item for _, item in found])
        ]
        report.table("passes", rows)
        report.broken_plugins(host.broken)
