"""`rewriter verify` for two checkpoints: the larger one answers as the one that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RewriterError
from .progress import bar

if TYPE_CHECKING:
    from ..report import Report

ENDINGS = (".safetensors", ".safetensors.index.json", ".ckpt")


def is_checkpoint(path: str) -> bool:
    """Tell whether `path` names a file of weights, or a folder with a configuration and such files."""
    if path.endswith(ENDINGS):
        return True
    folder = Path(path)
    if not (folder / "config.json").is_file():
        return False
    return any(entry.name.endswith(ENDINGS) for entry in folder.iterdir())


def refuse(options: dict[str, Any]) -> None:
    """Refuse options that are for modeling files.

    Args:
        options: Name → whether it was given.

    Raises:
        RewriterError: One was.
    """
    for name, given in options.items():
        if given:
            raise RewriterError(f"{name} is for modeling files, not for checkpoints")


def prove(
    source: str,
    out: str,
    report: Report,
    *,
    full: bool = False,
    seed: int = 0,
    only: list[str] | None = None,
    listing: bool = False,
    verbose: bool = False,
) -> None:
    """Verify a larger checkpoint and report; a drift beyond rounding is a promise that failed.

    Args:
        source: Path of the smaller checkpoint.
        out: Path of the larger one.
        report: Takes up the verdict.
        full: Run the longest inputs too.
        seed: Of the inputs.
        only: Ids of the cases to run.
        listing: Print the cases and run none.
        verbose: Say where each output is furthest off.
    """
    from ..weights import proof

    if listing:
        cases = proof.list_cases(source, full=full, seed=seed)
        for case in cases:
            report.put("cases", {"id": case.id})
        proof.render_cases(cases, report.console)
        return
    with bar(report, "verify") as move:
        verdict = proof.check(source, out, full=full, seed=seed, cases=only, progress=move)
    report.put("expansions", verdict.to_json())
    proof.render(verdict, report.console, verbose=verbose)
    report.worsen(0 if verdict.ok else 1)
