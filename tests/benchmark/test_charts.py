"""Charts: what is in them, what they are made of, and what is refused before anything is measured."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rewriter.benchmark import charts
from rewriter.benchmark.charts import Bars, Lines, panels, write
from rewriter.errors import MissingDependency, RewriterError


def test_medians_are_bars_and_totals_are_lines(measurement, cold_start):
    drawn = panels([measurement(original=4.0, rewritten=1.0)], [cold_start])
    assert drawn == [
        Bars("Toy, batch 1, length 16", "ms", {"original": 4.0, "rewritten": 1.0}),
        Lines(cold_start.title, "s", {course.title: course.total_s for course in cold_start.courses}),
    ]
    assert (drawn[0].share("original"), drawn[0].share("rewritten")) == (1.0, 0.25)
    assert drawn[1].points("trace") == "0.0,74.3 320.0,37.1 640.0,0.0"


def test_a_contest_shows_averages(figures, measurement):
    item = measurement(protocol="contest", original=4.0)
    item = type(item)(**{**vars(item), "figures": (figures("original", 4.0, mean_ms=5.0),)})
    assert panels([item])[0].values == {"original": 5.0}


def test_a_page_stands_alone(tmp_path, measurement, cold_start, machine):
    path = tmp_path / "chart.html"
    write(path, panels([measurement(original=4.0, rewritten=1.0)], [cold_start]), machine)
    page = path.read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert "A &lt;CPU&gt;" in page  # nothing that is named can be markup
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)]
    bars, lines = pictures
    assert [rect.get("width") for rect in bars.iter("rect")] == ["420.0", "105.0"]
    assert "4.00 ms" in [text.text for text in bars.iter("text")]
    assert [line.get("points") for line in lines.iter("polyline")] == [
        panels([], [cold_start])[0].points(course.title) for course in cold_start.courses
    ]


def test_a_picture(tmp_path, measurement, cold_start, machine):
    path = tmp_path / "chart.png"
    write(path, panels([measurement(original=4.0, rewritten=1.0)], [cold_start]), machine)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_other_names_are_refused():
    with pytest.raises(RewriterError, match=r"chart\.svg: charts are \.png or \.html"):
        charts.check(Path("chart.svg"))
    charts.check(Path("chart.html"))
    charts.check(Path("chart.png"))


def test_a_picture_needs_matplotlib(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="matplotlib") as caught:
        charts.check(Path("chart.png"))
    assert ".html" in caught.value.hint
    charts.check(Path("chart.html"))
