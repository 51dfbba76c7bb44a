"""`rewriter bisect`: find the change that makes a rewritten file answer otherwise."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    FullOption,
    JsonOption,
    NoPluginOption,
    OriginalArgument,
    PluginOption,
    RewrittenArgument,
    SeedOption,
    choose,
)
from .session import reporting

if TYPE_CHECKING:
    from ..changes import Change
    from ..equivalence.blame import Blame, Guilty
    from ..report import Report


def command(
    original: OriginalArgument,
    rewritten: RewrittenArgument,
    full: FullOption = False,
    seed: SeedOption = 0,
    case: Annotated[list[str] | None, typer.Option("--case", metavar="ID", help="Only this case counts.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="Largest error allowed, relative to max(1, |value|), as for verify.")
    ] = None,
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Find the smallest changes that break a rewritten file.

    Verifies first. Where the files differ, some of the changes are made on the original, and then others, until the
    guilty ones are found: delta debugging, statement by statement. Each is printed as a small diff, with its lines in
    both files, what it breaks, by how much, and in which case. Independent faults are all found.

    Executes both files, and mixtures of them, in a temporary folder. Exit codes: 0 no difference; 1 guilty changes were
    found, or some cases could not be compared; 2 usage, or a file that cannot be loaded.

    Example:  rewriter bisect modeling_bert.py modeling_bert_rewritten.py
    """
    from ..equivalence.blame import blame

    with reporting(as_json=json) as report:
        host = choose(plugin, no_plugin).host
        with report.progress("bisect") as step:
            found = blame(
                original,
                rewritten,
                level="full" if full else "quick",
                seed=seed,
                tolerance=tolerance,
                cases=case,
                adapters=host.model_adapters(),
                progress=step,
            )
        report.put("bisections", _document(found))
        _print(found, original, rewritten, report)
        report.worsen(0 if found.verdict is not None and found.verdict.ok else 1)
        report.broken_plugins(host.broken)


def _print(found: Blame, original: str, rewritten: str, report: Report) -> None:
    from rich.markup import escape

    console, verdict = report.console, found.verdict
    for line in verdict.surface if verdict is not None else ():
        console.print(f"[red]different, seen without running[/red]  {escape(line)}")
    if not found.guilty and verdict is not None:
        outcome = "no difference" if verdict.ok else "no difference was found, but not all cases could be compared"
        outcome = "the answers are the same, the surface is not" if verdict.surface else outcome
        console.print(f"{outcome}: {verdict.status.value}, {len(verdict.cases)} cases, {found.kept} changes")
        return
    for number, guilty in enumerate(found.guilty, start=1):
        _print_guilty(number, len(found.guilty), guilty, original, rewritten, report)
    console.print(
        f"{found.kept} other changes, made together, give the original's answers in these cases "
        f"({found.tried} candidates tried)"
    )


def _print_guilty(number: int, total: int, guilty: Guilty, original: str, rewritten: str, report: Report) -> None:
    from rich.markup import escape
    from rich.text import Text

    together = "" if len(guilty.changes) == 1 else f", {len(guilty.changes)} changes that do harm only together"
    report.console.print(f"[bold red]guilty {number} of {total}[/bold red]{together}")
    for change in guilty.changes:
        where = f"  {change.where}" if change.where else ""
        report.console.print(
            f"  {escape(f'{rewritten}:{change.line}')}  ({escape(f'{original}:{change.first}')}){escape(where)}"
        )
        for line in _diff(change):
            report.console.print(Text(f"    {line}", style={"+": "green", "-": "red"}.get(line[:1], "")))
    report.console.print(f"  breaks {escape(str(guilty.evidence))}")


def _diff(change: Change) -> list[str]:
    """Return the lines of a small diff, without its headings."""
    lines = difflib.unified_diff(change.old.splitlines(), change.new.splitlines(), n=1, lineterm="")
    return [line for line in lines if line.strip() and not line.startswith(("---", "+++", "@@"))]


def _document(found: Blame) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "verdict": None if found.verdict is None else found.verdict.to_json(),
        "guilty": [
            {
                "evidence": asdict(guilty.evidence),
                "changes": [
                    {
                        "where": change.where,
                        "line": change.line,
                        "original_lines": [change.first, change.last],
                        "old": change.old,
                        "new": change.new,
                    }
                    for change in guilty.changes
                ],
            }
            for guilty in found.guilty
        ],
        "kept": found.kept,
        "tried": found.tried,
    }
