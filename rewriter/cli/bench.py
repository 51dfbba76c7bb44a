"""`rewriter bench`: measure an original against its rewriting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption

if TYPE_CHECKING:
    from ..report import Report


def command(
    original: Annotated[str, typer.Argument(metavar="ORIGINAL", help="A path or a dotted module.")],
    rewritten: Annotated[str, typer.Argument(metavar="REWRITTEN", help="A path or a dotted module.")],
    json: JsonOption = False,
) -> None:
    """Time both files on the same inputs, in turn, and print medians and ratios."""
    from ..report import Report

    report = Report(as_json=json)
    measure(original, rewritten, report)
    report.close()


def measure(original: str, rewritten: str, report: Report) -> None:
    """Measure and report."""
    raise NotImplementedError
