"""Timing contenders against each other on the same weights and inputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from .plan import PEERS, TITLES, Plan, Progress, silent
from .runners import Runner
from .stage import Entrant, Stage, finding, stage, started, why
from .threads import limited
from .workloads import Workload, workloads

REST_S = 0.05
"""Pause before a call in interleaved rounds: the threads of the contender before it spin on for a while."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one contender.

    Attributes:
        name: Which.
        title: The same for people.
        median_ms: Median time of a call, in milliseconds.
        min_ms: The shortest.
        mean_ms: The average.
        p90_ms: What nine in ten stay below.
        p99_ms: What 99 in 100 stay below; with fewer rounds than that it is near the longest.
        speedup: Median over the rounds of (time of the first contender, which is the original mostly / time of this
            one); in a contest, where rounds are not interleaved, the ratio of the averages.
        first_s: Time of the first two calls, compiling included, in seconds: a rewriting may learn from the first one
            what to compile in the second.
        difference: Largest absolute difference from that one's first output.
        samples_ms: Every time, in the order of the rounds.
        peak_mb: Peak resident memory of a process that does nothing else, in MiB; None when that was not asked for.
    """

    name: str
    title: str
    median_ms: float
    min_ms: float
    mean_ms: float
    p90_ms: float
    p99_ms: float
    speedup: float
    first_s: float
    difference: float
    samples_ms: tuple[float, ...]
    peak_mb: float | None = None


@dataclass(frozen=True)
class Measurement:
    """The figures of one workload, all from the same rounds.

    Attributes:
        title: What was run.
        model: Name of the class.
        batch: Rows per call.
        length: Tokens per row; 0 for a model that takes images only.
        protocol: See `Plan.protocol`.
        rounds: Timed calls of each contender.
        figures: One per contender, the original first.
        failed: Title of a contender, or of a figure → why it could not be measured.
    """

    title: str
    model: str
    batch: int
    length: int
    protocol: str
    rounds: int
    figures: tuple[Figures, ...]
    failed: Mapping[str, str]

    @property
    def contest(self) -> bool:
        """Whether calls were made in a row, and averages count; else in interleaved rounds, and medians do."""
        return self.protocol == "contest"

    def typical_ms(self, one: Figures) -> float:
        """Return the time that stands for all calls of a contender."""
        return one.mean_ms if self.contest else one.median_ms

    def to_json(self) -> dict[str, Any]:
        """Return the measurement as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Taken:
    """The times of one contender, in seconds.

    Attributes:
        first: Of the first two calls together.
        output: What that returned.
        samples: Of the timed calls.
    """

    first: float
    output: npt.NDArray[Any]
    samples: list[float]


def measure(
    original: str | Path, rewritten: str | Path, plan: Plan | None = None, *, progress: Progress = silent
) -> list[Measurement]:
    """Time an original against its rewriting and against the peers of the plan. Both files are executed.

    Args:
        original: Path or dotted name.
        rewritten: Path or dotted name.
        plan: The choices.
        progress: Told what runs.

    Raises:
        RewriterError: A file cannot be loaded or has nothing to measure.
        MissingDependency: MindSpore is not installed.
    """
    plan = plan or Plan()
    peers = [name for name in PEERS if name in plan.peers]
    return race(original, entrants(original, rewritten, peers), plan, progress)


def entrants(original: str | Path, rewritten: str | Path, peers: Sequence[str] = ()) -> list[Entrant]:
    """Return the original, its rewriting, and peers, in the order of a table."""
    return [
        Entrant("original", TITLES["original"], "original", str(original), required=True),
        Entrant("rewritten", TITLES["rewritten"], "rewritten", str(rewritten), required=True),
        *(Entrant(name, TITLES[name], name, str(original)) for name in peers),
    ]


def race(original: str | Path, entered: Sequence[Entrant], plan: Plan, progress: Progress) -> list[Measurement]:
    """Time entrants, the first of which all are compared with, on every workload of the original.

    Args:
        original: Path or dotted name.
        entered: Who takes part.
        plan: The choices.
        progress: Told what runs.

    Raises:
        RewriterError: A file cannot be loaded or has nothing to measure.
    """
    from ..runtime import loader

    with limited(plan.threads) as threads:
        before = loader.load(original)
        for entrant in entered:
            if entrant.required and entrant.kind == "rewritten":
                loader.load(entrant.spec, twin_of=before)  # a file that cannot be loaded is told of at once
        groups = list(workloads(before, size=plan.size, batches=plan.batches, lengths=plan.lengths, models=plan.models))
        return list(_measured(before, str(original), groups, entered, plan, threads, progress))


def _measured(
    before: ModuleType,
    original: str,
    groups: Sequence[Sequence[Workload]],
    entered: Sequence[Entrant],
    plan: Plan,
    threads: int,
    progress: Progress,
) -> Iterator[Measurement]:
    count = _Count(sum(map(len, groups)) * len(entered) * (1 + plan.warmup + plan.rounds), progress)
    for group in groups:
        with (
            stage(before, original, group[0], plan, threads) as here,
            started(entered, here.start, group[0], count.tell) as (runners, failed),
        ):
            for workload in group:
                measured = _measure_one(workload, entered, runners, failed, plan, count)
                yield _with_memory(measured, here, workload, entered, count) if plan.memory else measured


def _measure_one(
    workload: Workload,
    entered: Sequence[Entrant],
    runners: Mapping[str, Runner],
    failed: Mapping[str, str],
    plan: Plan,
    count: _Count,
) -> Measurement:
    failed = dict(failed)
    running: dict[str, Runner] = {}
    first: dict[str, tuple[float, npt.NDArray[Any]]] = {}
    for entrant in entered:
        if entrant.name not in runners:
            count.step(f"{workload.title}: {entrant.title} is missing", 1 + plan.warmup + plan.rounds)
            continue
        runner = runners[entrant.name]
        count.step(f"{workload.title}: first two calls of {entrant.title}")
        with finding(workload.title, entrant, failed):
            runner.give(workload.inputs)
            first[entrant.name] = runner.call() + runner.call(), runner.output()
            running[entrant.name] = runner
    timed = _contest if plan.protocol == "contest" else _interleaved
    samples = timed(running, plan, lambda what: count.step(f"{workload.title}: {what}"))
    taken = {name: Taken(*first[name], samples[name]) for name in running}
    figures = tuple(_figures(item, taken, plan) for item in entered if item.name in taken)
    return Measurement(
        workload.title, workload.model, workload.batch, workload.length, plan.protocol, plan.rounds, figures, failed
    )


def _interleaved(running: Mapping[str, Runner], plan: Plan, tell: Callable[[str], None]) -> Mapping[str, list[float]]:
    """Run everybody once per round; who begins changes, and the direction, so that nobody always follows the same."""
    samples: dict[str, list[float]] = {name: [] for name in running}
    names = list(running)
    for number in range(plan.warmup + plan.rounds):
        begin = number % len(names)
        turn = names[begin:] + names[:begin]
        for name in reversed(turn) if number // len(names) % 2 else turn:
            tell(f"round {number + 1} of {plan.warmup + plan.rounds}")
            time.sleep(REST_S)
            seconds = running[name].call()
            if number >= plan.warmup:
                samples[name].append(seconds)
    return samples


def _contest(running: Mapping[str, Runner], plan: Plan, tell: Callable[[str], None]) -> Mapping[str, list[float]]:
    """Run everybody `rounds` times in a row, after the first calls, which compile."""
    samples: dict[str, list[float]] = {}
    for name, runner in running.items():
        time.sleep(REST_S)
        samples[name] = []
        for number in range(plan.rounds):
            tell(f"call {number + 1} of {plan.rounds}, {name}")
            samples[name].append(runner.call())
    return samples


def _figures(entrant: Entrant, taken: Mapping[str, Taken], plan: Plan) -> Figures:
    one, base = taken[entrant.name], next(iter(taken.values()))
    times, reference = np.array(one.samples) * 1e3, np.array(base.samples) * 1e3
    median, p90, p99 = np.percentile(times, (50, 90, 99))
    contest = plan.protocol == "contest"
    speedup = reference.mean() / times.mean() if contest else np.median(reference / times)
    return Figures(
        name=entrant.name,
        title=entrant.title,
        median_ms=round(float(median), 3),
        min_ms=round(float(times.min()), 3),
        mean_ms=round(float(times.mean()), 3),
        p90_ms=round(float(p90), 3),
        p99_ms=round(float(p99), 3),
        speedup=round(float(speedup), 3),
        first_s=round(one.first, 3),
        difference=float(np.max(np.abs(one.output - base.output))),
        samples_ms=tuple(round(float(value), 3) for value in times),
    )


def _with_memory(
    measured: Measurement, here: Stage, workload: Workload, entered: Sequence[Entrant], count: _Count
) -> Measurement:
    by_name = {entrant.name: entrant for entrant in entered}
    figures, failed = [], dict(measured.failed)
    for item in measured.figures:
        count.tell(f"{workload.title}: memory of {item.title}")
        try:
            figures.append(replace(item, peak_mb=_peak_mb(here, workload, by_name[item.name])))
        except Exception as error:  # its times are there, and stay
            figures.append(item)
            failed[f"memory of {item.title}"] = why(error)
    return replace(measured, figures=tuple(figures), failed=failed)


def _peak_mb(here: Stage, workload: Workload, entrant: Entrant) -> float:
    """Return the peak memory of a process that builds one contender and calls it three times."""
    runner = here.start_alone(entrant, drawn=False)
    try:
        runner.give(workload.inputs)
        for _ in range(3):
            runner.call()
        return round(runner.peak_mb(), 1)
    finally:
        runner.close()


class _Count:
    """Counts calls, for a progress bar."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._done, self._progress = total, 0, progress

    def tell(self, what: str) -> None:
        """Tell what runs, which is not counted."""
        self._progress(what, self._done / self._total)

    def step(self, what: str, calls: int = 1) -> None:
        """Tell what runs, and count it."""
        self.tell(what)
        self._done += calls
