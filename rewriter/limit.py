"""Stopping a pipeline after a number of rewrites: which one breaks something is then found by halving the number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from .changes import Change, bound_names, changes, consistent, keep, words
from .passes import Evidence, Outcome, PassReport, Site
from .pipeline import Result, RolledBack, Step

_EVIDENCE = "--bisect-limit"


class Limit:
    """A gate that lets only so many rewrites through, counted over all passes in running order.

    A rewrite is a change of statements that `--verify` could roll back alone. What such a change needs (a function, a
    method, an import that was not there) comes with it and does not count.

    Args:
        most: How many.

    Attributes:
        made: How many there were.
        last: The last one: its pass, and where it is.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.made = 0
        self.last = ""

    def __call__(self, step: Step) -> tuple[cst.Module, tuple[RolledBack, ...]]:
        """Return the tree with as much of a pass as the limit allows, and the rest."""
        found = changes(step.before, step.after)
        counted = [change for change in found if not change.adds]
        taken = counted[: self.most - self.made]
        self.made += len(taken)
        if taken:
            where = f" in {taken[-1].where}" if taken[-1].where else ""
            self.last = f"{step.item.name}, line {taken[-1].first} of what it was given{where}"
        if len(taken) == len(counted) and self.made < self.most:
            return step.after, ()
        kept = consistent(found, [*taken, *_needed(taken, found)])
        left = tuple(change for change in found if change not in kept)
        if not left:
            return step.after, ()
        return keep(step.before, step.after, kept), (RolledBack(left, Evidence(_EVIDENCE, f"beyond {self.most}")),)

    def told(self, result: Result) -> Result:
        """Return a result in which what lies beyond the limit is skipped, and not said to be wrong."""
        return replace(result, reports=tuple(_told(report, self.most) for report in result.reports))


def _needed(taken: Sequence[Change], found: Sequence[Change]) -> list[Change]:
    """Return the additions that some changes read, or that those read."""
    read = set(words("".join(change.new for change in taken)))
    needed: list[Change] = []
    for _ in found:
        more = [change for change in found if change.adds and change not in needed and bound_names(change) & read]
        if not more:
            break
        needed += more
        read |= words("".join(change.new for change in more))
    return needed


def _told(report: PassReport, most: int) -> PassReport:
    return replace(report, sites=tuple(_site(site, most) for site in report.sites))


def _site(site: Site, most: int) -> Site:
    if site.evidence is None or site.evidence.what != _EVIDENCE:
        return site
    return replace(site, outcome=Outcome.SKIPPED, reason=f"beyond {_EVIDENCE} {most}", evidence=None)
