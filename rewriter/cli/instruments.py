"""What `apply` shows of its passes at work: their time (`--timing`), and the text after one (`--print-after`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import RewriterError

if TYPE_CHECKING:
    from ..job import FileOutcome
    from ..passes import Pass
    from ..report import Report


@dataclass
class _Row:
    """A pass over all files."""

    seconds: float = 0.0
    rewritten: int = 0
    skipped: int = 0


class Instruments:
    """Listens to what becomes of each file.

    Args:
        report: Where to show it.
        timing: Whether to time the passes.
    """

    def __init__(self, report: Report, *, timing: bool) -> None:
        self._report = report
        self._timing = timing
        self._rows: dict[str, _Row] = {}
        report.listeners.append(self._see)

    def _see(self, outcome: FileOutcome) -> None:
        """Print the texts that were kept of a file, and add up its times."""
        from ..passes import Outcome

        name = outcome.result.source.name
        for report in outcome.result.reports:
            row = self._rows.setdefault(report.name, _Row())
            row.seconds += report.seconds
            row.rewritten += sum(site.outcome is Outcome.REWRITTEN for site in report.sites)
            row.skipped += sum(site.outcome is Outcome.SKIPPED for site in report.sites)
            if report.text is not None:
                self._print(name, report.name, outcome.result.source.decode(report.text))

    def _print(self, source: str, name: str, text: str) -> None:
        if self._report.as_json:
            self._report.put("texts", {"source": source, "after": name, "text": text})
            return
        file = self._report.console.file
        file.write(f"# ----- {source} after {name}\n{text}{'' if text.endswith(chr(10)) else chr(10)}# -----\n")

    def tell(self) -> None:
        """Print the table of times, the pass that took longest first."""
        if not self._timing:
            return
        rows = sorted(self._rows.items(), key=lambda pair: (-pair[1].seconds, pair[0]))
        total = sum(row.seconds for _, row in rows) or 1.0
        self._report.table(
            "timing",
            [
                {
                    "pass": name,
                    "ms": f"{row.seconds * 1e3:.1f}",
                    "share": f"{row.seconds / total:.0%}",
                    "rewritten": str(row.rewritten),
                    "skipped": str(row.skipped),
                }
                for name, row in rows
            ],
            [{"pass": name, **vars(row)} for name, row in rows],
        )


def check(wanted: Collection[str], passes: Sequence[Pass], files: int, limit: int | None) -> None:
    """Make sure that what is to be shown will be there.

    Args:
        wanted: The passes of --print-after.
        passes: Those that will run.
        files: Number of files.
        limit: That of --bisect-limit.

    Raises:
        RewriterError: A pass will not run, or there is more than one file to limit.
    """
    names = [item.name for item in passes]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise RewriterError(
            f"--print-after {unknown[0]}: this pass does not run", hint=f"Those that do: {', '.join(names)}."
        )
    if limit is not None and files != 1:
        raise RewriterError("--bisect-limit counts the rewrites of one file", hint="Name one file.")
