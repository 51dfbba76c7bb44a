"""`rewriter bench`: measure an original against its rewriting."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RewriterError
from ..targets import Device
from .options import JsonOption, TargetOption, numbers
from .session import reporting

if TYPE_CHECKING:
    from ..benchmark.charts import Bars, Lines
    from ..benchmark.machine import Machine
    from ..benchmark.plan import Plan
    from ..report import Report

ROUNDS = 20


def command(
    original: Annotated[
        str | None, typer.Argument(metavar="ORIGINAL", help="A path or a dotted module. Not for --ops.")
    ] = None,
    rewritten: Annotated[
        str | None,
        typer.Argument(metavar="REWRITTEN", help="A path or a dotted module; left out, ORIGINAL is rewritten now."),
    ] = None,
    size: Annotated[
        str, typer.Option(help="base: the configuration's defaults (BERT-base, CLIP ViT-B/32); tiny: two small layers.")
    ] = "base",
    batch: Annotated[str, typer.Option(metavar="N,N", help="Rows per call, e.g. 1,8.")] = "1",
    length: Annotated[str, typer.Option(metavar="N,N", help="Tokens per row, e.g. 16,64,128.")] = "128",
    protocol: Annotated[
        str,
        typer.Option(help="statistics: interleaved rounds; contest: the average of calls in a row after the first."),
    ] = "statistics",
    rounds: Annotated[
        int | None, typer.Option(min=1, help=f"Timed calls of each contender ({ROUNDS}; in a contest 1000).")
    ] = None,
    warmup: Annotated[int, typer.Option(min=0, help="Calls after the first that are not timed.")] = 2,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of every contender (as many as there are cores).")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="CLASS", help="Measure this model class. May be given again.")
    ] = None,
    peers: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Also time: hand (encoder in jit, by hand), trace (the one-liner), torch (PyTorch), compile "
            "(torch.compile), ort (ONNX Runtime), ort-opt (with its transformer optimizer).",
        ),
    ] = "",
    peer_python: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar="REWRITER_PEER_PYTHON",
            help="Interpreter with PyTorch, transformers and ONNX Runtime.",
        ),
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Also the peak memory of each contender, in a process of its own.")
    ] = False,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="The time after each pass, added one by one; takes ORIGINAL only.")
    ] = False,
    requests: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="A cold start: N requests of different lengths, up to --length."),
    ] = None,
    buckets: Annotated[
        str, typer.Option(metavar="N,N", help="The rewritten models pad inputs to these lengths, e.g. 32,64,128.")
    ] = "",
    ops: Annotated[
        bool, typer.Option("--ops", help="Time every spelling of the usual operators on this machine.")
    ] = False,
    target: TargetOption = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="COSTS.toml", help="With --ops: write the table there.")
    ] = None,
    chart: Annotated[str | None, typer.Option(metavar="FILE.png|FILE.html", help="Draw the results, too.")] = None,
    json: JsonOption = False,
) -> None:
    """Time an original, its rewriting and what people do instead, on the same inputs and weights.

    Executes the files. Contenders take turns, round by round, so that a slow minute hits all of them. A shared machine
    is noisy: believe the ratios, and more rounds. PyTorch and ONNX Runtime run in a process of their own, by
    the interpreter that --peer-python names, or this one where it has them; a peer that is missing is named.

    Examples:

      rewriter bench modeling_bert.py modeling_bert_rewritten.py --peers hand,trace

      rewriter bench modeling_bert.py --batch 1,8 --length 16,64,128 --peers torch,ort --peer-python ~/torch/bin/python

      rewriter bench modeling_bert.py --protocol contest

      rewriter bench modeling_bert.py --ladder --chart ladder.html

      rewriter bench modeling_bert.py --requests 40 --buckets 32,64,128

      rewriter bench --ops -o costs.toml
    """
    with reporting(as_json=json) as report:
        _refuse_contradictions(original, rewritten, output, chart, ladder=ladder, requests=requests, ops=ops)
        path = _chart_path(chart)
        if ops:
            _measure_ops(report, rounds, threads, output)
            return
        assert original is not None
        plan = _plan(size, batch, length, protocol, rounds, warmup, model, peers, threads, peer_python, memory, buckets)
        device = (target or Device.PORTABLE).value
        machine = _describe(report, plan)
        drawn: list[Bars | Lines]
        if ladder:
            drawn = _climb(original, report, plan, device)
        else:
            with _rewriting(original, rewritten, device) as twin:
                if requests is not None:
                    drawn = _start_cold(original, twin, report, plan, requests)
                else:
                    drawn = measure(original, twin, report, plan)
        if path is not None:
            _draw(path, drawn, report, machine)


def measure(original: str, rewritten: str, report: Report, plan: Plan | None = None) -> list[Bars | Lines]:
    """Measure and report; returns what a chart would show.

    Args:
        original: A path or a dotted module.
        rewritten: A path or a dotted module.
        report: Where the tables go.
        plan: The choices.

    Raises:
        RewriterError: A file cannot be measured.
    """
    from .. import benchmark
    from ..benchmark.charts import panels
    from ..benchmark.render import render
    from .progress import bar

    with bar(report, "bench") as step:
        found = benchmark.measure(original, rewritten, plan, progress=step)
    for item in found:
        report.put("benchmarks", item.to_json())
    render(found, report.console)
    return panels(found)


def _climb(original: str, report: Report, plan: Plan, target: str) -> list[Bars | Lines]:
    from ..benchmark.charts import panels
    from ..benchmark.ladder import ladder
    from ..benchmark.render import render_ladder
    from .progress import bar

    with bar(report, "bench --ladder") as step:
        found = ladder(original, plan, target=target, progress=step)
    for item in found:
        report.put("ladders", item.to_json())
    render_ladder(found, report.console)
    return panels(found)


def _start_cold(original: str, rewritten: str, report: Report, plan: Plan, requests: int) -> list[Bars | Lines]:
    from ..benchmark.charts import panels
    from ..benchmark.cold_start import cold_start
    from ..benchmark.render import render_cold_start
    from .progress import bar

    with bar(report, "bench --requests") as step:
        found = cold_start(original, rewritten, requests, plan, progress=step)
    for item in found:
        report.put("cold_starts", item.to_json())
    render_cold_start(found, report.console)
    return panels((), found)


def _measure_ops(report: Report, rounds: int | None, threads: int | None, output: str | None) -> None:
    from .. import files
    from ..benchmark.render import render_costs, render_machine
    from ..benchmark.spellings import measure_ops
    from .progress import bar

    with bar(report, "bench --ops") as step:
        costs = measure_ops(rounds=rounds or ROUNDS, threads=threads, progress=step)
    report.put("ops", costs.to_json())
    render_machine(costs.machine, report.console)
    render_costs(costs, report.console)
    if output is not None:
        files.write(Path(output), costs.to_toml().encode())
        report.console.print(f"wrote {output}")


@contextlib.contextmanager
def _rewriting(original: str, rewritten: str | None, target: str) -> Iterator[str]:
    """Yield the rewritten file: the one given, or one made now, which is gone afterwards."""
    if rewritten is not None:
        yield rewritten
        return
    from ..benchmark.ladder import rewriting

    with rewriting(original, target) as path:
        yield str(path)


def _describe(report: Report, plan: Plan) -> Machine:
    from dataclasses import asdict

    from ..benchmark.machine import describe
    from ..benchmark.render import render_machine

    machine = describe(plan.threads)
    report.put("machine", asdict(machine))
    render_machine(machine, report.console)
    return machine


def _draw(path: Path, drawn: list[Bars | Lines], report: Report, machine: Machine) -> None:
    from ..benchmark import charts

    charts.write(path, drawn, machine)
    report.console.print(f"wrote {path}")


def _chart_path(chart: str | None) -> Path | None:
    if chart is None:
        return None
    from ..benchmark.charts import check

    check(Path(chart))
    return Path(chart)


def _plan(
    size: str,
    batch: str,
    length: str,
    protocol: str,
    rounds: int | None,
    warmup: int,
    models: list[str] | None,
    peers: str,
    threads: int | None,
    peer_python: str | None,
    memory: bool,
    buckets: str,
) -> Plan:
    from ..benchmark.plan import CONTEST_ROUNDS, Plan

    return Plan(
        size=size,
        batches=numbers("--batch", batch),
        lengths=numbers("--length", length),
        buckets=numbers("--buckets", buckets),
        rounds=rounds or (CONTEST_ROUNDS if protocol == "contest" else ROUNDS),
        warmup=warmup,
        protocol=protocol,
        models=tuple(models or ()),
        peers=tuple(name.strip() for name in peers.split(",") if name.strip()),
        threads=threads,
        peer_python=peer_python,
        memory=memory,
    )


def _refuse_contradictions(
    original: str | None,
    rewritten: str | None,
    output: str | None,
    chart: str | None,
    *,
    ladder: bool,
    requests: int | None,
    ops: bool,
) -> None:
    if ladder + ops + (requests is not None) > 1:
        raise RewriterError("--ladder, --requests and --ops exclude each other")
    if output is not None and not ops:
        raise RewriterError(
            "-o is for the table of --ops", hint="--chart FILE.html draws the results, --json prints them."
        )
    if ops:
        if original is not None or chart is not None:
            raise RewriterError("--ops is about operators: it takes no file and draws no chart")
    elif original is None:
        raise RewriterError("which modeling file?", hint="For example:  rewriter bench modeling_bert.py")
    elif ladder and rewritten is not None:
        raise RewriterError("--ladder rewrites ORIGINAL itself, step by step; REWRITTEN is not for it")
