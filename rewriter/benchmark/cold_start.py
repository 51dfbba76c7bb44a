"""A cold start: requests of many lengths, one after the other, and when compiling them has paid for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RewriterError
from .measure import entrants
from .plan import PEERS, Plan, Progress, silent
from .remote import Remote
from .runners import Arrays
from .stage import Entrant, Stage, finding, stage, started
from .threads import limited
from .workloads import Workload, with_length, workloads

SHORTEST = 4


@dataclass(frozen=True)
class Course:
    """How one contender fared.

    Attributes:
        name: Which.
        title: The same for people.
        total_s: After each request: the seconds that all of them took so far, compiling included.
        compiles: After each request: how many graphs were compiled so far.
        ahead: Number of the request from which on it stays ahead of the original; 0 for never, and for the original.
        difference: Largest absolute difference from the original's first outputs.
    """

    name: str
    title: str
    total_s: tuple[float, ...]
    compiles: tuple[int, ...]
    ahead: int
    difference: float


@dataclass(frozen=True)
class ColdStart:
    """What came of the requests to one model.

    Attributes:
        title: What was run.
        lengths: Of the requests, in their order.
        courses: One per contender, the original first.
        failed: Title of a contender → why it could not be measured.
    """

    title: str
    lengths: tuple[int, ...]
    courses: tuple[Course, ...]
    failed: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def cold_start(
    original: str | Path, rewritten: str | Path, requests: int, plan: Plan, *, progress: Progress = silent
) -> list[ColdStart]:
    """Send requests of different lengths to contenders that have just started, each in a process of its own.

    Request by request, everybody answers in turn, so that a slow minute hits all of them. Importing libraries and
    making the models does not count; the first call, and whatever is compiled later, does.

    Args:
        original: Path or dotted name. It is executed.
        rewritten: Path or dotted name. It is executed.
        requests: How many, each of another length.
        plan: The choices; the largest of its lengths is the longest request, the first of its batches their rows.
        progress: Told what runs.

    Raises:
        RewriterError: There are not so many lengths, no model takes tokens, or a file cannot be loaded.
    """
    from ..runtime import loader

    found = []
    with limited(plan.threads) as threads:
        before = loader.load(original)
        loader.load(rewritten, twin_of=before)
        longest = (max(plan.lengths),)
        groups = workloads(before, size=plan.size, batches=plan.batches[:1], lengths=longest, models=plan.models)
        chosen = [group[0] for group in groups if group[0].length]
        if not chosen:
            raise RewriterError("--requests is about lengths, and none of the models takes tokens")
        entered = entrants(original, rewritten, [name for name in PEERS if name in plan.peers])
        for number, workload in enumerate(chosen):
            lengths = _lengths(requests, workload.length)

            def tell(what: str, done: float = 0.0, number: int = number) -> None:
                progress(what, (number + done) / len(chosen))

            with stage(before, str(original), workload, plan, threads, fixed=False) as here:
                found.append(_run(here, workload, entered, lengths, tell))
    return found


def _lengths(requests: int, longest: int) -> tuple[int, ...]:
    """Return so many different lengths, in an order that nothing can be learned from."""
    possible = np.arange(min(SHORTEST, longest), longest + 1)
    if requests > len(possible):
        raise RewriterError(
            f"--requests {requests}: there are {len(possible)} lengths up to {longest}",
            hint="--length N raises the longest, as far as the model goes.",
        )
    return tuple(int(n) for n in np.random.default_rng(0).permutation(possible)[:requests])


@dataclass
class _Log:
    """What a contender did so far.

    Attributes:
        runner: Its process.
        seconds: Of each request.
        compiles: After each request.
        difference: Largest so far.
    """

    runner: Remote
    seconds: list[float] = field(default_factory=list)
    compiles: list[int] = field(default_factory=list)
    difference: float = 0.0

    def answer(self, inputs: Arrays, reference: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
        """Answer a request; its output is compared with the original's, which is None for the original itself."""
        self.runner.give(inputs)
        self.seconds.append(self.runner.call())
        self.compiles.append(self.runner.compiles())
        output = self.runner.output()
        if reference is not None:
            self.difference = max(self.difference, float(np.max(np.abs(output - reference))))
        return output


def _run(
    here: Stage, workload: Workload, entered: Sequence[Entrant], lengths: tuple[int, ...], progress: Progress
) -> ColdStart:
    with started(entered, here.start_alone, workload, progress) as (runners, failed):
        logs = {name: _Log(runner) for name, runner in runners.items()}
        for number, length in enumerate(lengths):
            progress(f"{workload.title}: request {number + 1} of {len(lengths)}", number / len(lengths))
            _request(with_length(workload, length), entered, logs, failed)
    courses = tuple(_course(item, logs) for item in entered if item.name in logs)
    return ColdStart(f"{workload.title}, {len(lengths)} lengths", lengths, courses, failed)


def _request(inputs: Arrays, entered: Sequence[Entrant], logs: dict[str, _Log], failed: dict[str, str]) -> None:
    """Have everybody answer one request; who fails is out."""
    reference = None
    for entrant in [item for item in entered if item.name in logs]:
        with finding("a request", entrant, failed):
            output = logs[entrant.name].answer(inputs, reference)
            if entrant.kind == "original":
                reference = output
        if entrant.title in failed:
            del logs[entrant.name]


def _course(entrant: Entrant, logs: Mapping[str, _Log]) -> Course:
    log, base = logs[entrant.name], logs["original"]
    total, reference = np.cumsum(log.seconds), np.cumsum(base.seconds)
    behind = np.flatnonzero(total >= reference)
    after = int(behind[-1]) + 2 if behind.size else 1
    return Course(
        name=entrant.name,
        title=entrant.title,
        total_s=tuple(round(float(value), 4) for value in total),
        compiles=tuple(log.compiles),
        ahead=after if after <= len(total) else 0,
        difference=log.difference,
    )
