"""`rewriter verify`: prove that two modeling files compute the same."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RewriterError
from . import checkpoints
from .options import (
    JOBS,
    FullOption,
    JobsOption,
    JsonOption,
    NoPluginOption,
    OriginalArgument,
    PluginOption,
    RewrittenArgument,
    SeedOption,
    StandInsOption,
    choose,
    numbers,
)
from .session import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..equivalence.adapters import ModelAdapter
    from ..equivalence.verdict import Verdict
    from ..report import Report

FAILURES = "rewriter-failures"
"""Folder for the reproducers of failing cases, in the working directory."""


def command(
    original: OriginalArgument,
    rewritten: RewrittenArgument,
    full: FullOption = False,
    seed: SeedOption = 0,
    case: Annotated[list[str] | None, typer.Option("--case", metavar="ID", help="Run only this case.")] = None,
    list_cases: Annotated[bool, typer.Option("--list-cases", help="List the cases and run none.")] = False,
    tolerance: Annotated[
        float | None, typer.Option(help="Largest error allowed, relative to max(1, |value|); loosening it is printed.")
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write the verdict as one self-contained page.")
    ] = None,
    reproducer: Annotated[
        str | None,
        typer.Option(
            "--reproducer", metavar="DIR", help=f"Where failing cases are written (default: {FAILURES}/NAME)."
        ),
    ] = None,
    no_reproducer: Annotated[bool, typer.Option("--no-reproducer", help="Write no failing cases.")] = False,
    jobs: JobsOption = JOBS,
    buckets: Annotated[
        str, typer.Option(metavar="N,N", help="Have the rewritten models pad inputs to these lengths (one process).")
    ] = "",
    stand_ins: StandInsOption = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print every figure of the errors.")] = False,
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Run both files and compare every output, in eager mode and compiled.

    Executes both files. The worst failing cases, three at most, become folders with a script that shows the difference.

    Two checkpoints (folders, .safetensors, .ckpt) are compared by the relations that `rewriter expand` wrote beside the
    larger one.

    With --stand-ins files for another device are compared on this one: the calls of mindspore.mint that have no kernel
    here are made by reference implementations, in both files.

    Exit codes: 0 identical or equivalent; 1 an output, a type, a signature or a parameter differs, or a compiled method
    ran uncompiled; 2 usage, or a file that cannot be loaded.

    Examples:

      rewriter verify modeling_bert.py modeling_bert_rewritten.py --full

      rewriter verify modeling_bert.py modeling_bert_rewritten.py --html verdict.html

      rewriter verify bert-small/ bert-large/
    """
    with reporting(as_json=json, verbose=verbose) as report:
        if reproducer is not None and no_reproducer:
            raise RewriterError("--reproducer and --no-reproducer exclude each other")
        if checkpoints.is_checkpoint(original) or checkpoints.is_checkpoint(rewritten):
            checkpoints.refuse({"--tolerance": tolerance is not None, "--html": html, "--buckets": buckets})
            checkpoints.prove(
                original, rewritten, report, full=full, seed=seed, only=case, listing=list_cases, verbose=verbose
            )
            return
        host = choose(plugin, no_plugin).host
        with standing_in(stand_ins):
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
                html=html,
                reproduce=not no_reproducer,
                reproducer=reproducer,
                plugins=plugin or (),
                jobs=jobs,
                verbose=verbose,
                buckets=numbers("--buckets", buckets),
            )
        report.broken_plugins(host.broken)


def standing_in(wanted: bool) -> contextlib.AbstractContextManager[object]:
    """Return `rewriter.stand_ins()`, or nothing where they are not wanted."""
    if not wanted:
        return contextlib.nullcontext()
    from ..runtime import loader
    from ..runtime.stand_ins import patching

    loader.require_mindspore()
    return patching.standing_in()


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
    html: str | None = None,
    reproduce: bool = True,
    reproducer: str | None = None,
    plugins: Sequence[str] = (),
    jobs: int = 1,
    verbose: bool = False,
    buckets: Sequence[int] = (),
) -> None:
    """Verify and report; a failed proof is a promise that failed.

    The arguments are those of `rewriter.equivalence.verify`, and besides:

    Args:
        original: Path or dotted name of the original.
        rewritten: Path or dotted name of its twin.
        report: Takes up the verdict.
        full: Run the whole matrix.
        seed: Of weights and inputs.
        only: Ids of the cases to run.
        listing: Print the cases and run none.
        tolerance: In the place of the published one.
        adapters: Model adapters to ask before the built-in ones.
        html: File for the page; None for none.
        reproduce: Whether failing cases become folders.
        reproducer: Where these go; below `FAILURES` when None.
        plugins: The named plugins that the adapters come from.
        jobs: Share the cases out to so many processes.
        verbose: Print every figure.
        buckets: Lengths that the rewritten models pad their inputs to.
    """
    from ..equivalence import list_cases, verify
    from ..equivalence.render import render, render_cases
    from ..equivalence.trial import stem

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
            jobs=jobs,
            progress=lambda case, number, total: step(f"{number} of {total}: {case}"),
            adapters=adapters,
            buckets=buckets,
        )
    report.put("verdicts", verdict.to_json())
    render(verdict, report.console, verbose=verbose)
    report.worsen(0 if verdict.ok else 1)
    if reproduce and verdict.failing:
        folder = Path(reproducer) if reproducer is not None else Path(FAILURES, stem(original))
        _reproduce(verdict, folder, report, adapters, plugins)
    if html is not None:
        _write_page(verdict, html, report)


def _reproduce(
    verdict: Verdict, folder: Path, report: Report, adapters: Sequence[ModelAdapter], plugins: Sequence[str]
) -> None:
    """Write the failing cases; one that cannot be written changes nothing about the verdict."""
    from rich.markup import escape

    from ..equivalence.reproducer import write_worst

    with report.progress("reproducers"):
        written = list(write_worst(verdict, folder, adapters=adapters, named=plugins))
    for case, place in written:
        problem = place.message if isinstance(place, RewriterError) else ""
        report.put("reproducers", {"case": case, "folder": None if problem else str(place), "problem": problem})
        line = f"[yellow]no reproducer of {escape(case)}:[/] {escape(problem)}"
        if not problem:
            line = f"reproduce {escape(case)}:  python {escape(str(place))}/reproduce.py"
        report.console.print(line)


def _write_page(verdict: Verdict, html: str, report: Report) -> None:
    from rich.markup import escape

    from ..equivalence.page import write

    write(Path(html), verdict)
    report.put("pages", html)
    report.console.print(f"wrote {escape(html)}")
