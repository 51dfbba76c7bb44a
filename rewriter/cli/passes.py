"""`rewriter passes`: what there is."""

from __future__ import annotations

from .options import JsonOption, NoPluginOption, PluginOption, choose


def command(plugin: PluginOption = None, no_plugin: NoPluginOption = None, json: JsonOption = False) -> None:
    """List the passes in running order: name, kind, safety, plugin, and one line on each."""
    from ..ordering import ordered
    from ..report import Report

    choices = choose(plugin, no_plugin)
    owners = {item.name: owner for owner, item in choices.host.passes()}
    rows = [
        {
            "name": item.name,
            "kind": item.kind.value,
            "safety": item.safety.value,
            "plugin": owners[item.name],
            "summary": item.summary,
        }
        for item in ordered([item for _, item in choices.host.passes()])
    ]
    report = Report(as_json=json)
    report.table("passes", rows)
    report.broken_plugins(choices.host.broken)
    report.close()
