"""A session: the cases of one pair of files, each checked when it is asked for. The models are kept in between."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..runtime import loader
from . import compiled
from .adapters import ModelAdapter, find_adapter
from .cases import Case
from .surface import compare_surfaces
from .verdict import CaseResult, MethodRuns, method_runs
from .verify import _choose, _load, _policy, _Run, _subject_key, _waiting_for_every_operator


class Session:
    """Checks single cases of an original and its twin, as `verify` does for all of them at once.

    `verify` answers when everything ran. A test runner wants one case at a time, in any order, without building the
    models and compiling their graphs anew for each. Cases of one model and configuration share their pair of models as
    long as they are asked for one after the other, which is the order of `cases`. A case runs once per session.

    Args:
        original: Path or dotted name of the original.
        rewritten: Path or dotted name of its twin.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: In the place of the published one.
        cases: Ids of the cases, `*` allowed; those of `level` when None.
        adapters: Model adapters to ask before the built-in ones.

    Attributes:
        original: Name of the original.
        rewritten: Name of its twin.
        level: As given.
        seed: As given.
        tolerance: As given.
        cases: The cases, those of one pair of models together.
        silent: Model classes that no case checks → why.

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
    ) -> None:
        self.original, self.rewritten = str(original), str(rewritten)
        self.level, self.seed, self.tolerance = level, seed, tolerance
        policy = _policy(tolerance)
        one, other, adapter = _load(original, rewritten, adapters)
        self._modules = one, other
        self.cases, self.silent = _choose(adapter, one, level, seed, cases)
        self._methods = compiled.find(other, one)
        self._run = _Run(adapter, one, other, self._methods, policy, seed, quick=level == "quick", hurried=False)
        self._built = ""
        self._results: dict[str, CaseResult] = {}

    def check(self, case: Case) -> CaseResult:
        """Run one case of the session, if it did not run before."""
        if case.id not in self._results:
            with _waiting_for_every_operator():
                self._build(case)
                self._results[case.id] = self._run._result(case)
        return self._results[case.id]

    def surface(self) -> list[str]:
        """Return what a caller can see that is not as it was: names, signatures, and the layout of weights."""
        for case in {_subject_key(case): case for case in reversed(self.cases)}.values():
            self._build(case)
        return [*compare_surfaces(*self._modules), *dict.fromkeys(self._run.problems)]

    def methods(self) -> tuple[MethodRuns, ...]:
        """Return what became of the twin's compiled methods, once each of them was called by some case."""
        for case in self.cases:
            if all(method.label in self._run.seen.calls for method in self._methods):
                break
            self.check(case)
        return self.seen()

    def seen(self) -> tuple[MethodRuns, ...]:
        """Return what became of the twin's compiled methods in the cases that ran so far."""
        seen = self._run.seen
        return method_runs([method.label for method in self._methods], Counter(seen.calls), Counter(seen.refused))

    def _build(self, case: Case) -> None:
        """Make the two models that a case is about, unless they are there."""
        if self._built != _subject_key(case):
            self._run._cases([case])
            self._built = _subject_key(case)


def choose_cases(
    original: str | Path,
    *,
    level: str = "quick",
    seed: int = 0,
    cases: Sequence[str] | None = None,
    adapters: Sequence[ModelAdapter] = (),
) -> tuple[list[Case], dict[str, str]]:
    """Return what a session of this original will have as `cases` and `silent`; its twin need not be there yet.

    The arguments, and what is raised, are those of `Session`. The original is executed.
    """
    os.environ.setdefault("GLOG_v", "3")  # or MindSpore's warnings come out with every failing test
    module = loader.load(original)
    return _choose(find_adapter(module, adapters), module, level, seed, cases)
