"""Measurements, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .measure import Measurement

_NAMES = {
    "original": "original, eager",
    "rewritten": "rewritten",
    "hand": "hand recipe (encoder in jit)",
    "trace": 'one-liner jit(capture_mode="trace")',
}


def render(measurements: list[Measurement], console: Console) -> None:
    """Print one table per workload."""
    for item in measurements:
        table = Table(title=escape(f"{item.title}: medians of {item.rounds} interleaved rounds"), title_justify="left")
        table.add_column("")
        for heading in ("ms per call", "speed-up", "first call, s", "max |difference|"):
            table.add_column(heading, justify="right")
        for figures in item.figures:
            table.add_row(
                escape(_NAMES[figures.name]),
                f"{figures.median_ms:,.1f}",
                f"{figures.speedup:.2f} x",
                f"{figures.first_s:.1f}",
                f"{figures.difference:.1e}",
            )
        console.print(table)
        for name, why in item.failed.items():
            console.print(f"{escape(_NAMES[name])} could not be measured: {escape(why)}")
