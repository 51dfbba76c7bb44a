"""`rewriter apply`: rewrite modeling files."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..backends import Backend
from .options import (
    JOBS,
    BatchOption,
    CaptureOption,
    DynamicOption,
    JsonOption,
    LengthOption,
    ModelOption,
    NoPluginOption,
    PassesOption,
    PluginOption,
    RoundsOption,
    ScopeOption,
    SizeOption,
    StandInsOption,
    TargetOption,
    ThreadsOption,
    VersionOption,
    choose,
)
from .session import complain, reporting
from .verify import standing_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..benchmark.plan import Plan, Progress
    from ..benchmark.selection import Selection
    from ..equivalence.adapters import ModelAdapter
    from ..equivalence.gate import Proof
    from ..inputs import Input
    from ..job import FileOutcome, Job, Rewriting
    from ..pipeline import Gate, Result
    from ..report import Report
    from ..targets import Target
    from .instruments import Instruments

ROUNDS = 30
"""Of --measure, unless another number is given."""


def command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PATH|DOTTED.MODULE…", help="Modeling files, folders or installed modules.")
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help="A .py file, or a folder (made if absent)."),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Change the file itself; `rewriter undo` brings it back.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print the unified diff.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when a file would be rewritten.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Write only what is proved to compute the same; what is not is rolled back (runs both files).",
        ),
    ] = False,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Leave classes that call what the target lacks, rather than their whole file."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --verify: exit 1 when anything was rolled back.")
    ] = False,
    stand_ins: StandInsOption = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Keep a pass that is for speed only if the model is faster with it than without; implies --verify.",
        ),
    ] = False,
    bench: Annotated[
        bool, typer.Option("--bench", help="Afterwards measure original against result (runs both files).")
    ] = False,
    model: ModelOption = None,
    size: SizeOption = "base",
    batch: BatchOption = 1,
    length: LengthOption = 128,
    rounds: RoundsOption = None,
    threads: ThreadsOption = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Rewrite many files in so many processes (default: all cores)."),
    ] = None,
    backend: Annotated[
        Backend,
        typer.Option(help="What runs them: this machine, or a Dask or Ray cluster that sees the same files."),
    ] = Backend.LOCAL,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="List every site, the skipped ones too.")] = False,
    timing: Annotated[bool, typer.Option("--timing", help="Print the time and the sites of each pass.")] = False,
    print_after: Annotated[
        list[str] | None,
        typer.Option("--print-after", metavar="PASS", help="Print the file after this pass. May be given again."),
    ] = None,
    bisect_limit: Annotated[
        int | None,
        typer.Option("--bisect-limit", metavar="N", min=0, help="Stop after N rewrites, counted over all passes."),
    ] = None,
    passes: PassesOption = None,
    target: TargetOption = None,
    mindspore: VersionOption = None,
    scope: ScopeOption = None,
    dynamic: DynamicOption = None,
    capture: CaptureOption = None,
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Rewrite modeling files for static graphs.

    The file is parsed, never executed, and MindSpore is not imported (unless --verify or --bench asks to run it).
    The result goes to NAME_rewritten.py beside the input (for an installed module: to the working directory), or to -o.

    Several files end in a table: rewritten, partly (with the line of what blocks the rest) or left. Many are rewritten
    in parallel, unless they are to be verified. One file that fails does not stop the others.

    A file that calls what the target lacks, where nothing can take its place, is left as it was, and the place named;
    with --partial the class around it is left.

    Exit codes: 0 all were rewritten, or had been before; 1 nothing to rewrite was found, a pass asked for did nothing,
    a result could not be proved, --strict and a rollback, or --check found work (with --check, none is 0); 2 usage, an
    input that cannot be read, or a place that cannot be written. The worst of all files counts.

    With --verify every pass is a transaction: changes that break the import, the compilation or an output are found by
    bisection, rolled back alone and named with their evidence; the rest is kept, proved as a whole, and then written.
    With --measure what is proved must also be faster: --model to --threads say what is timed, as they do for --bench.

    With --stand-ins too, what is for another device is proved on this one; see `rewriter verify --help`.

    Examples:

      rewriter apply modeling_bert.py --diff

      rewriter apply mindnlp.transformers.models.bert.modeling_bert -o out/

      rewriter apply modeling_clip.py --target ascend --passes mint --check

      rewriter apply modeling_bert.py --plugin my_pass.py --verify --strict

      rewriter apply modeling_clip.py --measure --model CLIPVisionModel --batch 8

      rewriter apply mindnlp.transformers.models -o out/

      rewriter apply modeling_bert.py --timing --print-after flatten

      rewriter apply modeling_bert.py --bisect-limit 12 --diff
    """
    from ..errors import RewriterError
    from ..inputs import refuse_clashes
    from ..job import Job, Mode

    mode = Mode.CHECK if check else Mode.IN_PLACE if in_place else Mode.WRITE
    with reporting(as_json=json, verbose=verbose, diff=diff) as report:
        verify = verify or measure
        _refuse_contradictions(output, in_place=in_place, check=check, verify=verify, bench=bench, strict=strict)
        if stand_ins and (not verify or measure or bench):
            raise RewriterError(
                "--stand-ins is for --verify; --measure and --bench time kernels", hint="Give --verify, and not these."
            )
        plan = _plan(model, size, batch, length, rounds, threads, measure=measure, bench=bench)
        choices = choose(plugin, no_plugin, passes, target, mindspore, scope, dynamic, capture)
        _refuse_unproved(choices.target, verify=verify)
        if partial and verify:
            raise RewriterError("--partial and --verify exclude each other", hint="Verify the result afterwards.")
        kept = tuple(print_after or ())
        job = Job(choices.host, choices.passes, choices.target, mode, output, choices.asked, strict, kept, bisect_limit)
        job = replace(job, partial=partial)
        job.check()
        files = _files(inputs, output, report)
        instruments = _instruments(job, len(files), report, timing=timing, verify=verify)
        if output is not None and output.endswith(".py") and len(files) > 1:
            raise RewriterError(f"-o {output} names one file, but there are {len(files)} inputs", hint="Name a folder.")
        if mode is Mode.WRITE:
            refuse_clashes(files, output)
        report.in_short = len(files) > 1 and not verbose
        # For one file: a bar of one step says nothing, and loading it takes time.
        alone = len(files) == 1 and backend is Backend.LOCAL
        if verify or bench or alone:
            adapters = choices.host.model_adapters() if verify else ()
            with standing_in(stand_ins):
                for item in files:
                    with _isolated(str(item.path), report, verbose=verbose):
                        _one(item, job, report, adapters, plan, verify=verify, measure=measure, bench=bench)
        else:
            _all(files, job, report, jobs or os.cpu_count() or 1, backend, verbose=verbose)
        instruments.tell()
        report.broken_plugins(choices.host.broken)


def _instruments(job: Job, files: int, report: Report, *, timing: bool, verify: bool) -> Instruments:
    """Return what listens to the passes, for --timing and --print-after."""
    from ..api import select
    from ..errors import RewriterError
    from .instruments import Instruments, check

    if verify and job.limit is not None:
        raise RewriterError("--verify and --bisect-limit exclude each other", hint="--verify bisects by itself.")
    check(job.keep_after, select(job.host, job.passes), files, job.limit)
    return Instruments(report, timing=timing)


def _refuse_contradictions(
    output: str | None, *, in_place: bool, check: bool, verify: bool, bench: bool, strict: bool
) -> None:
    from ..errors import RewriterError

    if in_place and output is not None:
        raise RewriterError("--in-place and -o exclude each other")
    if check and (verify or bench):
        raise RewriterError("--check writes nothing, so there is nothing for --verify or --bench to run")
    if in_place and bench:
        raise RewriterError(
            "--in-place leaves no original for --bench to compare with",
            hint="Apply to another file first, with --bench; then --in-place.",
        )
    if strict and not verify:
        raise RewriterError("--strict is about what --verify rolls back", hint="Give --verify too.")


def _refuse_unproved(target: Target, *, verify: bool) -> None:
    from ..errors import RewriterError
    from ..targets import Capture

    if target.capture is not Capture.AST and not verify:
        raise RewriterError(
            f"a recording (capture {target.capture.value}) may hold what depends on the input, and only a proof tells",
            hint="Give --verify too, or --capture ast.",
        )


def _all(files: Sequence[Input], job: Job, report: Report, jobs: int, backend: Backend, *, verbose: bool) -> None:
    """Rewrite files, many in parallel."""
    from ..batch import run
    from .progress import bar

    with bar(report, "rewriting") as move:
        for number, done in enumerate(run(job, files, jobs=jobs, backend=backend), start=1):
            move(done.item.path.name, number / len(files))
            job.host.broken.update(done.broken)
            if verbose and done.trace:
                sys.stderr.write(done.trace)
            if done.error is not None:
                complain(done.error)
                report.error(done.error, source=str(done.item.path))
            if done.outcome is not None:
                report.add(done.outcome)


def _files(inputs: list[str], output: str | None, report: Report) -> list[Input]:
    """Return the files that `inputs` stand for, each once; what stands for none is reported."""
    from ..inputs import resolve

    folder = Path(output) if output and not output.endswith(".py") else None
    found: dict[Path, Input] = {}
    for text in inputs:
        with _isolated(text, report):
            for item in resolve(text, leave_out=folder):
                found.setdefault(item.path.resolve(), item)
    return list(found.values())


@contextlib.contextmanager
def _isolated(source: str, report: Report, *, verbose: bool = False) -> Iterator[None]:
    """Report what goes wrong with one input, and let the others go on."""
    from ..errors import RewriterError, internal_error

    try:
        yield
    except RewriterError as error:
        complain(error)
        report.error(error, source=source)
    except Exception as error:  # a bug of ours; the files that are left should not suffer
        if verbose:
            traceback.print_exc()
        wrapped = internal_error(source, error)
        complain(wrapped)
        report.error(wrapped, source=source)


def _one(
    item: Input,
    job: Job,
    report: Report,
    adapters: Sequence[ModelAdapter],
    plan: Plan | None,
    *,
    verify: bool,
    measure: bool,
    bench: bool,
) -> None:
    proofs: list[Proof] = []
    selections: list[Selection] = []

    def prove(path: Path, rewriting: Rewriting, step: Progress) -> tuple[Result, str]:
        if measure and plan is not None:
            selections.append(_selected(path, rewriting, job, adapters, plan, step))
            proofs.append(selections[0].proof)
        else:
            proofs.append(_proved(path, rewriting, adapters, step))
        return proofs[0].result, _refused(proofs[0], job)

    path = item.path
    with _watched(report, str(path), known=measure) as step:
        outcome = job.run(item, step, (lambda path, rewriting, _: prove(path, rewriting, step)) if verify else None)
    report.add(outcome)
    for selection in selections:
        _tell_selection(selection, path, report)
    for proof in proofs:
        _tell(proof, outcome, report)
    if bench and outcome.written is not None:
        from .bench import measure as race

        race(str(path), str(outcome.written), report, plan)


@contextlib.contextmanager
def _watched(report: Report, title: str, *, known: bool) -> Iterator[Progress]:
    """Show what runs meanwhile; as a bar where it is known how much there is to do."""
    if known:
        from .progress import bar

        with bar(report, title) as move:
            yield move
        return
    with report.progress(title) as step:
        yield lambda what, done=0.0: step(what)


def _proved(
    path: Path, rewrite: Callable[[Gate | None], Result], adapters: Sequence[ModelAdapter], step: Progress
) -> Proof:
    from ..equivalence.gate import prove

    return prove(str(path), rewrite, adapters=adapters, jobs=JOBS, progress=step)


def _selected(
    path: Path, rewriting: Rewriting, job: Job, adapters: Sequence[ModelAdapter], plan: Plan, step: Progress
) -> Selection:
    from ..api import select as passes
    from ..benchmark.selection import select

    return select(
        str(path),
        rewriting,
        lambda rewrite: _proved(path, rewrite, adapters, step),
        passes(job.host, job.passes),
        plan,
        target=job.target.device,
        progress=step,
    )


def _refused(proof: Proof, job: Job) -> str:
    """Return why a result must not be written; empty when it may."""
    from ..job import Mode

    proved = proof.verdict is not None and proof.verdict.ok
    if job.mode is Mode.IN_PLACE and proof.result.changed and not proved and not proof.problem:
        return "left as it was: not all of the result could be verified"
    return proof.problem


def _tell_selection(selection: Selection, path: Path, report: Report) -> None:
    """Print which passes were kept for their speed, and which were not."""
    from ..benchmark.render import render_selection

    report.put("measured", {"source": str(path), **selection.to_json()})
    render_selection(selection, report.console)


def _plan(
    models: list[str] | None,
    size: str,
    batch: int,
    length: int,
    rounds: int | None,
    threads: int | None,
    *,
    measure: bool,
    bench: bool,
) -> Plan | None:
    """Return what is to be timed; None for nothing."""
    from ..errors import RewriterError

    if not measure and not bench:
        if models or rounds or threads or (size, batch, length) != ("base", 1, 128):
            raise RewriterError("--model to --threads say what --measure and --bench time", hint="Give one of them.")
        return None
    from ..benchmark.plan import Plan

    usual = Plan(size=size, batches=(batch,), lengths=(length,), models=tuple(models or ()), threads=threads)
    return replace(usual, rounds=rounds or (ROUNDS if measure else usual.rounds))


def _tell(proof: Proof, outcome: FileOutcome, report: Report) -> None:
    """Print the verdict on what was written, or on what was not for that reason."""
    from ..equivalence.render import render

    if proof.error is not None:
        if outcome.written is not None:
            report.warn(f"{outcome.written} was written, but nothing could be verified")
        raise proof.error
    if proof.verdict is None:
        return
    verdict = replace(proof.verdict, rewritten=str(outcome.written or "the rewritten file, which was not written"))
    report.put("verdicts", verdict.to_json())
    render(verdict, report.console)
    report.worsen(0 if verdict.ok else 1)
    if outcome.written is not None and not verdict.ok:
        report.warn(f"{outcome.written} was written, but not all of it could be verified")
