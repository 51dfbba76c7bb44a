"""A run: the cases of one pair of files, one after the other, on models that are kept for as long as they serve."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..errors import RewriterError
from ..runtime import loader
from ..runtime.stand_ins.kernels import missing_kernel
from . import compiled, own_error
from .adapters import ModelAdapter, find_adapter
from .cases import Case, select
from .compiled import Observed
from .policy import Policy
from .scenarios import SCENARIOS
from .sources import Sources
from .subject import Subject
from .verdict import CaseResult, MethodRuns, method_runs

LEVELS = ("quick", "full")


@dataclass(frozen=True)
class Share:
    """What came of the cases that one process ran.

    Attributes:
        results: Id of a case → what came of it.
        observed: What became of the compiled methods.
        problems: What is wrong with the models as they are built.
    """

    results: dict[str, CaseResult]
    observed: Observed
    problems: list[str]


class Run:
    """Runs cases on an original and its rewritten twin, both of which are executed.

    Cases of one model and configuration share their pair of models as long as they are asked for one after the other,
    which is the order of `cases`. A case runs once.

    Args:
        original: Path or dotted name of the original.
        rewritten: Path or dotted name of its twin.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: In the place of the published one.
        cases: Ids of the cases, `*` allowed; those of `level` when None.
        adapters: Model adapters to ask before the built-in ones.
        hurried: Compile nothing for a case that is different without it.

    Attributes:
        original: Name of the original.
        rewritten: Name of its twin.
        level: As given.
        seed: As given.
        tolerance: As given.
        policy: What that makes of the tolerances.
        modules: The two files.
        cases: The cases, those of one pair of models together.
        silent: Model classes that no case checks → why.
        results: Id of a case that ran → what came of it.
        observed: What became of the compiled methods.
        problems: What is wrong with the models as they are built.

    Raises:
        RewriterError: A file cannot be loaded, no adapter knows it, there is no such case, or the arguments are wrong.
        MissingDependency: MindSpore is not installed.
    """

    def __init__(
        self,
        original: str | Path,
        rewritten: str | Path,
        *,
        level: str = "quick",
        seed: int = 0,
        tolerance: float | None = None,
        cases: Sequence[str] | None = None,
        adapters: Sequence[ModelAdapter] = (),
        hurried: bool = False,
    ) -> None:
        self.original, self.rewritten = str(original), str(rewritten)
        self.level, self.seed, self.tolerance = level, seed, tolerance
        try:
            self.policy = Policy(tolerance)
        except ValueError as error:
            raise RewriterError(str(error)) from None
        one = _load(original)
        self.modules = one, loader.load(rewritten, twin_of=one)
        self._adapter = find_adapter(one, adapters)
        self.cases, self.silent = _chosen(self._adapter, one, level, seed, cases)
        self._methods = compiled.find(self.modules[1], one)
        self._hurried = hurried
        self._sources = Sources()
        self.observed = Observed()
        self._built = ""
        self._subject: Subject | None = None
        self._failure = ""
        self.results: dict[str, CaseResult] = {}
        self.problems: list[str] = []

    def check(self, case: Case) -> CaseResult:
        """Run one case, if it did not run before."""
        if case.id not in self.results:
            with waiting_for_every_operator(), self._sources.at_hand():
                self.build(case)
                self.results[case.id] = self._result(case)
        return self.results[case.id]

    def build(self, case: Case) -> None:
        """Make the two models that a case is about, unless they are there."""
        if self._built != subject_key(case):
            self._built, self._subject = "", None  # the models before are gone when the next are made
            self._subject, self._failure = self._pair(case)
            self._built = subject_key(case)

    def own_error(self, case: Case) -> float:
        """Return how far rounding alone moves the original's answer; see `own_error.in_single_precision`."""
        self.build(case)
        if self._subject is None:
            return 0.0
        with waiting_for_every_operator():
            return own_error.in_single_precision(self._subject, self._subject.ask_original(case), case, None)

    @property
    def lacking(self) -> str:
        """The operator without a kernel for which stand-ins take part in the answers of the model built last."""
        return self._subject.lacking if self._subject is not None else ""

    def leave_to_others(self, models: Set[str]) -> None:
        """Take the compiled methods of all classes but `models` for seen: somebody else runs those classes' cases."""
        others = set(self._adapter.models(self.modules[0])) - models
        for method in self._methods:
            if method.owner.__name__ in others:
                self.observed.calls.setdefault(method.label, 0)

    def share(self) -> Share:
        """Return what came of the cases so far, for the process that shared them out."""
        return Share(self.results, self.observed, self.problems)

    def take(self, share: Share) -> None:
        """Take up what came of the cases that another process ran."""
        self.results.update(share.results)
        self.observed.add(share.observed)
        self.problems.extend(share.problems)

    def seen(self) -> tuple[MethodRuns, ...]:
        """Return what became of the twin's compiled methods in the cases that ran so far."""
        labels = [method.label for method in self._methods]
        return method_runs(labels, self.observed)

    def _result(self, case: Case) -> CaseResult:
        if self._subject is None:
            return CaseResult(case.id, case.model, unverified=self._failure)
        return SCENARIOS[case.scenario](self._subject, case, self.observed)

    def _pair(self, case: Case) -> tuple[Subject | None, str]:
        """Return the two models that a case is about, or why there are none."""
        if not hasattr(self.modules[1], case.model):
            return None, f"the rewritten file has no {case.model}"
        try:
            subject = Subject(
                self._adapter,
                *self.modules,
                self._methods,
                case,
                self.policy,
                self.seed,
                quick=self.level == "quick",
                hurried=self._hurried,
            )
        except Exception as error:  # a model that cannot be built is a finding, not a crash
            lacking = missing_kernel(error)
            why = f"no kernel for {lacking} here; see --stand-ins" if lacking else f"{type(error).__name__}: {error}"
            failure = f"{case.model} cannot be built: {why}"
            if self._builds_original(case):
                self.problems.append(f"{failure} (the original can)")
            return None, failure
        if subject.misfits:
            self.problems.extend(f"{case.model}: {misfit}" for misfit in subject.misfits)
            return None, "the weights of the original do not fit"
        return subject, ""

    def _builds_original(self, case: Case) -> bool:
        try:
            self._adapter.build(self.modules[0], case.model, case.settings)
        except Exception:
            return False
        return True


def choose_cases(
    original: str | Path,
    *,
    level: str = "quick",
    seed: int = 0,
    cases: Sequence[str] | None = None,
    adapters: Sequence[ModelAdapter] = (),
) -> tuple[list[Case], dict[str, str]]:
    """Return what a run of this original will have as `cases` and `silent`; its twin need not be there yet.

    The arguments, and what is raised, are those of `Run`. The original is executed.
    """
    module = _load(original)
    return _chosen(find_adapter(module, adapters), module, level, seed, cases)


def list_cases(
    original: str | Path, *, level: str = "quick", seed: int = 0, adapters: Sequence[ModelAdapter] = ()
) -> list[Case]:
    """Return the cases that `verify` would run for a file, which is executed to find its models."""
    return choose_cases(original, level=level, seed=seed, adapters=adapters)[0]


def subject_key(case: Case) -> str:
    """Return what the cases of one pair of models have in common."""
    return f"{case.model} {sorted(case.settings.items())} {case.dtype}"


def _load(original: str | Path) -> ModuleType:
    # MindSpore's own warnings (it deprecates half of what mindnlp calls) would bury the verdict.
    os.environ.setdefault("GLOG_v", "3")
    return loader.load(original)


def _chosen(
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
    order = {key: index for index, key in enumerate(dict.fromkeys(map(subject_key, cases)))}
    return sorted(cases, key=lambda case: order[subject_key(case)]), silent


@contextlib.contextmanager
def waiting_for_every_operator() -> Iterator[None]:
    """Have eager operators finish one by one: errors come where they belong, and tiny models run faster."""
    import mindspore

    before = mindspore.get_context("pynative_synchronize")
    mindspore.set_context(pynative_synchronize=True)
    try:
        yield
    finally:
        mindspore.set_context(pynative_synchronize=before)
