"""`rewriter plugins`: which distribution brings what, and what is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import JsonOption, NoPluginOption, PluginOption, choose
from .session import reporting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..plugins import PluginHost


def command(plugin: PluginOption = None, no_plugin: NoPluginOption = None, json: JsonOption = False) -> None:
    """List the plugins: where each comes from, what it brings, and why one is not used.

    Plugins are installed with an entry point in the group `rewriter`, or named with --plugin. One that fails is
    reported, and the others go on. REWRITER_DISABLE_PLUGIN_AUTOLOAD=1 leaves out all that are installed.

    Examples:

      rewriter plugins

      rewriter plugins --plugin my_pass.py --json
    """
    with reporting(as_json=json) as report:
        host = choose(plugin, no_plugin).host
        found = describe(host)
        report.table("plugins", [_in_words(row) for row in found], found)
        report.broken_plugins(host.broken)


def describe(host: PluginHost) -> list[dict[str, object]]:
    """Return what is to be said of each plugin, by name.

    Returns:
        Per plugin: `name`, `distribution`, `version`, `source`, `hooks`, `passes`, `state` (`loaded`, `broken` or
        `left out`) and `reason`.
    """
    passes: dict[str, list[str]] = {}  # asked first: a hook that raises puts its plugin into `broken`
    found = [(owner, item.name) for owner, item in host.passes()]
    for owner, name in (*found, *((owner, item.name) for owner, item in host.weight_passes())):
        passes.setdefault(owner, []).append(name)
    return [
        {
            "name": name,
            "distribution": origin.distribution,
            "version": origin.version,
            "source": origin.source,
            "hooks": host.hooks(name) if host.manager.has_plugin(name) else [],
            "passes": passes.get(name, []),
            "state": "left out" if origin.why_not else "broken" if name in host.broken else "loaded",
            "reason": origin.why_not or host.broken.get(name, ""),
        }
        for name, origin in sorted(host.origins.items())
    ]


def _in_words(row: Mapping[str, object]) -> dict[str, str]:
    hooks, passes = row["hooks"], row["passes"]
    assert isinstance(hooks, list)
    assert isinstance(passes, list)
    brought = [f"{len(passes)} {'pass' if len(passes) == 1 else 'passes'}"] if passes else []
    brought += [hook.removeprefix("rewriter_") for hook in hooks if not hook.endswith("_passes")]
    return {
        "name": str(row["name"]),
        "from": f"{row['distribution']} {row['version']}".strip() or str(row["source"]),
        "brings": ", ".join(brought) or "nothing",
        "state": str(row["state"]),
    }
