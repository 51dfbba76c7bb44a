"""`rewriter bench`: measure an original against its rewriting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, OriginalArgument
from .session import reporting

if TYPE_CHECKING:
    from ..report import Report


def command(
    original: OriginalArgument,
    rewritten: Annotated[str, typer.Argument(metavar="REWRITTEN", help="A path or a dotted module.")],
    size: Annotated[
        str, typer.Option(help="base: the configuration's defaults (BERT-base, CLIP ViT-B/32); tiny: two small layers.")
    ] = "base",
    batch: Annotated[int, typer.Option(min=1, help="Rows per call.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds, each contender once per round.")] = 7,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="CLASS", help="Measure this model class.")
    ] = None,
    peers: Annotated[
        str, typer.Option(metavar="A,B", help="Also time: hand (encoder in jit, by hand), trace (the one-liner).")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Time both files on the same inputs and weights, in turn, and print medians and ratios.

    Executes both files. A shared machine is noisy: believe the ratios, and more rounds.

    Example:  rewriter bench modeling_bert.py modeling_bert_rewritten.py --peers hand,trace
    """
    names = tuple(name.strip() for name in peers.split(",") if name.strip())
    with reporting(as_json=json) as report:
        measure(
            original, rewritten, report, size=size, batch=batch, rounds=rounds, models=tuple(model or ()), peers=names
        )


def measure(
    original: str,
    rewritten: str,
    report: Report,
    *,
    size: str = "base",
    batch: int = 1,
    rounds: int = 7,
    models: tuple[str, ...] = (),
    peers: tuple[str, ...] = (),
) -> None:
    """Measure and report; the options are those of `rewriter.benchmark.measure`.

    Raises:
        RewriterError: `size` or a peer has no such value, or a file cannot be measured.
    """
    from .. import benchmark
    from ..benchmark.measure import PEERS
    from ..benchmark.render import render
    from ..errors import RewriterError

    if size not in ("base", "tiny"):
        raise RewriterError(f"--size {size}: there are base and tiny")
    if unknown := [name for name in peers if name not in PEERS]:
        raise RewriterError(f"--peers {unknown[0]}: there are {' and '.join(PEERS)}")
    with report.progress("bench") as step:
        found = benchmark.measure(
            original, rewritten, size=size, batch=batch, rounds=rounds, models=models, peers=peers, progress=step
        )
    for item in found:
        report.put("benchmarks", item.to_json())
    render(found, report.console)
