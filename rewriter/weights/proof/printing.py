"""Printing the verdict of an expansion: a table per output, what it rests on, the outcome last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...equivalence.render import COLOURS, LEFT, Columns, print_line, print_plain, spelled
from ...equivalence.statistics import Status
from .cases import WeightCase
from .verdict import ExpansionVerdict, OutputDrift


def render(verdict: ExpansionVerdict, console: Console, *, verbose: bool = False) -> None:
    """Print a verdict.

    Args:
        verdict: What to print.
        console: Where to.
        verbose: Say of every output where it is furthest off.
    """
    if verdict.outputs:
        _print_table(verdict.outputs, console)
    for item in verdict.outputs:
        if item.worst_case and (verbose or item.status is Status.DIFFERENT):
            print_line(console, f"{item.output} is furthest off in {escape(item.worst_case)}")
    for title, colour, lines in (
        ("different", "red", verdict.problems),
        ("unverified", "yellow", verdict.unverified),
        ("note", "yellow", verdict.notes),
    ):
        for line in lines:
            print_line(console, f"[{colour}]{title}[/]  {escape(line)}")
    _print_claim(verdict, console)
    _print_outcome(verdict, console)


def render_cases(cases: list[WeightCase], console: Console) -> None:
    """Print the ids of cases, one per line."""
    for case in cases:
        print_line(console, escape(case.id))


def _columns(outputs: Sequence[OutputDrift]) -> Columns:
    first = outputs[0]
    return {
        "output": [item.output for item in outputs],
        "verdict": [item.status.value for item in outputs],
        **{f"drift {precision}": [spelled(item.drift[precision]) for item in outputs] for precision in first.drift},
        "own noise": [spelled(item.noise) for item in outputs],
        **{f"allowed {name}": [spelled(item.allowed[name]) for item in outputs] for name in first.allowed},
        "cases": [str(item.cases) for item in outputs],
    }


def _print_table(outputs: Sequence[OutputDrift], console: Console) -> None:
    columns = _columns(outputs)
    if not console.is_terminal:
        print_plain(columns, console)
        return
    columns["verdict"] = [f"[{COLOURS[item.status]}]{item.status.value}[/]" for item in outputs]
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    console.print(table)


def _print_claim(verdict: ExpansionVerdict, console: Console) -> None:
    """Say what the plan promises, and what was measured against it."""
    if not verdict.claimed:
        reasons = "; ".join(verdict.inexact) or "its plan does not say why"
        print_line(console, f"[yellow]{escape(verdict.method)} does not preserve the function:[/] {escape(reasons)}")
        if verdict.largest is not None:
            figures = ", ".join(f"{item.output} {max(item.drift.values()):.2g}" for item in verdict.outputs)
            print_line(console, f"drift: {escape(figures)}")
    elif verdict.slack:
        print_line(console, f"The plan of {escape(verdict.method)} leaves {verdict.slack:.1e} beside rounding.")


def _print_outcome(verdict: ExpansionVerdict, console: Console) -> None:
    cases = len({item.case for item in verdict.drifts})
    how = f"{verdict.method or 'same shape'}, stored as {verdict.stored}, seed {verdict.seed}"
    print_line(console, f"{cases} calls in {verdict.seconds:.1f} s ({escape(how)})")
    files = f"{escape(verdict.source)} → {escape(verdict.out)}"
    print_line(console, f"[bold {COLOURS[verdict.status]}]{verdict.status.value}[/]  {files}")
