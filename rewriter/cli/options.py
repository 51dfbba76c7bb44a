"""Options that several commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RewriterError
from ..targets import Capture, Device, Scope, Target

if TYPE_CHECKING:
    from ..plugins import PluginHost

OriginalArgument = Annotated[str, typer.Argument(metavar="ORIGINAL", help="A path or a dotted module.")]
RewrittenArgument = Annotated[
    str, typer.Argument(metavar="REWRITTEN", help="A path or a dotted module; hand-edited is fine.")
]
FullOption = Annotated[bool, typer.Option("--full/--quick", help="All cases, or a covering choice of them.")]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", min=1, help="Run the cases in so many processes (each takes about 1 GB).")
]
JOBS = min(2, os.cpu_count() or 1)
"""Processes by default."""
SeedOption = Annotated[int, typer.Option(help="Seed of weights and inputs.")]
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
ScopeOption = Annotated[
    Scope | None,
    typer.Option(
        "--scope",
        help="How much of a model is one graph: all that it computes (`model`, the default), or the loop over its "
        "layers (`encoder`).",
    ),
]
DynamicOption = Annotated[
    bool | None,
    typer.Option(
        "--dynamic/--no-dynamic",
        help="Compile a graph for tensors of any size, or for each set of sizes (the default, which runs faster).",
    ),
]
CaptureOption = Annotated[
    Capture | None,
    typer.Option(
        "--capture",
        help="How graphs are made: from the source under STRICT (`ast`, the default), by recording a run (`trace`), or "
        "by recording where STRICT refuses (`auto`). The last two take --verify.",
    ),
]
WHAT_IS_TIMED = "What --measure and --bench time"
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="CLASS",
        rich_help_panel=WHAT_IS_TIMED,
        help="This model class; may be given again (default: one for each kind of input).",
    ),
]
SizeOption = Annotated[
    str,
    typer.Option(rich_help_panel=WHAT_IS_TIMED, help="base: the configuration's defaults; tiny: two small layers."),
]
BatchOption = Annotated[int, typer.Option(min=1, rich_help_panel=WHAT_IS_TIMED, help="Rows per call.")]
LengthOption = Annotated[int, typer.Option(min=1, rich_help_panel=WHAT_IS_TIMED, help="Tokens per row.")]
RoundsOption = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=WHAT_IS_TIMED, help="Timed calls of each file, in turns (--measure: 30)."),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, rich_help_panel=WHAT_IS_TIMED, help="Threads (as many as there are cores).")
]
VersionOption = Annotated[
    str | None,
    typer.Option(
        "--mindspore", metavar="VERSION", help="MindSpore version the result is for (default: the installed)."
    ),
]
StandInsOption = Annotated[
    bool,
    typer.Option("--stand-ins", help="Run both files with stand-ins for what has no kernel here; the verdict says so."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@dataclass(frozen=True)
class Choices:
    """What to run and for what: the options on top of `[tool.rewriter]`.

    Attributes:
        host: The loaded plugins.
        passes: Names of the passes to run; empty for the default ones.
        asked: Those of them that the command line names. Each must find something to do.
        target: What the results are for.
    """

    host: PluginHost
    passes: tuple[str, ...]
    asked: tuple[str, ...]
    target: Target


def choose(
    plugin: list[str] | None,
    no_plugin: list[str] | None,
    passes: str | None = None,
    target: Device | None = None,
    mindspore: str | None = None,
    scope: Scope | None = None,
    dynamic: bool | None = None,
    capture: Capture | None = None,
) -> Choices:
    """Combine command-line options with the settings of the working directory.

    Raises:
        RewriterError: A setting, plugin or version is not usable, or `passes` names none.
    """
    from .. import plugins, settings

    try:
        here = Path.cwd()
    except OSError as error:
        raise RewriterError(f"the working directory is gone ({error.strerror})") from None
    defaults = settings.load(here)
    host = plugins.load(
        (*defaults.plugins, *(plugin or ())),
        (*defaults.no_plugins, *(no_plugin or ())),
    )
    asked = tuple(name.strip() for name in (passes or "").split(",") if name.strip())
    if passes is not None and not asked:
        raise RewriterError("--passes names no pass", hint="`rewriter passes` lists them.")
    device = target if target is not None else defaults.target
    size = scope if scope is not None else defaults.scope
    open_sizes = dynamic if dynamic is not None else defaults.dynamic
    how = capture if capture is not None else defaults.capture
    result_for = Target.parse(device.value, mindspore or defaults.mindspore, size.value, open_sizes, how.value)
    return Choices(host, asked or defaults.passes, asked, result_for)


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Return the numbers in `16,64`, each once; none when the option is not given.

    Raises:
        RewriterError: There is something else between the commas.
    """
    try:
        found = tuple(dict.fromkeys(int(part) for part in text.split(","))) if text else ()
    except ValueError:
        found = (0,)
    if any(number < 1 for number in found):
        raise RewriterError(f"{option} {text}: numbers from 1 on, with commas between them")
    return found
