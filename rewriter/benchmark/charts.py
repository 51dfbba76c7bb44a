"""Measurements as charts: a PNG, or an HTML page that stands alone."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .. import files
from ..errors import MissingDependency, RewriterError
from .cold_start import ColdStart
from .machine import Machine
from .measure import Measurement

SUFFIXES = (".png", ".html")
_WIDTH, _HEIGHT = 640.0, 260.0


@dataclass(frozen=True)
class Bars:
    """Times of one workload: a bar for each contender.

    Attributes:
        title: What was run.
        unit: Of the values.
        values: Title of a contender → value.
    """

    title: str
    unit: str
    values: dict[str, float]

    def share(self, name: str) -> float:
        """Return the length of a bar, between 0 and 1."""
        most = max(self.values.values())
        return self.values[name] / most if most else 0.0


@dataclass(frozen=True)
class Lines:
    """Totals of a cold start: a line for each contender, a point for each request.

    Attributes:
        title: What was run.
        unit: Of the values.
        values: Title of a contender → a value after each request.
    """

    title: str
    unit: str
    values: dict[str, tuple[float, ...]]

    @property
    def most(self) -> float:
        """The largest value."""
        return max(max(line) for line in self.values.values()) or 1.0

    def points(self, name: str) -> str:
        """Return a line for SVG's `polyline`, in a picture of 640 by 260."""
        line = self.values[name]
        across = _WIDTH / max(len(line) - 1, 1)
        return " ".join(f"{n * across:.1f},{_HEIGHT * (1 - value / self.most):.1f}" for n, value in enumerate(line))


def panels(measurements: Sequence[Measurement], cold_starts: Sequence[ColdStart] = ()) -> list[Bars | Lines]:
    """Return what there is to draw, one picture for each workload."""
    bars = [Bars(item.title, "ms", {one.title: item.typical_ms(one) for one in item.figures}) for item in measurements]
    lines = [Lines(item.title, "s", {one.title: one.total_s for one in item.courses}) for item in cold_starts]
    return [*bars, *lines]


def check(path: Path) -> None:
    """Make sure that a chart can be drawn to `path`, before anything is measured.

    Raises:
        RewriterError: The name ends in neither `.png` nor `.html`.
        MissingDependency: A PNG is wanted, and matplotlib is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise RewriterError(f"--chart {path}: charts are {' or '.join(SUFFIXES)}")
    if path.suffix == ".png" and importlib.util.find_spec("matplotlib") is None:
        raise MissingDependency(
            "matplotlib is not installed, and a PNG is drawn with it",
            hint="Install it (pip install matplotlib), or name an .html file, which needs nothing.",
        )


def write(path: Path, drawn: Sequence[Bars | Lines], machine: Machine) -> None:
    """Draw to a file, atomically.

    Args:
        path: A `.png` or `.html` file.
        drawn: What to draw.
        machine: What it was measured on, which is part of the chart.

    Raises:
        RewriterError: See `check`; or the file cannot be written.
    """
    check(path)
    files.write(path, _png(drawn, machine) if path.suffix == ".png" else html(drawn, machine).encode())


def html(drawn: Sequence[Bars | Lines], machine: Machine) -> str:
    """Return the charts as a page with SVG in it; nothing comes from elsewhere."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = resources.files(__package__).joinpath("charts.html.jinja").read_text(encoding="utf-8")
    page: str = environment.from_string(source).render(
        bars=[item for item in drawn if isinstance(item, Bars)],
        lines=[item for item in drawn if isinstance(item, Lines)],
        machine=machine,
        width=_WIDTH,
        height=_HEIGHT,
    )
    return page


def _png(drawn: Sequence[Bars | Lines], machine: Machine) -> bytes:
    from matplotlib.figure import Figure

    heights = [0.8 + (0.35 * len(item.values) if isinstance(item, Bars) else 3.0) for item in drawn]
    figure = Figure(figsize=(9, sum(heights) + 0.6), layout="constrained")
    axes = figure.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)[:, 0]
    for item, axis in zip(drawn, axes, strict=True):
        axis.set_title(item.title, loc="left", fontsize=10)
        (_draw_bars if isinstance(item, Bars) else _draw_lines)(item, axis)
    figure.supxlabel(str(machine), fontsize=6, wrap=True)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=150)
    return data.getvalue()


def _draw_bars(item: Any, axis: Any) -> None:
    names = list(item.values)
    drawn = axis.barh(names, list(item.values.values()), color=["#9aa4b0", *["#3367d6"] * (len(names) - 1)])
    axis.bar_label(drawn, fmt="%.2f", padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel(item.unit, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.margins(x=0.12)


def _draw_lines(item: Any, axis: Any) -> None:
    for name, line in item.values.items():
        axis.plot(range(1, len(line) + 1), line, label=name)
    axis.set_xlabel("requests", fontsize=8)
    axis.set_ylabel(item.unit, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=7)
