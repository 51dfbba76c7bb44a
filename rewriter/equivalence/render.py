"""Printing a verdict: a table per output, the worst case, what ran compiled; plain lines when the output is piped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cases import Case
from .policy import TOLERANCES
from .statistics import Status
from .verdict import CaseResult, MethodRuns, OutputVerdict, Verdict

COLOURS = {
    Status.IDENTICAL: "green",
    Status.EQUIVALENT: "green",
    Status.UNVERIFIED: "yellow",
    Status.DIFFERENT: "red",
}
LEFT = ("model", "output", "mode", "verdict")
"""Columns of words; those of figures are flush right on a terminal."""
LEAST_TOLD = 1e-7
"""A cosine similarity that is nearer to 1 is rounding, and not worth a column."""
MOST_CASES = 10
"""So many uneven cases are told in full; `--json` has all."""
MOST_REASONS = 6
"""So many outputs of a case are told, the worst: every gradient of a model is one."""


def render(verdict: Verdict, console: Console, *, verbose: bool = False) -> None:
    """Print a verdict, the outcome last: that is what is on the screen when it is done.

    Args:
        verdict: What to print.
        console: Where to.
        verbose: Print the means, medians and percentiles of the errors too, and what is not finite.
    """
    outputs = _folded(verdict.outputs)
    _print_table(_main_table(outputs), outputs, console)
    if verbose:
        print_line(console, "")
        _print_table(_detail_table(outputs), outputs, console)
    _print_uneven(verdict, console)
    _print_notes(verdict, console)
    for title, lines in (("Surface", verdict.surface), ("Weights", verdict.problems)):
        if lines:
            print_line(console, f"[bold]{title}[/]")
            for line in lines:
                print_line(console, f"  [red]different[/]  {escape(line)}")
    for model, reason in verdict.unchecked.items():
        print_line(console, f"[yellow]unverified[/]  {escape(model)}: {escape(reason)}")
    _print_methods(verdict, console)
    _print_outcome(verdict, console)


def render_cases(cases: Iterable[Case], console: Console) -> None:
    """Print the ids of cases, one per line, with what is special about them."""
    for case in cases:
        print_line(console, escape(case.id) + (f"  [dim]{escape(case.description)}[/]" if case.description else ""))


Columns = dict[str, list[str]]
"""Heading → the cells below it."""


def _main_table(outputs: Sequence[OutputVerdict]) -> Columns:
    columns = {**_names(outputs), "verdict": [item.status.value for item in outputs]}
    columns["abs max"] = [spelled(item.absolute.maximum) for item in outputs]
    columns["rel max"] = [spelled(item.relative.maximum) for item in outputs]
    columns["ulp"] = ["" if item.ulp is None else _count(item.ulp) for item in outputs]
    columns["cosine"] = [_cosine(item.cosine) for item in outputs]
    columns["argmax"] = ["" if item.argmax in (None, 1.0) else f"{100 * item.argmax:.2f}%" for item in outputs]
    columns["cases"] = [str(item.cases) for item in outputs]
    return {name: cells for name, cells in columns.items() if name not in ("cosine", "argmax") or any(cells)}


def _detail_table(outputs: Sequence[OutputVerdict]) -> Columns:
    columns = _names(outputs)
    for short, errors in (("abs", "absolute"), ("rel", "relative")):
        for figure in ("mean", "median", "p99"):
            columns[f"{short} {figure}"] = [spelled(getattr(getattr(item, errors), figure)) for item in outputs]
    columns["non-finite"] = ["/".join(map(str, item.nonfinite)) if any(item.nonfinite) else "" for item in outputs]
    return columns


def _names(outputs: Sequence[OutputVerdict]) -> Columns:
    return {
        "model": [item.model for item in outputs],
        "output": [item.output for item in outputs],
        "mode": [item.mode for item in outputs],
    }


def _print_table(columns: Columns, outputs: Sequence[OutputVerdict], console: Console) -> None:
    if console.is_terminal:
        console.print(_terminal_table(columns, outputs))
        return
    print_plain(columns, console)


def print_plain(columns: Columns, console: Console) -> None:
    """Print a table as aligned lines, for where there is no terminal."""
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    for row in rows:
        print_line(
            console, escape("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        )


def _terminal_table(columns: Columns, outputs: Sequence[OutputVerdict]) -> Table:
    """Return a table in which each model has a line of its own above its outputs: 120 columns hold it."""
    models, rest = columns["model"], {name: cells for name, cells in columns.items() if name != "model"}
    table = Table(box=None, pad_edge=False)
    for name in rest:
        table.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
    for index, item in enumerate(outputs):
        if index == 0 or models[index] != models[index - 1]:
            table.add_row(f"[bold]{escape(models[index])}[/]")
        cells = {name: escape(values[index]) for name, values in rest.items()}
        cells["output"] = f"  {cells['output']}"
        if "verdict" in cells:
            cells["verdict"] = f"[{COLOURS[item.status]}]{cells['verdict']}[/]"
        table.add_row(*cells.values())
    return table


def _folded(outputs: Sequence[OutputVerdict]) -> list[OutputVerdict]:
    """Put the modes of an output into one row where they came out alike."""
    rows: dict[OutputVerdict, OutputVerdict] = {}
    for item in outputs:
        key = replace(item, mode="", cases=0, worst_case="", message="")
        known = rows.get(key)
        rows[key] = item if known is None else replace(known, mode=f"{known.mode}, {item.mode}")
    return list(rows.values())


def spelled(value: float) -> str:
    """Return an error as a cell has it."""
    return f"{value:.1e}" if value else "0"


def _count(value: int) -> str:
    return str(value) if value < 1_000_000 else f"{value:.1e}"


def _cosine(value: float | None) -> str:
    return "" if value is None or value >= 1.0 - LEAST_TOLD else f"{value:.7f}"


def _print_uneven(verdict: Verdict, console: Console) -> None:
    """Say what is the matter with the cases that are not identical, the worst first."""
    uneven = [case for case in verdict.cases if case.status in (Status.DIFFERENT, Status.UNVERIFIED)]
    for case in sorted(uneven, key=lambda item: item.status is not Status.DIFFERENT)[:MOST_CASES]:
        print_line(console, f"[{COLOURS[case.status]}]{case.status.value}[/]  {escape(case.id)}")
        for line in _reasons(case):
            print_line(console, f"  {escape(line)}")
    if len(uneven) > MOST_CASES:
        print_line(console, f"... and {len(uneven) - MOST_CASES} more cases like these")


def _print_notes(verdict: Verdict, console: Console) -> None:
    """Say what the reader of a good verdict should know; a wrong call that both refuse is as it should be."""
    notes = Counter(
        case.note for case in verdict.cases if case.note and (case.vacuous or "both raise" not in case.note)
    )
    for note, count in notes.items():
        print_line(console, f"[yellow]{_counted(count, 'case')}[/]  {escape(note)}")
    allowed = [found for case in verdict.cases if (found := max((one.own_error for one in case.modes), default=0.0))]
    if allowed:
        print_line(
            console,
            f"[yellow]{_counted(len(allowed), 'case')}[/]  beyond the published tolerance, by no more than rounding "
            f"moves the original's own answer (at most {max(allowed):.1e}; docs/verdicts.md)",
        )


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _reasons(case: CaseResult) -> list[str]:
    if case.unverified:
        return [case.unverified]
    found = [
        (result.mode, item) for result in case.modes for item in result.differences if item.status is Status.DIFFERENT
    ]
    found.sort(key=lambda pair: pair[1].excess, reverse=True)
    lines = [f"{mode}: {item.path}: {item.message}" for mode, item in found[:MOST_REASONS]]
    return lines if len(found) <= MOST_REASONS else [*lines, f"... and {len(found) - MOST_REASONS} more outputs"]


def _print_methods(verdict: Verdict, console: Console) -> None:
    if not verdict.methods:
        print_line(console, "The rewritten file compiles nothing, so there is no jit mode to compare.")
    for item in verdict.methods:
        if item.calls == 0:
            print_line(console, f"[yellow]{escape(item.method)} was never called by these cases[/]")
        elif not item.own:
            print_line(console, f"{escape(item.method)} ran as a part of other graphs")
        elif item.uncompiled == 0:
            print_line(console, f"{escape(item.method)} ran compiled in all {item.own} calls{_recorded(item)}")
        else:
            print_line(
                console, f"[red]{escape(item.method)} ran uncompiled in {item.uncompiled} of {item.own} calls[/]"
            )
            for reason, count in item.refused:
                print_line(console, f"  {count} times  {escape(reason)}")


def _recorded(item: MethodRuns) -> str:
    """Return what is to be said of a method that ran by recordings."""
    if not item.recorded:
        return ""
    told = f"; captured by trace in {item.recorded} of them; "
    calls = _counted(item.agreed, "call")
    return f"{told}{calls} with other values agreed" if item.agreed else f"{told}[red]not tried with other values[/]"


def _print_outcome(verdict: Verdict, console: Console) -> None:
    counts = ", ".join(f"{verdict.count(status)} {status.value}" for status in Status if verdict.count(status))
    how = f"{verdict.level}, seed {verdict.seed}"
    print_line(console, f"{len(verdict.cases)} cases in {verdict.seconds:.0f} s ({how}): {counts}")
    if verdict.worst_case:
        print_line(console, f"worst case: {escape(verdict.worst_case)}")
    if verdict.loosened:
        dtypes = ", ".join(f"{dtype} {TOLERANCES[dtype]:g}" for dtype in verdict.loosened_for)
        print_line(console, f"[yellow]The tolerance was loosened to {verdict.tolerance:g}[/] (published: {dtypes})")
    colour = COLOURS[verdict.status] if verdict.ok or verdict.status is not Status.EQUIVALENT else "red"
    broken = "" if verdict.compiled else ", and not everything ran compiled"
    files = f"{escape(verdict.original)} → {escape(verdict.rewritten)}"
    print_line(console, f"[bold {colour}]{verdict.status.value}{broken}[/]  {files}")


def print_line(console: Console, text: str) -> None:
    """Print one line, however long; a piped line is never folded."""
    console.print(text, highlight=False, soft_wrap=True)
