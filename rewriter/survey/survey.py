"""A survey: every file in a process of its own, several at once, here or on a cluster."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

from .. import files
from ..backends import Backend, spread
from .row import ERROR, Row, totals

LIMIT_S = 600
"""Seconds for one file."""


def survey(
    paths: Sequence[Path],
    *,
    target: str = "portable",
    unmodified: bool = True,
    jobs: int = 1,
    backend: Backend = Backend.LOCAL,
    limit_s: int = LIMIT_S,
) -> Iterator[list[Row]]:
    """Rewrite, compile and compare the models of many files; yields the rows of each, in their order.

    Args:
        paths: The files; they are executed.
        target: What they are rewritten for.
        unmodified: Whether models are also compiled as they are.
        jobs: So many processes at once on this machine.
        backend: What runs them.
        limit_s: Seconds for one file; what takes longer is ended, and said so.

    Raises:
        RewriterError: A cluster cannot be reached.
    """
    calls = ((str(path), target, unmodified, limit_s) for path in paths)
    yield from spread(examined, calls, jobs=jobs, backend=backend, threads=True)


def examined(path: str, target: str, unmodified: bool, limit_s: int) -> list[Row]:
    """Return the rows of one file; one that says so when its process ended without."""
    with tempfile.TemporaryDirectory(prefix="rewriter-survey-") as folder:
        place = Path(folder) / "rows.json"
        words = [path, target, "yes" if unmodified else "no", str(place)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", f"{__package__}.examine", *words],
                cwd=folder,  # where a compiler that refuses leaves its notes
                env={**os.environ, "GLOG_v": "4"},
                capture_output=True,
                text=True,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            code, why = None, f"took more than {limit_s} seconds"
        else:
            code, said = done.returncode, [line for line in done.stderr.splitlines() if line.strip()]
            why = said[-1][:300] if said else f"the process ended with {code}"
        rows, are_all = _read(place)
    if code is None or not are_all:
        return [*rows, Row(Path(path).parent.name, "", why=(why,))]
    if code:  # a model that is not rewritten took the process down
        return [replace(row, strict=ERROR, trace=ERROR) if row.whole else row for row in rows]
    return rows


def _read(place: Path) -> tuple[list[Row], bool]:
    """Return the rows that a process wrote until it ended, or was ended, and whether all models have one."""
    if not place.is_file():
        return [], False
    document = json.loads(place.read_bytes())
    return [Row.from_json(item) for item in document["rows"]], document["all"]


def write_table(rows: Sequence[Row], place: Path) -> None:
    """Write rows as CSV.

    Raises:
        RewriterError: It cannot be written.
    """
    text = io.StringIO()
    lines = [row.flat() for row in rows]
    writer = csv.DictWriter(text, list(lines[0]) if lines else ["family"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    files.write(place, text.getvalue().encode())


def write_page(rows: Sequence[Row], place: Path, title: str) -> None:
    """Write rows as one HTML page that needs nothing else.

    Raises:
        RewriterError: It cannot be written.
    """
    from jinja2 import Environment

    template = resources.files(__package__).joinpath("survey.html.jinja").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    files.write(place, page.render(title=title, rows=rows, totals=totals(rows)).encode())
