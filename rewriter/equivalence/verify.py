"""`verify`: run an original and its rewritten twin on the same calls, and say how their answers compare."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ..runtime.stand_ins import patching
from .adapters import ModelAdapter
from .run import Run
from .shares import elsewhere, split
from .statistics import Status
from .surface import compare_surfaces
from .through_buckets import PADDED, ThroughBuckets
from .verdict import CaseResult, Verdict, output_verdicts, without_errors

STOOD_IN = "with stand-ins for what has no kernel here"

Progress = Callable[[str, int, int], None]
"""Called before each case with its id, its number from 1 on, and how many there are."""


def verify(
    original: str | Path,
    rewritten: str | Path,
    *,
    level: str = "quick",
    seed: int = 0,
    tolerance: float | None = None,
    cases: Sequence[str] | None = None,
    fail_fast: bool = False,
    jobs: int = 1,
    progress: Progress = lambda case_id, number, total: None,
    adapters: Sequence[ModelAdapter] = (),
    buckets: Sequence[int] = (),
    batch_buckets: Sequence[int] = (),
) -> Verdict:
    """Check that a rewritten file answers as the original does. Both are executed.

    Inside of `rewriter.stand_ins()` all of this rests on stand-ins, and the verdict says so: in the note of every case
    and in `environment`.

    Every case runs on the original in eager mode, on the rewritten file with its compiled methods bypassed, and on the
    rewritten file as it is. Both have the same small random weights.

    Args:
        original: Path or dotted name of the original.
        rewritten: Path or dotted name of its twin.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: In the place of the published one; see `policy.py`.
        cases: Ids of the cases to run, `*` allowed; those of `level` when None. Any case of "full" may be named.
        fail_fast: Stop at the first case that is different; the verdict is about those that ran.
        jobs: Share the cases out to so many processes; not with `fail_fast` nor `adapters`. A script that asks for more
            than one needs `if __name__ == "__main__":`, as `multiprocessing` has it.
        progress: Told what this process runs.
        adapters: Model adapters to ask before the built-in ones.
        buckets: Have the rewritten models pad their inputs to these numbers of tokens (`rewriter.bucketed`). A case
            whose calls were padded has a note; when there is none, nothing is proved. Not with `jobs`.
        batch_buckets: Likewise, to these numbers of rows.

    Raises:
        RewriterError: A file cannot be loaded, no adapter knows it, there is no such case, or the arguments are wrong.
        MissingDependency: MindSpore is not installed.
    """
    began = time.perf_counter()
    through = ThroughBuckets(buckets, batch_buckets, adapters) if buckets or batch_buckets else None
    adapters = (through,) if through else adapters
    run = Run(
        original,
        rewritten,
        level=level,
        seed=seed,
        tolerance=tolerance,
        cases=cases,
        adapters=adapters,
        hurried=fail_fast,
    )
    surface, files = compare_surfaces(*run.modules), _files(*run.modules)
    own, *others = split(run.cases, 1 if fail_fast or adapters else jobs) or [[]]
    with elsewhere(run, others) as begun:
        for number, case in enumerate(own, start=1):
            progress(case.id, number, len(own))
            result = run.check(case)
            if through:
                run.results[case.id] = result = through.noted(result)
            if fail_fast and (result.status is Status.DIFFERENT or run.problems):
                break
        for other in begun:
            run.take(other.result())
    results = [_told(run.results[case.id]) for case in run.cases if case.id in run.results]
    not_padded = {"buckets": "no call was padded"} if through and not any(PADDED in r.note for r in results) else {}
    return Verdict(
        original=run.original,
        rewritten=run.rewritten,
        level=level,
        seed=seed,
        tolerance=tolerance,
        loosened=run.policy.loosened,
        surface=tuple(surface),
        outputs=tuple(output_verdicts(results)),
        cases=tuple(_lighter(result) for result in results),
        methods=run.seen(),
        problems=tuple(run.problems),
        unchecked={**run.silent, **_vacuous(results), **_changed(files, _files(*run.modules)), **not_padded},
        environment=_environment(),
        seconds=round(time.perf_counter() - began, 3),
    )


def _told(result: CaseResult) -> CaseResult:
    """Say of a case that it rests on stand-ins, where they are in place."""
    if not patching.in_place():
        return result
    return replace(result, note="; ".join(filter(None, (STOOD_IN, result.note))))


def _vacuous(results: list[CaseResult]) -> dict[str, str]:
    """Return the classes whose original answered no call: the same error twice proves little."""
    models = dict.fromkeys(result.model for result in results)
    return {
        model: next(result.note for result in results if result.model == model and result.vacuous)
        for model in models
        if any(result.vacuous for result in results if result.model == model)
        and all(result.vacuous or _is_error(result) for result in results if result.model == model)
    }


def _files(*checked: ModuleType) -> dict[str, tuple[int, int]]:
    """Return a fingerprint of the files of `checked` and of the packages that they are in."""
    packages = {module.__name__.partition(".")[0] for module in checked}
    members = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in packages]
    paths = {Path(name) for name in (getattr(module, "__file__", None) for module in members) if name}
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(paths) if path.is_file()}


def _changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> dict[str, str]:
    """Return the files that changed meanwhile: the graph compiler reads sources anew, and did not see what ran."""
    return {name: "the file changed during the check" for name in before if after.get(name) != before[name]}


def _is_error(result: CaseResult) -> bool:
    return any(
        item.kind == "error" and item.status is Status.IDENTICAL for mode in result.modes for item in mode.differences
    )


def _lighter(result: CaseResult) -> CaseResult:
    return replace(
        result,
        modes=tuple(
            replace(mode, differences=tuple(without_errors(item) for item in mode.differences)) for mode in result.modes
        ),
    )


def _environment() -> dict[str, str]:
    import mindspore

    stood_in = {"stand_ins": f"{len(patching.missing())} calls of mindspore"} if patching.in_place() else {}
    return {
        "mindspore": str(mindspore.__version__),
        "device": str(mindspore.get_context("device_target")),
        "python": platform.python_version(),
        **stood_in,
    }
