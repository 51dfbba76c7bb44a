"""`rewriter verify`: prove that two modeling files compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, NoPluginOption, PluginOption, choose
from .session import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..equivalence.adapters import ModelAdapter
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
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Run both files and compare every output, in eager mode and compiled.

    Executes both files. Exit codes: 0 identical or equivalent; 1 an output, a type, a signature or a parameter differs,
    or a compiled method ran uncompiled; 2 usage, or a file that cannot be loaded.

    Example:  rewriter verify modeling_bert.py modeling_bert_rewritten.py --full
    """
    with reporting(as_json=json) as report:
        host = choose(plugin, no_plugin).host
        prove(
            original,
            rewritten,
            report,
            full=full,
            seed=seed,
            only=case,
            listing=list_cases,
            tolerance=tolerance,
            adapters=host.model_adapters(),
        )
        report.broken_plugins(host.broken)


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
    adapters: Sequence[ModelAdapter] = (),
) -> None:
    """Verify and report; a failed proof is a promise that failed.

    The arguments are those of `rewriter.equivalence.verify`; `listing` prints the cases and runs none.
    """
    from ..equivalence import list_cases, verify
    from ..equivalence.render import render, render_cases

    level = "full" if full else "quick"
    if listing:
        cases = list_cases(original, level=level, seed=seed, adapters=adapters)
        for case in cases:
            report.put("cases", {"id": case.id, "model": case.model, "description": case.description})
        render_cases(cases, report.console)
        return
    with report.progress("verify") as step:
        verdict = verify(
            original,
            rewritten,
            level=level,
            seed=seed,
            tolerance=tolerance,
            cases=only,
            progress=lambda case, number, total: step(f"{number} of {total}: {case}"),
            adapters=adapters,
        )
    report.put("verdicts", verdict.to_json())
    render(verdict, report.console)
    report.worsen(0 if verdict.ok else 1)
