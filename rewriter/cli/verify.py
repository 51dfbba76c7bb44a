"""`rewriter verify`: prove that two modeling files compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption

if TYPE_CHECKING:
    from ..report import Report


def command(
    original: Annotated[str, typer.Argument(metavar="ORIGINAL", help="A path or a dotted module.")],
    rewritten: Annotated[
        str, typer.Argument(metavar="REWRITTEN", help="A path or a dotted module; hand-edited is fine.")
    ],
    full: Annotated[bool, typer.Option("--full/--quick", help="All cases, or a covering choice of them.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights and inputs.")] = 0,
    case: Annotated[list[str] | None, typer.Option("--case", metavar="ID", help="Run only this case.")] = None,
    list_cases: Annotated[bool, typer.Option("--list-cases", help="List the cases and run none.")] = False,
    tolerance: Annotated[
        float | None, typer.Option(help="Largest error allowed, relative to max(1, |value|); loosening it is printed.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run both files and compare every output, in eager mode and compiled.

    Executes both files. Exit code 1 when an output, a type, a signature or a parameter differs.
    """
    from ..report import Report

    report = Report(as_json=json)
    failed = prove(
        original, rewritten, report, full=full, seed=seed, only=case, listing=list_cases, tolerance=tolerance
    )
    report.close()
    raise typer.Exit(1 if failed else 0)


def prove(
    original: str,
    rewritten: str,
    report: Report,
    *,
    full: bool = False,
    seed: int = 0,
    only: list[str] | None = None,
    listing: bool = False,
    tolerance: float | None = None,
) -> bool:
    """Verify and report; return whether the proof failed."""
    raise NotImplementedError
