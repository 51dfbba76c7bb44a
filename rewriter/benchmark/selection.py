"""Keeping a pass only if it makes its model faster: the whole rewriting against the whole without that pass."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..equivalence.gate import Proof
from ..errors import RewriterError
from ..job import Rewriting
from ..passes import Outcome, Pass
from ..pipeline import Gate, Result
from ..targets import Device
from . import judge
from .judge import LEAST_ROUNDS, Comparison, Speed
from .measure import Measurement, race
from .plan import Plan, Progress, silent
from .stage import Entrant

WHOLE, AGAIN, THEM = "all passes", "all passes, again", "those to leave out"
"""The whole rewriting; the same file a second time (what the two differ by is the machine's noise); and the rewriting
without all passes that are to be left out."""


Prove = Callable[[Callable[[Gate | None], Result]], Proof]
"""Proves a rewriting, as `equivalence.gate.prove` does."""


@dataclass(frozen=True)
class Judged:
    """What became of one pass.

    Attributes:
        name: Of the pass.
        kept: Whether it stays.
        reason: Why, where figures do not say it; else empty.
        comparisons: Title of a workload → the whole against the whole without the pass.
    """

    name: str
    kept: bool
    reason: str = ""
    comparisons: Mapping[str, Comparison] | None = None

    def __str__(self) -> str:
        told = self.reason or "; ".join(map(str, (self.comparisons or {}).values()))
        return f"{'kept' if self.kept else 'left out'}: {told}"


@dataclass(frozen=True)
class Timed:
    """What was timed.

    Attributes:
        title: Of the workload, e.g. `BertModel, batch 1, length 128, base`.
        rounds: Timed calls of each file.
        median_ms: Of the whole rewriting.
        margin: The ratio from which on a file counts as faster than another.
    """

    title: str
    rounds: int
    median_ms: float
    margin: float


@dataclass(frozen=True)
class Selection:
    """Which passes a rewriting keeps, and why.

    Attributes:
        proof: Of the rewriting that is left.
        device: Where the passes were timed.
        timed: The workloads.
        passes: The passes that were up for judgement.
        note: Why nothing was measured; empty when something was.
    """

    proof: Proof
    device: str = ""
    timed: tuple[Timed, ...] = ()
    passes: tuple[Judged, ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values: all but the proof, which has a place of its own."""
        return {
            "device": self.device,
            "timed": [asdict(item) for item in self.timed],
            "passes": [asdict(item) for item in self.passes],
            "note": self.note,
        }


def check(plan: Plan, device: Device) -> str:
    """Return the device that this machine times on.

    Raises:
        RewriterError: So few rounds prove nothing, or times taken here say nothing about the target.
    """
    import mindspore

    if plan.rounds < LEAST_ROUNDS:
        raise RewriterError(f"--measure takes {LEAST_ROUNDS} rounds at least: fewer may be luck")
    here = str(mindspore.get_context("device_target")).lower()
    if device not in (Device.PORTABLE, here):
        raise RewriterError(
            f"--measure would time on {here}, and the result is for {device.value}",
            hint="Measure on the machine that the result is for.",
        )
    return here


def select(
    original: str | Path,
    rewrite: Rewriting,
    prove: Prove,
    passes: Sequence[Pass],
    plan: Plan,
    *,
    target: Device = Device.PORTABLE,
    progress: Progress = silent,
) -> Selection:
    """Rewrite a file, and leave out the passes for speed that do not make its models faster. All is executed.

    Args:
        original: The file.
        rewrite: Runs the pipeline over it.
        prove: Proves a rewriting.
        passes: Those of the pipeline; `Pass.for_speed` says which are up for judgement.
        plan: What is timed.
        target: What the result is for.
        progress: Told what runs.

    Raises:
        RewriterError: See `check`, or the file has nothing to measure.
    """
    device = check(plan, target)
    proof = prove(rewrite)
    if proof.verdict is None or not proof.verdict.ok or proof.problem:
        return Selection(proof, note="nothing was measured: not all of the result could be verified")
    names = candidates(proof.result, passes)
    if not names:
        return Selection(proof, note="nothing was measured: no pass that is for speed changed the file")
    with tempfile.TemporaryDirectory(prefix="rewriter-measure-") as folder:
        contest = _Contest(original, rewrite, prove, proof, plan, Path(folder), progress)
        return contest.without_the_slow(Selection(proof, device, *contest.judge(names)))


def candidates(result: Result, passes: Sequence[Pass]) -> list[str]:
    """Return the passes for speed that rewrote something, in running order; one that another needs is none of them."""
    needed = {name for item in passes for name in item.requires}
    known = {item.name for item in passes if item.for_speed} - needed
    return [
        report.name
        for report in result.reports
        if report.name in known and any(site.outcome is Outcome.REWRITTEN for site in report.sites)
    ]


@dataclass(frozen=True)
class _Contest:
    """Times a rewriting against itself without some of its passes."""

    original: str | Path
    rewrite: Rewriting
    prove: Prove
    proof: Proof
    plan: Plan
    folder: Path
    progress: Progress

    def judge(self, names: Sequence[str]) -> tuple[tuple[Timed, ...], tuple[Judged, ...]]:
        """Return what was timed, and what is to become of each pass."""
        entered, unproved = [self.enter(WHOLE, self.proof.result)], dict[str, Judged]()
        for name in names:
            found = self.rewritten_without(name)
            if isinstance(found, str):
                unproved[name] = Judged(name, True, f"without it, {found}")
            else:
                entered.append(self.enter(name, found))
        if len(unproved) == len(names):
            return (), tuple(unproved.values())
        measured = self.race([*entered, self.enter(AGAIN, self.proof.result)])
        margins = {item.title: judge.noise(_times(item, WHOLE), _times(item, AGAIN)) for item in measured}
        timed = [Timed(item.title, item.rounds, item.figures[0].median_ms, margins[item.title]) for item in measured]
        return tuple(timed), tuple(unproved.get(name) or _judged(name, measured, margins) for name in names)

    def without_the_slow(self, selection: Selection) -> Selection:
        """Leave out the passes that are not worth it, unless they do harm by going together."""
        left = [item.name for item in selection.passes if not item.kept]
        if not left:
            return selection
        self.progress(f"without {', '.join(left)}")
        proof = self.prove(lambda gate: self.rewrite(gate, left))
        if not proof.result.changed:
            problem = "nothing was written: no pass makes the model faster"
            return replace(selection, proof=replace(proof, problem=problem))
        reason = self.harm(left, proof, selection.timed)
        if not reason:
            return replace(selection, proof=proof)
        kept = (item if item.kept else replace(item, kept=True, reason=reason) for item in selection.passes)
        return replace(selection, passes=tuple(kept))

    def harm(self, left: Sequence[str], proof: Proof, timed: Sequence[Timed]) -> str:
        """Return why passes that are no faster one by one must stay all the same; empty when they need not."""
        if proof.problem or proof.verdict is None or not proof.verdict.ok:
            return f"the result without {', '.join(left)} could not be proved"
        if len(left) == 1:
            return ""
        margins = {item.title: item.margin for item in timed}
        for item in self.race([self.enter(WHOLE, self.proof.result), self.enter(THEM, proof.result)]):
            found = judge.compare(_times(item, WHOLE), _times(item, THEM), margins[item.title])
            if found.speed is Speed.FASTER:
                return f"without {', '.join(left)} together it is slower: {found}"
        return ""

    def rewritten_without(self, name: str) -> Result | str:
        """Return the rewriting without a pass, or why there is none that is right."""
        self.progress(f"rewriting without {name}")
        if not any(site.outcome is Outcome.ROLLED_BACK for site in self.proof.result.sites):
            return self.rewrite(None, [name])
        proof = self.prove(lambda gate: self.rewrite(gate, [name]))  # what was rolled back must be in none of them
        return proof.problem or proof.result

    def enter(self, name: str, result: Result) -> Entrant:
        """Write a rewriting to a file of its own, as one that takes part."""
        path = self.folder / f"modeling_{re.sub('[^a-z0-9]+', '_', name)}.py"
        path.write_bytes(result.data)
        required = name in (WHOLE, AGAIN, THEM)
        title = name if name in (WHOLE, AGAIN) else f"without {name}"
        return Entrant(name, title, "rewritten", str(path), required=required)

    def race(self, entered: Sequence[Entrant]) -> list[Measurement]:
        """Time them all in the same rounds."""
        return race(self.original, entered, self.plan, self.progress)


def _judged(name: str, measured: Sequence[Measurement], margins: Mapping[str, float]) -> Judged:
    """Compare the whole with the whole without a pass, in every workload."""
    found = {
        item.title: judge.compare(_times(item, WHOLE), _times(item, name), margins[item.title])
        for item in measured
        if any(one.name == name for one in item.figures)
    }
    if len(found) < len(measured):
        why = next(why for item in measured for title, why in item.failed.items() if title == f"without {name}")
        return Judged(name, True, f"without it, it does not run: {why}", found)
    return Judged(name, judge.is_worth_it(found.values()), "", found)


def _times(measured: Measurement, name: str) -> tuple[float, ...]:
    return next(item.samples_ms for item in measured.figures if item.name == name)
