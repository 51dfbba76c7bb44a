"""The time after each pass: what every one of them brings, and what it costs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .. import api
from ..errors import RewriterError
from ..passes import Outcome
from .measure import Measurement, race
from .plan import TITLES, Plan, Progress, silent
from .stage import Entrant


def ladder(
    original: str | Path, plan: Plan, *, target: str = "portable", progress: Progress = silent
) -> list[Measurement]:
    """Time a file after each pass that changes it, the passes added one by one in the order of the pipeline.

    Every step is timed in the same rounds as the others, so that steps can be compared. A step that cannot run is named
    in `Measurement.failed`: some passes need those that come after them.

    Args:
        original: Path or dotted name. It is executed, and so are the steps.
        plan: The choices; its peers do not take part.
        target: What to rewrite for.
        progress: Told what runs.

    Raises:
        RewriterError: The file cannot be read, or no pass changes it.
    """
    with tempfile.TemporaryDirectory(prefix="rewriter-ladder-") as folder:
        progress("rewriting")
        return race(original, _entrants(original, target, Path(folder)), plan, progress)


@contextlib.contextmanager
def rewriting(original: str | Path, target: str = "portable") -> Iterator[Path]:
    """Yield a rewriting of a file by the default passes, which is gone afterwards.

    Args:
        original: Path or dotted name.
        target: What to rewrite for.

    Raises:
        RewriterError: The file cannot be read, or no pass changes it.
    """
    with tempfile.TemporaryDirectory(prefix="rewriter-bench-") as folder:
        result = api.rewrite(original, target=target)
        if not result.changed:
            raise _unchanged(original)
        path = Path(folder, result.source.path.name if result.source.path else "modeling.py")
        path.write_bytes(result.data)
        yield path


def _entrants(original: str | Path, target: str, folder: Path) -> list[Entrant]:
    entered = [Entrant("original", TITLES["original"], "original", str(original), required=True)]
    whole = api.rewrite(original, target=target)
    names: list[str] = []
    for report in whole.reports:
        names.append(report.name)
        if not any(site.outcome is Outcome.REWRITTEN for site in report.sites):
            continue
        path = folder / f"{len(entered)}_{report.name.replace('-', '_')}.py"
        path.write_bytes(api.rewrite(original, passes=names, target=target).data)
        entered.append(Entrant(report.name, f"+ {report.name}", "rewritten", str(path)))
    if len(entered) == 1:
        raise _unchanged(original)
    return entered


def _unchanged(original: str | Path) -> RewriterError:
    return RewriterError(f"{original}: no pass changes it, so there is nothing to measure", exit_code=1)
