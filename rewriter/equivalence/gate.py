"""The gate: each pass is a transaction, and what of it cannot be proved is rolled back, change by change.

Cheap first: all passes run, and the result is verified as a whole. Only where that fails do the passes run again one by
one, each judged by the few cases that failed; a pass that breaks them is bisected.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import libcst as cst

from ..changes import Change, bound_names, changes, consistent, keep, words
from ..errors import RewriterError
from ..passes import Evidence
from ..pipeline import Gate, Result, RolledBack, Step
from .adapters import ModelAdapter
from .bisection import culprits
from .trial import Finding, Trials, harm, telling_cases
from .verdict import Verdict

ROUNDS = 4
"""So often are the passes judged anew, each time by more cases."""


@dataclass(frozen=True)
class Proof:
    """What became of a rewriting that had to be proved.

    Attributes:
        result: What is left of it.
        verdict: On the whole result; when it could not be proved, the one that says so. None when there was none.
        error: Why nothing could be verified at all: it lies with the original, not with the rewriting.
        problem: Why the result must not be written; empty when it may.
    """

    result: Result
    verdict: Verdict | None = None
    error: RewriterError | None = None
    problem: str = ""


def prove(
    original: str | Path,
    rewrite: Callable[[Gate | None], Result],
    *,
    adapters: Sequence[ModelAdapter] = (),
    jobs: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Proof:
    """Rewrite a file, and roll back what changes its answers. Original and candidates are executed.

    Args:
        original: The file.
        rewrite: Runs the pipeline over it, with a gate or without.
        adapters: Model adapters to ask before the built-in ones.
        jobs: Share the cases of a whole check out to so many processes.
        progress: Told what runs.
    """
    result = rewrite(None)
    if not result.changed:
        return Proof(result)
    with tempfile.TemporaryDirectory(prefix="rewriter-") as folder:
        trials = Trials(original, Path(folder).resolve(), adapters=adapters, jobs=jobs, progress=progress)
        try:
            finding = trials.look(result.data)
        except RewriterError as error:
            return Proof(result, error=error)
        return _proved(result, finding, rewrite, trials)


def _proved(result: Result, finding: Finding, rewrite: Callable[[Gate | None], Result], trials: Trials) -> Proof:
    """Judge the passes by more and more cases, until the whole result is right."""
    cases: list[str] = []
    compiled = False
    for _ in range(ROUNDS):
        if not finding.evidence:
            return Proof(result, finding.verdict)
        more = [case for case in _cases(finding, trials) if case not in cases]
        compiled, before = compiled or _needs_compiling(finding), (compiled, len(cases))
        cases += more
        if (compiled, len(cases)) == before:  # nothing new to judge by
            break
        result = rewrite(_PassGate(trials, cases, compiled=compiled))
        if not result.changed:
            return Proof(result, finding.verdict, problem="nothing is left: every change was rolled back")
        finding = trials.look(result.data)
    if not finding.evidence:
        return Proof(result, finding.verdict)
    told = "; ".join(map(str, list(finding.evidence.values())[:3]))
    return Proof(result, finding.verdict, problem=f"nothing was written: what was left could not be proved ({told})")


def _cases(finding: Finding, trials: Trials) -> list[str]:
    return (telling_cases(finding.verdict) if finding.verdict is not None else []) or trials.any_case()


def _needs_compiling(finding: Finding) -> bool:
    """Tell whether it takes the graph passes to see a failure: plain Python computes right, or was never asked."""
    verdict = finding.verdict
    if verdict is None:
        return False
    return any(
        any(mode.uncompiled for mode in case.modes) or len({mode.status for mode in case.modes}) > 1
        for case in verdict.failing
    )


class _PassGate:
    """Judges one pass after the other by a few cases; see `pipeline.Gate`."""

    def __init__(self, trials: Trials, cases: Sequence[str], *, compiled: bool) -> None:
        self._trials = trials
        self._cases = list(cases)
        self._compiled = compiled

    def __call__(self, step: Step) -> tuple[cst.Module, tuple[RolledBack, ...]]:
        """Return the tree with the changes that break nothing, and the others."""
        found = changes(step.before, step.after)
        known = self._evidence(step, step.before).keys()

        def seen(some: Sequence[Change]) -> dict[str, Evidence]:
            told = self._evidence(step, _made(step, found, some))
            return {symptom: evidence for symptom, evidence in told.items() if symptom not in known}

        search = culprits(found, lambda some: frozenset(seen(some)), harmless=lambda change: change.adds)
        if not search.groups:
            return step.after, ()
        unclear = Evidence("rewritten file", "fails together with other changes", ", ".join(self._cases))
        guilty = [RolledBack(group, harm(group, found, seen, unclear)) for group in search.groups]
        orphans = _orphans(step, search.kept, [change for group in search.groups for change in group])
        guilty[-1] = replace(guilty[-1], orphans=tuple(orphans))
        kept = [change for change in search.kept if change not in orphans]
        return _made(step, found, kept), tuple(guilty)

    def _evidence(self, step: Step, tree: cst.Module) -> dict[str, Evidence]:
        """Return what is wrong with a tree: as it is, and if nothing, with what the compiler would see of it."""
        found = self._trials.look(step.render(tree), self._cases, fail_fast=True).evidence
        if found or not self._compiled:
            return found
        finished = self._trials.look(step.finish(tree), self._cases, fail_fast=True).evidence
        return {f"compiled: {symptom}": evidence for symptom, evidence in finished.items()}


def _made(step: Step, every: Sequence[Change], some: Sequence[Change]) -> cst.Module:
    return keep(step.before, step.after, consistent(every, some))


def _orphans(step: Step, kept: Sequence[Change], guilty: Sequence[Change]) -> list[Change]:
    """Return the additions that only the guilty changes used: nobody would know what they are for."""
    gone = words("".join(change.new for change in guilty))
    left, orphans = list(kept), list[Change]()
    for _ in kept:
        for change in [change for change in left if change.adds and words(change.new) & gone]:
            others = [other for other in left if other is not change]
            names = bound_names(change) & gone
            if names and not names & words(keep(step.before, step.after, others).code):
                left, gone = others, gone | words(change.new)
                orphans.append(change)
                break
        else:
            break
    return orphans
