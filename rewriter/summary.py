"""Many files in short: which were rewritten, which in part or not at all, and what blocks the rest, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .passes import Outcome, Site

if TYPE_CHECKING:
    from .job import FileOutcome
    from .pipeline import Result

_COMPILING = "jit"
"""The pass whose sites are the methods that become graphs."""
_RECORDING = "record"
"""The pass that has recorded as a whole what other passes could not move."""


class Standing(str, Enum):
    """What became of a file."""

    REWRITTEN = "rewritten"
    PARTLY = "partly"
    LEFT = "left"


@dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        file: Its name.
        standing: What became of it.
        sites: Places rewritten.
        graphs: Methods that are compiled.
        blocks: What blocks the rest: what was rolled back, and what its owner can change.
        why: Why it was left, where no place in it is to blame.
    """

    file: str
    standing: Standing
    sites: int = 0
    graphs: int = 0
    blocks: tuple[Site, ...] = ()
    why: str = ""

    def reasons(self) -> list[str]:
        """Return what blocks the rest, each with its line and what can be done about it."""
        return [told(self.file, site) for site in self.blocks] or [self.why] * bool(self.why)

    def to_json(self) -> Mapping[str, object]:
        """Return it as a JSON object."""
        return {
            "file": self.file,
            "standing": self.standing.value,
            "sites": self.sites,
            "graphs": self.graphs,
            "why": self.reasons(),
        }


def blocks_of(result: Result) -> tuple[Site, ...]:
    """Return the places that keep a file from being rewritten as a whole."""
    recorded = {
        site.what for site in result.sites if site.pass_name == _RECORDING and site.outcome is Outcome.REWRITTEN
    }
    return tuple(
        site
        for site in result.sites
        if site.outcome is Outcome.ROLLED_BACK
        or (site.outcome is Outcome.SKIPPED and site.advice and site.what not in recorded)
    )


def told(file: str, site: Site) -> str:
    """Return a place that blocks something in words: where it is, what it is, and what its owner can change."""
    return f"{file}:{site.line}: {site.what}: {site.reason}. {site.advice}".rstrip()


def row_of(outcome: FileOutcome) -> Row:
    """Return a file in short."""
    result = outcome.result
    name, blocks = result.source.name, blocks_of(result)
    rewritten = [site for site in result.sites if site.outcome is Outcome.REWRITTEN]
    why = "; ".join(filter(None, (outcome.problem, outcome.note)))
    if not rewritten:
        # With a remark and no problem, an earlier run has done it.
        standing = Standing.REWRITTEN if outcome.note and not outcome.problem else Standing.LEFT
        return Row(name, standing, blocks=blocks, why=why)
    graphs = sum(site.pass_name == _COMPILING for site in rewritten)
    failed = "; ".join(f"pass {failure.pass_name} failed: {failure.error}" for failure in result.failures)
    standing = Standing.PARTLY if blocks or failed or outcome.problem else Standing.REWRITTEN
    return Row(name, standing, len(rewritten), graphs, blocks, why or failed)


def totals(rows: Sequence[Row]) -> str:
    """Return one line about all files."""
    counts = Counter(row.standing for row in rows)
    parts = [f"{counts[standing]} {standing.value}" for standing in Standing if counts[standing]]
    return f"{len(rows)} files: {', '.join(parts)}; {sum(row.graphs for row in rows)} graphs"
