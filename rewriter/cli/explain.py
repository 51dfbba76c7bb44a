"""`rewriter explain`: does it compile, and if not, why, and which pass mends it?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    JsonOption,
    NoPluginOption,
    PassesOption,
    PluginOption,
    TargetOption,
    VersionOption,
    choose,
)
from .session import reporting

if TYPE_CHECKING:
    from rich.console import Console

    from ..equivalence.explain import Blocker, ClassResult, Explanation

_COLOURS = {"compiles": "green", "compiles after the passes": "green", "refused": "red"}


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A path or a dotted module.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="Run this model class only. May be given again.")
    ] = None,
    passes: PassesOption = None,
    target: TargetOption = None,
    mindspore: VersionOption = None,
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Say of every module class whether MindSpore compiles it, what it refuses, and which pass mends that.

    Executes the file: each model is built small and called once, then every class is compiled alone under STRICT.
    What is refused is compiled again with passes applied to a copy of the file, one after the other.

    Exit codes: 0 everything compiles, as it is or after the passes; 1 something is left that no pass mends; 2 usage,
    or a file that cannot be loaded.

    Example:  rewriter explain modeling_bert.py --model BertModel
    """
    # Before MindSpore is imported: its log of each refusal would drown the report.
    os.environ["GLOG_v"] = "4"  # noqa: SIM112  it is spelled so
    with reporting(as_json=json) as report:
        choices = choose(plugin, no_plugin, passes, target, mindspore)
        from ..equivalence.explain import explain

        with report.progress("explain") as step:
            found = explain(
                file,
                models=tuple(model or ()),
                host=choices.host,
                passes=choices.passes,
                target=choices.target,
                progress=step,
            )
        report.put("explanations", found.to_json())
        _render(found, report.console)
        report.worsen(0 if found.ok else 1)
        report.broken_plugins(choices.host.broken)


def _render(found: Explanation, console: Console) -> None:
    """Print the classes, the innermost first, then the count of each kind."""
    from collections import Counter

    from rich.markup import escape

    for item in found.classes:
        _render_class(item, console)
    if found.uncalled:
        console.print(f"[yellow]not called by any model here:[/] {escape(', '.join(found.uncalled))}")
    for model, why in found.problems.items():
        console.print(f"[red]{escape(model)} could not be run:[/] {escape(why)}")
    counts = Counter(item.state.value for item in found.classes)
    summary = ", ".join(f"{counts[name]} {_summed(name)}" for name in _COLOURS if counts[name])
    console.print(f"[bold]{escape(found.file)}[/]: {summary or 'nothing was compiled'}")


def _summed(state: str) -> str:
    return {"compiles": "compile as they are", "compiles after the passes": "after the passes"}.get(state, state)


def _render_class(item: ClassResult, console: Console) -> None:
    from rich.markup import escape

    parts = f": {', '.join(item.parts)}" if item.parts else ""
    name = f"[bold]{escape(item.name)}[/] [dim]as {escape(item.called_by)}[/]"
    console.print(f"{name}  [{_COLOURS[item.state.value]}]{item.state.value}{escape(parts)}[/]")
    for blocker in item.blockers:
        _render_blocker(blocker, console)
    if item.around:
        console.print(f"    after the passes it stays Python around {escape(', '.join(item.around))}")


def _render_blocker(blocker: Blocker, console: Console) -> None:
    from rich.markup import escape

    refusal = blocker.refusal
    place = _place(refusal.file, refusal.line)
    mended = ", ".join(blocker.mended_by)
    words = f"[green]mended by {escape(mended)}[/]" if mended else "[red]no pass mends it[/]"
    if blocker.like:
        console.print(f"    {escape(place)}  as in {escape(blocker.like)}; {words}")
        return
    console.print(f"    {escape(place)}  {escape(refusal.source)}".rstrip())
    console.print(f"        {escape(refusal.why)}; {words}")


def _place(file: str, line: int) -> str:
    if not file:
        return "no place is given"
    return f"{Path(file).name}:{line}" if line else "in a line that a pass wrote:"
