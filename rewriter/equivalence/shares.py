"""Sharing the cases of a check out to several processes: what takes its time is compiling, by one thread each."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from ..runtime.stand_ins import patching
from .cases import Case
from .run import Run, Share

COMPILED = 4
"""So many times as long as a light case takes one that is compiled, roughly."""
WORTH_IT = 60
"""Cost of the cases for which it pays to start another process, in light cases: MindSpore takes seconds to import."""


def split(cases: Sequence[Case], jobs: int) -> list[list[Case]]:
    """Share cases out, all cases of a model class together, so that the parts take about equally long.

    Args:
        cases: The cases, in the order in which each part is to run them.
        jobs: The most parts that are made; fewer when there is little to do.

    Returns:
        The parts, the longest first; none when there is no case.
    """
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.model, []).append(case)
    parts: list[list[Case]] = [[] for _ in range(min(jobs, len(groups), 1 + _cost(cases) // WORTH_IT))]
    for group in sorted(groups.values(), key=_cost, reverse=True):
        min(parts, key=_cost).extend(group)
    order = {case.id: index for index, case in enumerate(cases)}
    return [sorted(part, key=lambda case: order[case.id]) for part in sorted(parts, key=_cost, reverse=True)]


def _cost(cases: Sequence[Case]) -> int:
    """Return about how long cases take; the first of each class is compiled whatever it says."""
    classes = {case.model for case in cases}
    return COMPILED * len(classes) + sum(1 if case.light else COMPILED for case in cases)


@contextlib.contextmanager
def elsewhere(run: Run, parts: Sequence[Sequence[Case]]) -> Iterator[list[Future[Share]]]:
    """Run parts of the cases of `run` in a process each, meanwhile; what is not begun at the end is dropped."""
    if not parts:
        yield []
        return
    with ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("spawn")) as pool:
        begun = [
            pool.submit(
                _checked,
                run.original,
                run.rewritten,
                run.level,
                run.seed,
                run.tolerance,
                [c.id for c in part],
                stand_ins=patching.in_place(),
            )
            for part in parts
        ]
        try:
            yield begun
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _checked(
    original: str,
    rewritten: str,
    level: str,
    seed: int,
    tolerance: float | None,
    cases: Sequence[str],
    *,
    stand_ins: bool,
) -> Share:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # MindSpore prints, and standard output belongs to the process that asks
    if stand_ins:
        patching.put_in_place()
    run = Run(original, rewritten, level=level, seed=seed, tolerance=tolerance, cases=cases)
    run.leave_to_others({case.model for case in run.cases})
    for case in run.cases:
        run.check(case)
    return run.share()
