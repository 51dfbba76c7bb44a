"""Printing a verdict: a table per output, the worst case, what ran compiled; plain lines when the output is piped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cases import Case
from .statistics import Figures, Status
from .verdict import CaseResult, OutputVerdict, Verdict

COLOURS = {
    Status.IDENTICAL: "green",
    Status.EQUIVALENT: "green",
    Status.UNVERIFIED: "yellow",
    Status.DIFFERENT: "red",
}
FIGURES = ("abs max", "abs mean", "abs median", "rel max", "rel mean", "rel median")
HEADINGS = ("model", "output", "mode", "verdict", *FIGURES, "cases")
MOST_CASES = 10
"""So many uneven cases are told in full; `--json` has all."""


def render(verdict: Verdict, console: Console) -> None:
    """Print a verdict, the outcome last: that is what is on the screen when it is done."""
    _print_outputs(verdict.outputs, console)
    _print_uneven(verdict, console)
    _print_notes(verdict, console)
    for title, lines in (("Surface", verdict.surface), ("Weights", verdict.problems)):
        if lines:
            _line(console, f"[bold]{title}[/]")
            for line in lines:
                _line(console, f"  [red]different[/]  {escape(line)}")
    for model, reason in verdict.unchecked.items():
        _line(console, f"[yellow]unverified[/]  {escape(model)}: {escape(reason)}")
    _print_methods(verdict, console)
    _print_outcome(verdict, console)


def render_cases(cases: Iterable[Case], console: Console) -> None:
    """Print the ids of cases, one per line, with what is special about them."""
    for case in cases:
        _line(console, escape(case.id) + (f"  [dim]{escape(case.description)}[/]" if case.description else ""))


def _print_outputs(every: Sequence[OutputVerdict], console: Console) -> None:
    outputs = _folded(every)
    rows = [_row(item) for item in outputs]
    if console.is_terminal:
        table = Table(box=None, pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, justify="right" if heading in (*FIGURES, "cases") else "left", no_wrap=True)
        for row, item in zip(rows, outputs, strict=True):
            colour = COLOURS[item.status]
            table.add_row(*(f"[{colour}]{cell}[/]" if index == 3 else escape(cell) for index, cell in enumerate(row)))
        console.print(table)
        return
    widths = [max(len(row[index]) for row in [HEADINGS, *rows]) for index in range(len(HEADINGS))]
    for row in [HEADINGS, *rows]:
        _line(console, escape("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()))


def _folded(outputs: Sequence[OutputVerdict]) -> list[OutputVerdict]:
    """Put the modes of an output into one row where they came out alike."""
    rows: dict[tuple[object, ...], OutputVerdict] = {}
    for item in outputs:
        key = (item.model, item.output, item.status, item.absolute, item.relative, item.elements)
        known = rows.get(key)
        rows[key] = item if known is None else replace(known, mode=f"{known.mode}, {item.mode}")
    return list(rows.values())


def _row(item: OutputVerdict) -> tuple[str, ...]:
    figures = [*_spelled(item.absolute), *_spelled(item.relative)]
    return (item.model, item.output, item.mode, item.status.value, *figures, str(item.cases))


def _spelled(figures: Figures) -> list[str]:
    return [f"{value:.1e}" if value else "0" for value in (figures.maximum, figures.mean, figures.median)]


def _print_uneven(verdict: Verdict, console: Console) -> None:
    """Say what is the matter with the cases that are not identical, the worst first."""
    uneven = [case for case in verdict.cases if case.status in (Status.DIFFERENT, Status.UNVERIFIED)]
    for case in sorted(uneven, key=lambda item: item.status is not Status.DIFFERENT)[:MOST_CASES]:
        _line(console, f"[{COLOURS[case.status]}]{case.status.value}[/]  {escape(case.id)}")
        for line in _reasons(case):
            _line(console, f"  {escape(line)}")
    if len(uneven) > MOST_CASES:
        _line(console, f"... and {len(uneven) - MOST_CASES} more cases like these")


def _print_notes(verdict: Verdict, console: Console) -> None:
    """Say what the reader of a good verdict should know; a wrong call that both refuse is as it should be."""
    notes = Counter(
        case.note for case in verdict.cases if case.note and (case.vacuous or "both raise" not in case.note)
    )
    for note, count in notes.items():
        _line(console, f"[yellow]{count} {'case' if count == 1 else 'cases'}[/]  {escape(note)}")


def _reasons(case: CaseResult) -> list[str]:
    if case.unverified:
        return [case.unverified]
    return [
        f"{result.mode}: {item.path}: {item.message}"
        for result in case.modes
        for item in result.differences
        if item.status is Status.DIFFERENT
    ]


def _print_methods(verdict: Verdict, console: Console) -> None:
    if not verdict.methods:
        _line(console, "The rewritten file compiles nothing, so there is no jit mode to compare.")
    for item in verdict.methods:
        if item.calls == 0:
            _line(console, f"[yellow]{escape(item.method)} was never called by these cases[/]")
        elif item.uncompiled == 0:
            _line(console, f"{escape(item.method)} ran compiled in all {item.calls} calls")
        else:
            _line(console, f"[red]{escape(item.method)} ran uncompiled in {item.uncompiled} of {item.calls} calls[/]")
            for reason, count in item.refused:
                _line(console, f"  {count} times  {escape(reason)}")


def _print_outcome(verdict: Verdict, console: Console) -> None:
    counts = ", ".join(f"{verdict.count(status)} {status.value}" for status in Status if verdict.count(status))
    how = f"{verdict.level}, seed {verdict.seed}"
    _line(console, f"{len(verdict.cases)} cases in {verdict.seconds:.0f} s ({how}): {counts}")
    if verdict.worst_case:
        _line(console, f"worst case: {escape(verdict.worst_case)}")
    if verdict.loosened:
        _line(console, f"[yellow]The tolerance was loosened to {verdict.tolerance:g}.[/]")
    colour = COLOURS[verdict.status] if verdict.ok or verdict.status is not Status.EQUIVALENT else "red"
    broken = "" if verdict.compiled else ", and not everything ran compiled"
    files = f"{escape(verdict.original)} → {escape(verdict.rewritten)}"
    _line(console, f"[bold {colour}]{verdict.status.value}{broken}[/]  {files}")


def _line(console: Console, text: str) -> None:
    """Print one line, however long; a piped line is never folded."""
    console.print(text, highlight=False, soft_wrap=True)
