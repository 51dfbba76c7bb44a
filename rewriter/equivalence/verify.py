"""`verify`: run an original and its rewritten twin on the same calls, and say how their answers compare."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ..errors import RewriterError
from ..runtime import loader
from . import compiled
from .adapters import ModelAdapter, find_adapter
from .cases import Case, select
from .compiled import CompiledMethod, Observed
from .policy import Policy
from .scenarios import SCENARIOS
from .statistics import Status
from .subject import Subject
from .surface import compare_surfaces
from .verdict import CaseResult, Verdict, method_runs, output_verdicts, without_errors

LEVELS = ("quick", "full")

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
    progress: Progress = lambda case_id, number, total: None,
    adapters: Sequence[ModelAdapter] = (),
) -> Verdict:
    """Check that a rewritten file answers as the original does. Both are executed.

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
        progress: Told what runs.
        adapters: Model adapters to ask before the built-in ones.

    Raises:
        RewriterError: A file cannot be loaded, no adapter knows it, there is no such case, or the arguments are wrong.
        MissingDependency: MindSpore is not installed.
    """
    began = time.perf_counter()
    policy = _policy(tolerance)
    one, other, adapter = _load(original, rewritten, adapters)
    chosen, silent = _choose(adapter, one, level, seed, cases)
    methods = compiled.find(other, one)
    run = _Run(adapter, one, other, methods, policy, seed, quick=level == "quick", hurried=fail_fast)
    surface, files = compare_surfaces(one, other), _files(one, other)
    with _waiting_for_every_operator():
        run.all(chosen, progress)
    return Verdict(
        original=str(original),
        rewritten=str(rewritten),
        level=level,
        seed=seed,
        tolerance=tolerance,
        loosened=policy.loosened,
        surface=tuple(surface),
        outputs=tuple(output_verdicts(run.results)),
        cases=tuple(_lighter(result) for result in run.results),
        methods=method_runs([method.label for method in methods], Counter(run.seen.calls), Counter(run.seen.refused)),
        problems=tuple(run.problems),
        unchecked={**silent, **_vacuous(run.results), **_changed(files, _files(one, other))},
        environment=_environment(),
        seconds=round(time.perf_counter() - began, 3),
    )


def list_cases(
    original: str | Path, *, level: str = "quick", seed: int = 0, adapters: Sequence[ModelAdapter] = ()
) -> list[Case]:
    """Return the cases that `verify` would run for a file, which is executed to find its models."""
    module = loader.load(original)
    return _choose(find_adapter(module, adapters), module, level, seed, None)[0]


class _Run:
    """The models and the results of one check; the models of one subject at a time."""

    def __init__(
        self,
        adapter: ModelAdapter,
        original: ModuleType,
        rewritten: ModuleType,
        methods: list[CompiledMethod],
        policy: Policy,
        seed: int,
        *,
        quick: bool,
        hurried: bool,
    ) -> None:
        self._adapter = adapter
        self._original = original
        self._rewritten = rewritten
        self._methods = methods
        self._policy = policy
        self._seed = seed
        self._quick = quick
        self._hurried = hurried
        self._subject: Subject | None = None
        self._failure = ""
        self.seen = Observed()
        self.results: list[CaseResult] = []
        self.problems: list[str] = []

    def all(self, chosen: list[Case], progress: Progress) -> None:
        """Run the cases one after the other; only up to the first that is different for one in a hurry."""
        number = itertools.count(1)
        for _, group in itertools.groupby(chosen, key=_subject_key):
            for case in self._cases(list(group)):
                progress(case.id, next(number), len(chosen))
                self.results.append(self._result(case))
                if self._hurried and (self.results[-1].status is Status.DIFFERENT or self.problems):
                    return

    def _cases(self, group: list[Case]) -> list[Case]:
        """Build the two models that a group of cases is about, and return the group."""
        first = group[0]
        self._subject, self._failure = None, ""
        if not hasattr(self._rewritten, first.model):
            self._failure = f"the rewritten file has no {first.model}"
            return group
        try:
            subject = Subject(
                self._adapter,
                self._original,
                self._rewritten,
                self._methods,
                first,
                self._policy,
                self._seed,
                quick=self._quick,
                hurried=self._hurried,
            )
        except Exception as error:  # a model that cannot be built is a finding, not a crash
            self._failure = f"{first.model} cannot be built: {type(error).__name__}: {error}"
            if self._builds_original(first):
                self.problems.append(f"{self._failure} (the original can)")
            return group
        if subject.misfits:
            self._failure = "the weights of the original do not fit"
            self.problems.extend(f"{first.model}: {misfit}" for misfit in subject.misfits)
            return group
        self._subject = subject
        return group

    def _result(self, case: Case) -> CaseResult:
        """Run one case of the group."""
        if self._subject is None:
            return CaseResult(case.id, case.model, unverified=self._failure)
        return SCENARIOS[case.scenario](self._subject, case, self.seen)

    def _builds_original(self, case: Case) -> bool:
        try:
            self._adapter.build(self._original, case.model, case.settings)
        except Exception:
            return False
        return True


@contextlib.contextmanager
def _waiting_for_every_operator() -> Iterator[None]:
    """Have eager operators finish one by one: errors come where they belong, and tiny models run faster."""
    import mindspore

    before = mindspore.get_context("pynative_synchronize")
    mindspore.set_context(pynative_synchronize=True)
    try:
        yield
    finally:
        mindspore.set_context(pynative_synchronize=before)


def _policy(tolerance: float | None) -> Policy:
    try:
        return Policy(tolerance)
    except ValueError as error:
        raise RewriterError(str(error)) from None


def _load(
    original: str | Path, rewritten: str | Path, adapters: Sequence[ModelAdapter]
) -> tuple[ModuleType, ModuleType, ModelAdapter]:
    # MindSpore's own warnings (it deprecates half of what mindnlp calls) would bury the verdict.
    os.environ.setdefault("GLOG_v", "3")
    one = loader.load(original)
    return one, loader.load(rewritten, twin_of=one), find_adapter(one, adapters)


def _choose(
    adapter: ModelAdapter, module: ModuleType, level: str, seed: int, patterns: Sequence[str] | None
) -> tuple[list[Case], dict[str, str]]:
    """Return the cases to run, those of one subject together, and the classes that have none."""
    if level not in LEVELS:
        raise RewriterError(f"no level {level!r}", hint=f"Levels are {' and '.join(LEVELS)}.")
    silent: dict[str, str] = {}
    found: dict[str, Case] = {}
    for name in adapter.models(module):
        own = list(adapter.cases(getattr(module, name), "full" if patterns else level, seed))
        found.update((case.id, case) for case in own)
        if not own and not patterns:
            silent[name] = f"the adapter '{adapter.name}' has no cases for it"
    cases = select(found.values(), patterns) if patterns else list(found.values())
    order = {key: index for index, key in enumerate(dict.fromkeys(map(_subject_key, cases)))}
    return sorted(cases, key=lambda case: order[_subject_key(case)]), silent


def _subject_key(case: Case) -> str:
    return f"{case.model} {sorted(case.settings.items())} {case.dtype}"


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

    return {
        "mindspore": str(mindspore.__version__),
        "device": str(mindspore.get_context("device_target")),
        "python": platform.python_version(),
    }
