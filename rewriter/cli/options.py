"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..targets import Device, Target

if TYPE_CHECKING:
    from ..plugins import PluginHost

PluginOption = Annotated[
    list[str] | None, typer.Option("--plugin", metavar="FILE_OR_MODULE", help="Load a plugin. May be given again.")
]
NoPluginOption = Annotated[
    list[str] | None, typer.Option("--no-plugin", metavar="NAME", help="Do not load an installed plugin.")
]
PassesOption = Annotated[
    str | None, typer.Option("--passes", metavar="A,B,…", help="Run these passes only (see `rewriter passes`).")
]
TargetOption = Annotated[
    Device | None,
    typer.Option("--target", help="Where the result will run; `portable` (the default) means on every device."),
]
VersionOption = Annotated[
    str | None,
    typer.Option(
        "--mindspore", metavar="VERSION", help="MindSpore version the result is for (default: the installed)."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@dataclass(frozen=True)
class Choices:
    """What to run and for what: the options on top of `[tool.rewriter]`."""

    host: PluginHost
    passes: tuple[str, ...]
    target: Target


def choose(
    plugin: list[str] | None,
    no_plugin: list[str] | None,
    passes: str | None = None,
    target: Device | None = None,
    mindspore: str | None = None,
) -> Choices:
    """Combine command-line options with the settings of the working directory.

    Raises:
        RewriterError: A setting, plugin or version is not usable.
    """
    from .. import plugins, settings

    defaults = settings.load(Path.cwd())
    host = plugins.load(
        (*defaults.plugins, *(plugin or ())),
        (*defaults.no_plugins, *(no_plugin or ())),
    )
    names = tuple(name.strip() for name in passes.split(",") if name.strip()) if passes else defaults.passes
    device = target.value if target is not None else defaults.target
    return Choices(host, names, Target.parse(device, mindspore or defaults.mindspore))
