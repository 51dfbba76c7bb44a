"""A verdict as one HTML page: outcome, figures, histograms of the errors, cases, and the diff of the two files.

The page stands alone: no script, font or picture comes from elsewhere, and it reads without its one small script,
which only sorts the tables. The template is `page.html.jinja`.
"""

from __future__ import annotations

import difflib
import math
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .. import files
from ..errors import RewriterError
from ..runtime import loader
from .figures import DECADES, Histogram
from .policy import TOLERANCES
from .statistics import Status
from .verdict import CaseResult, OutputVerdict, Verdict

CONTEXT = 3
"""Unchanged lines shown around a changed one."""

Passes = Mapping[int, Sequence[str]]
"""1-based line of the original → names of the passes that rewrote it, as a record of sites has them."""


@dataclass(frozen=True)
class DiffRow:
    """A line of the diff, side by side.

    Attributes:
        kind: "same", "changed", "removed", "added" or "gap", which stands for lines that are left out.
        old_number: 1-based line in the original; 0 for none.
        old: The line.
        new_number: 1-based line in the rewritten file; 0 for none.
        new: The line.
        passes: Who rewrote it.
    """

    kind: str
    old_number: int = 0
    old: str = ""
    new_number: int = 0
    new: str = ""
    passes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram: what it counts, how many there are, and its height between 0 and 1."""

    label: str
    meaning: str
    count: int
    height: float

    @property
    def short(self) -> str:
        """The count in four characters: 999, 12k, 3M."""
        for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
            if self.count >= unit:
                return f"{self.count // unit}{letter}"
        return str(self.count)


def write(path: Path, verdict: Verdict, *, passes: Passes | None = None) -> None:
    """Write the page of a verdict, atomically.

    Args:
        path: The file to write.
        verdict: What to show. Its two files are read for the diff.
        passes: Who rewrote which lines; the diff is not annotated when None.

    Raises:
        RewriterError: The file cannot be written.
    """
    texts = [_text(spec) for spec in (verdict.original, verdict.rewritten)]
    html = render(verdict, *texts, passes=passes)
    try:
        files.write(path, html.encode())
    except RewriterError as error:
        raise RewriterError(error.message, hint="Choose another place with --html.") from None


def render(verdict: Verdict, original: str | None, rewritten: str | None, *, passes: Passes | None = None) -> str:
    """Return the page of a verdict.

    Args:
        verdict: What to show.
        original: The text of the original; None leaves the diff out.
        rewritten: The text of the rewritten file; None leaves the diff out.
        passes: Who rewrote which lines; the diff is not annotated when None.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = resources.files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    rows = None if original is None or rewritten is None else list(diff_rows(original, rewritten, passes or {}))
    page: str = environment.from_string(source).render(
        verdict=verdict,
        counts=[(status.value, verdict.count(status)) for status in Status if verdict.count(status)],
        outputs=[_output(item) for item in verdict.outputs],
        cases=[_case(case) for case in verdict.cases],
        tolerances=TOLERANCES,
        rows=rows,
        annotated=passes is not None,
    )
    return page


def bars(histogram: Histogram) -> list[Bar]:
    """Return the bars of a histogram, their heights on a log10 scale too: one error among millions shows."""
    counted = [("0", "no error", histogram.zero)]
    for exponent, count in zip(DECADES, histogram.decades, strict=True):
        bounds = f"1e{exponent} to 1e{exponent + 1}"
        if exponent == DECADES[0]:
            bounds = f"above 0, below 1e{exponent + 1}"
        elif exponent == DECADES[-1]:
            bounds = f"1e{exponent} and more"
        counted.append((f"1e{exponent}", bounds, count))
    counted.append(("non-finite", "NaN or infinite on a side", histogram.nonfinite))
    most = max(count for _, _, count in counted)
    scale = math.log10(1 + most) or 1.0
    return [Bar(label, meaning, count, math.log10(1 + count) / scale) for label, meaning, count in counted]


def diff_rows(original: str, rewritten: str, passes: Passes) -> Iterator[DiffRow]:
    """Yield the diff of two texts, side by side, with `CONTEXT` lines around what changed."""
    old, new = (text.removesuffix("\n").split("\n") for text in (original, rewritten))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if number or group[0][1]:
            yield DiffRow("gap")
        for kind, first, last, start, end in group:
            for index in range(max(last - first, end - start)):
                left = first + index + 1 if index < last - first else 0
                right = start + index + 1 if index < end - start else 0
                yield DiffRow(
                    _kind(kind, left, right),
                    left,
                    old[left - 1] if left else "",
                    right,
                    new[right - 1] if right else "",
                    () if kind == "equal" else _who(passes, first, last, left),
                )


def _kind(opcode: str, left: int, right: int) -> str:
    if opcode == "equal":
        return "same"
    return ("changed" if right else "removed") if left else "added"


def _who(passes: Passes, first: int, last: int, left: int) -> tuple[str, ...]:
    """Return who rewrote a line; for one that is new, who rewrote the lines that it came with, or the one before."""
    lines = [left] if left else range(max(first, 1), last + 1)
    return tuple(dict.fromkeys(name for line in lines for name in passes.get(line, ())))


def _output(item: OutputVerdict) -> dict[str, Any]:
    figures = [
        _spelled(getattr(errors, name))
        for errors in (item.absolute, item.relative)
        for name in ("maximum", "mean", "median", "p99")
    ]
    cosine = "" if item.cosine is None else f"{item.cosine:.9g}"
    argmax = "" if item.argmax is None else f"{100 * item.argmax:.2f} %"
    return {"item": item, "figures": figures, "cosine": cosine, "argmax": argmax, "bars": bars(item.histogram)}


def _case(case: CaseResult) -> dict[str, Any]:
    uneven = [(mode.mode, item) for mode in case.modes for item in mode.differences]
    reasons = [f"{mode}: {item.path}: {item.message}" for mode, item in uneven if item.status is Status.DIFFERENT]
    reasons += [f"{name} ran uncompiled: {why}" for mode in case.modes for name, why in mode.uncompiled]
    largest = max((item.absolute.maximum for _, item in uneven), default=0.0)
    reasons += [text for text in (case.unverified, case.note) if text]
    return {"case": case, "modes": ", ".join(mode.mode for mode in case.modes), "largest": largest, "reasons": reasons}


def _spelled(value: float) -> str:
    return f"{value:.2e}" if value else "0"


def _text(spec: str) -> str | None:
    """Return the text of a file; None where it cannot be read."""
    path = loader.source_path(spec)
    try:
        if path is None:
            return None
        with tokenize.open(path) as stream:
            return stream.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
