"""Measurements, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cold_start import ColdStart
from .machine import Machine
from .measure import Figures, Measurement
from .selection import Selection
from .spellings import Cost, Costs

NOISY = 1.05
"""Where a file seems to be so many times as fast as itself, most passes cannot be told apart from nothing."""

_PIPED_WIDTH = 200


def render_machine(machine: Machine, console: Console) -> None:
    """Print what it ran on, and whether others were at work there."""
    console.print(f"Machine: {escape(str(machine))}")
    if machine.busy:
        console.print(
            f"[yellow]The machine was busy before this began (load {machine.load} on {machine.cores} cores): "
            "believe the ratios, not the times.[/yellow]"
        )


def render(measurements: Sequence[Measurement], console: Console) -> None:
    """Print one table per workload; where a model has several, also one of all medians."""
    for item in measurements:
        _print(_table(item), console)
        _print_failed(item.failed, console)
    for model, group in groupby(measurements, key=lambda item: item.model):
        found = list(group)
        if len(found) > 1:
            _print(_sweep(model, found), console)


def render_ladder(measurements: Sequence[Measurement], console: Console) -> None:
    """Print one table per workload, with what each pass brought over the one before."""
    for item in measurements:
        medians = "" if item.contest else "medians of "
        table = _titled(f"{item.title}: passes added one by one, {medians}{_calls(item)}")
        for heading in ("ms per call", "speed-up", "over the step before", "first, s", "max |diff|"):
            table.add_column(heading, justify="right")
        for before, now in zip((item.figures[0], *item.figures), item.figures, strict=False):
            step = "" if now is item.figures[0] else f"{item.typical_ms(before) / item.typical_ms(now):.2f}x"
            table.add_row(
                escape(now.title),
                _ms(item.typical_ms(now)),
                f"{now.speedup:.2f}x",
                step,
                f"{now.first_s:.1f}",
                f"{now.difference:.1e}",
            )
        _print(table, console)
        _print_failed(item.failed, console)


def render_cold_start(found: Sequence[ColdStart], console: Console) -> None:
    """Print one table per model: totals after some of the requests, compiles, and when it pays."""
    for item in found:
        count = len(item.lengths)
        shown = sorted({1, min(5, count), min(10, count), min(20, count), count})
        table = _titled(f"{item.title}, each in a process that has just started: seconds in all, compiling included")
        for number in shown:
            table.add_column(f"after {number}", justify="right")
        for heading in ("compiles", "ahead from request", "max |diff|"):
            table.add_column(heading, justify="right")
        for course in item.courses:
            table.add_row(
                escape(course.title),
                *(f"{course.total_s[number - 1]:,.2f}" for number in shown),
                str(course.compiles[-1]),
                str(course.ahead or "never" if course.name != "original" else ""),
                f"{course.difference:.1e}",
            )
        _print(table, console)
        _print_failed(item.failed, console)


def render_selection(selection: Selection, console: Console) -> None:
    """Print what was timed, and which passes stay for their speed."""
    for item in selection.timed:
        console.print(
            f"  measured {escape(item.title)} on {escape(selection.device)}: {item.rounds} interleaved rounds, "
            f"median {_ms(item.median_ms)} ms; a pass counts from {item.margin:.2f}x on"
        )
        if item.margin >= NOISY:
            console.print("  [yellow]the machine was too noisy for less than that; a quieter hour tells more[/yellow]")
    for judged in selection.passes:
        colour = "green" if judged.kept else "yellow"
        console.print(f"  [{colour}]{escape(judged.name)}[/{colour}] {escape(str(judged))}")
    if selection.note:
        console.print(f"  [yellow]{escape(selection.note)}[/yellow]")


def render_costs(costs: Costs, console: Console) -> None:
    """Print one table for all operators, the fastest spelling of each in each mode marked."""
    table = _titled(f"Spellings of operators: median ms of {costs.rounds} interleaved rounds; * marks the fastest")
    table.add_column("spelling")
    for heading in ("eager", "jit", "max |diff|"):
        table.add_column(heading, justify="right")
    for _, group in groupby(costs.costs, key=lambda cost: (cost.op, cost.sizes)):
        found = list(group)
        best = [_fastest(found, mode) for mode in ("eager_ms", "jit_ms")]
        for cost in found:
            table.add_row(
                escape(f"{cost.op}, {cost.sizes}") if cost is found[0] else "",
                escape(cost.spelling),
                _marked(cost.eager_ms, best[0]),
                _marked(cost.jit_ms, best[1]),
                _difference(cost),
            )
        table.add_section()
    _print(table, console)


def _table(item: Measurement) -> Table:
    table = _titled(f"{item.title}: {_calls(item)}")
    headings = ("ms per call",) if item.contest else ("median ms", "min", "p90", "p99")
    others = () if item.contest else ("min_ms", "p90_ms", "p99_ms")
    memory = any(figures.peak_mb is not None for figures in item.figures)
    for heading in (*headings, "speed-up", "first, s", "max |diff|", *(["peak MiB", "memory"] * memory)):
        table.add_column(heading, justify="right")
    for figures in item.figures:
        table.add_row(
            escape(figures.title),
            _ms(item.typical_ms(figures)),
            *(_ms(getattr(figures, name)) for name in others),
            f"{figures.speedup:.2f}x",
            f"{figures.first_s:.1f}",
            f"{figures.difference:.1e}",
            *(_memory(figures, item.figures[0]) if memory else ()),
        )
    return table


def _calls(item: Measurement) -> str:
    return f"average over {item.rounds} calls after the first" if item.contest else f"{item.rounds} interleaved rounds"


def _memory(figures: Figures, base: Figures) -> tuple[str, str]:
    if figures.peak_mb is None:
        return "", ""
    return f"{figures.peak_mb:,.0f}", f"{figures.peak_mb / base.peak_mb:.2f}x" if base.peak_mb else ""


def _sweep(model: str, found: Sequence[Measurement]) -> Table:
    """Return the medians (averages in a contest) of every workload of a model, a column per contender."""
    titles = dict.fromkeys(figures.title for item in found for figures in item.figures)
    table = _titled(f"{model}: {'average' if found[0].contest else 'median'} ms per call")
    for title in titles:
        table.add_column(escape(title), justify="right")
    for item in found:
        by_title = {figures.title: figures for figures in item.figures}
        cells = (by_title.get(title) for title in titles)
        place = f"batch {item.batch}" + (f", length {item.length}" if item.length else "")
        table.add_row(place, *(_ms(item.typical_ms(cell)) if cell else "-" for cell in cells))
    return table


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def _titled(title: str) -> Table:
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", overflow="fold", min_width=18)
    return table


def _print(table: Table, console: Console) -> None:
    """Print a table; as wide as it likes where there is no terminal that would fold it."""
    if not console.is_terminal:
        console.width = max(console.width, _PIPED_WIDTH)
    console.print(table)


def _print_failed(failed: Mapping[str, str], console: Console) -> None:
    for title, reason in failed.items():
        console.print(f"{escape(title)} could not be measured: {escape(reason)}")


def _fastest(costs: Sequence[Cost], mode: str) -> float | None:
    return min(
        (getattr(cost, mode) for cost in costs if getattr(cost, mode) is not None and not cost.wrong), default=None
    )


def _marked(value: float | None, best: float | None) -> str:
    return "cannot run" if value is None else f"{value:,.3f} {'*' if value == best else ' '}"


def _difference(cost: Cost) -> str:
    if cost.difference is None:
        return ""
    return f"[red]{cost.difference:.1e}, wrong[/red]" if cost.wrong else f"{cost.difference:.1e}"
