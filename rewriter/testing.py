"""Tests for your own repository, in one line each.

    from rewriter.testing import equivalence_test, pass_examples

    test_bert = equivalence_test("modeling_bert.py", "modeling_bert_rewritten.py")
    test_examples = pass_examples("my_pass.py")

Each case of the matrix, and each example of a pass, is a test of its own. pytest finds the plugin behind it by itself.
"""

from __future__ import annotations

import os
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from .errors import RewriterError

if TYPE_CHECKING:
    from .equivalence.adapters import ModelAdapter
    from .equivalence.cases import Case
    from .equivalence.session import Session
    from .equivalence.verdict import CaseResult, Verdict
    from .passes import Example, Pass
    from .weights import WeightExample, WeightPass

SURFACE, COMPILED, UNCHECKED = "surface", "compiled", "every-class-has-cases"
"""Ids of the tests beside the cases: what a caller sees without running a model, what ran compiled, what was left."""

_WIDTH = 120
_SHOWN_COMMANDS = 3

Cache = dict[Any, Any]
_KEPT = pytest.StashKey[Cache]()
"""What the tests of one process share: listed cases, and sessions with their models."""


def equivalence_test(
    original: str | Path,
    rewritten: str | Path = "",
    *,
    fixture: str = "",
    level: str = "quick",
    seed: int = 0,
    tolerance: float | None = None,
    cases: Sequence[str] | None = None,
    adapters: Sequence[ModelAdapter] = (),
    allow_unverified: bool = False,
) -> Callable[..., None]:
    """Make a test of every case that a rewritten file must answer as its original does.

    Bind the result to a name that begins with `test`. Besides the cases there are the tests `surface` (names,
    signatures, weights) and `compiled` (the compiled methods ran compiled). Collecting the tests executes the original.

    Args:
        original: Path or dotted module. A relative path starts at the folder of the test file.
        rewritten: Likewise.
        fixture: In the place of `rewritten`: name of a fixture that returns its path. Make it one of session scope.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: In the place of the published one.
        cases: Ids of the cases to run, `*` allowed; those of `level` when None.
        adapters: Model adapters to ask before those of the plugins and the built-in ones.
        allow_unverified: Skip a case that could not be compared, with its reason, in the place of failing.

    Raises:
        RewriterError: Neither or both of `rewritten` and `fixture` are given.
    """
    if bool(rewritten) == bool(fixture):
        raise RewriterError("equivalence_test takes either a rewritten file or the fixture that makes it")
    chosen = None if cases is None else tuple(cases)
    options = _Options(level, seed, tolerance, chosen, tuple(adapters))
    return _as_test(_EquivalencePlan(original, rewritten, fixture, options, allow_unverified))


def pass_examples(plugin: str | Path) -> Callable[..., None]:
    """Make a test of every example of every pass that a plugin registers.

    An example holds when `before` becomes `after` (or stays, for the reason given), the sites are reported, and a
    second run changes nothing. Bind the result to a name that begins with `test`.

    Args:
        plugin: A file (relative to the folder of the test file), an importable module, or an installed plugin's name.
    """
    return _as_test(_ExamplesPlan(plugin))


class AssertEquivalent:
    """The value of the fixture `assert_equivalent`.

    Args:
        folder: Where relative paths start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self, original: str | Path, rewritten: str | Path, *, allow_unverified: bool = False, **options: Any
    ) -> Verdict:
        """Run `verify`, fail with a report unless its verdict is good, and return the verdict.

        Args:
            original: Path or dotted module; a relative path starts at the folder of the test file.
            rewritten: Likewise.
            allow_unverified: Pass when what could be compared is equal and the rest is unverified.
            options: `level`, `seed`, `tolerance`, `cases` and `adapters` of `rewriter.equivalence.verify`.
        """
        __tracebackhide__ = True
        adapters = options.pop("adapters", ())
        try:
            from .equivalence import verify

            places = [located(spec, self._folder) for spec in (original, rewritten)]
            verdict = verify(*places, adapters=all_adapters(adapters), **options)
        except RewriterError as error:
            pytest.fail(str(error), pytrace=False)
        if not (verdict.ok or (allow_unverified and _is_merely_unverified(verdict))):
            pytest.fail(failure_report(verdict), pytrace=False)
        return verdict


def located(spec: str | Path, folder: Path) -> str | Path:
    """Return a path that starts at `folder` if it is relative; a dotted module as it is."""
    is_path = isinstance(spec, Path) or spec.endswith(".py") or "/" in spec or os.sep in spec
    return folder / spec if is_path else spec


def all_adapters(own: Sequence[ModelAdapter]) -> tuple[ModelAdapter, ...]:
    """Return `own`, then those of the plugins: installed ones, and what `[tool.rewriter]` names."""
    from . import plugins, settings

    defaults = settings.load(Path.cwd())
    return (*own, *plugins.load(defaults.plugins, defaults.no_plugins).model_adapters())


def failure_report(verdict: Verdict) -> str:
    """Return what is wrong, and how to run the worst cases again; what is equal is left out."""
    import io

    from rich.console import Console

    from .equivalence.render import render
    from .equivalence.statistics import Status

    good = (Status.IDENTICAL, Status.EQUIVALENT)
    bad = replace(verdict, outputs=tuple(item for item in verdict.outputs if item.status not in good))
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, emoji=False)
    with console.capture() as text:
        render(bad, console)
    cases = [*verdict.failing, *(case for case in verdict.cases if case.unverified)]
    commands = [_command(verdict, case.id) for case in cases[:_SHOWN_COMMANDS]]
    again = ["", "Run one case again:", *(f"  {command}" for command in commands)] if commands else []
    told = text.get().rstrip()
    if not bad.outputs:
        told = told.partition("\n")[2]  # the heading of an empty table
    return "\n".join([told, *again])


def _command(verdict: Verdict, case: str) -> str:
    options = ["--case", case, *(["--full"] if verdict.level == "full" else [])]
    options += [] if verdict.seed == 0 else ["--seed", str(verdict.seed)]
    options += [] if verdict.tolerance is None else ["--tolerance", str(verdict.tolerance)]
    return shlex.join(["rewriter", "verify", verdict.original, verdict.rewritten, *options])


def _is_merely_unverified(verdict: Verdict) -> bool:
    from .equivalence.statistics import Status

    return verdict.compiled and verdict.status is Status.UNVERIFIED


@dataclass(frozen=True)
class _Check(ABC):
    """One test: what `rewriter_check` is."""

    id: str

    @abstractmethod
    def run(self, request: pytest.FixtureRequest) -> None:
        """Pass, fail or skip."""


class _Plan(ABC):
    """What a line of a test file asks for."""

    @abstractmethod
    def checks(self, module: ModuleType, config: pytest.Config) -> Sequence[_Check]:
        """Return the tests, in an order and with ids that are the same in every process."""


def _as_test(plan: _Plan) -> Callable[..., None]:
    """Return a function that pytest takes for a test which stands where the user wrote it."""

    def test(rewriter_check: _Check, request: pytest.FixtureRequest) -> None:
        rewriter_check.run(request)

    line = sys._getframe(2)
    test.__code__ = test.__code__.replace(co_filename=line.f_code.co_filename, co_firstlineno=line.f_lineno)
    test.__module__ = line.f_globals.get("__name__", __name__)
    test.rewriter_plan = plan  # type: ignore[attr-defined]
    return test


def _folder(module: ModuleType) -> Path:
    return Path(str(module.__file__)).parent


def _kept(config: pytest.Config) -> Cache:
    if _KEPT not in config.stash:
        config.stash[_KEPT] = {}
        config.add_cleanup(config.stash[_KEPT].clear)  # models that outlive MindSpore complain at the very end
    return config.stash[_KEPT]


@dataclass(frozen=True)
class _Options:
    """The options of `Session`, in a form that finds one again."""

    level: str
    seed: int
    tolerance: float | None
    cases: tuple[str, ...] | None
    adapters: tuple[ModelAdapter, ...]


@dataclass(frozen=True)
class _EquivalencePlan(_Plan):
    """The arguments of `equivalence_test`."""

    original: str | Path
    rewritten: str | Path
    fixture: str
    options: _Options
    allow_unverified: bool

    def checks(self, module: ModuleType, config: pytest.Config) -> list[_Check]:
        folder, options = _folder(module), self.options
        original = located(self.original, folder)
        key = (original, options)
        try:
            if key not in _kept(config):
                from .equivalence.run import choose_cases

                _kept(config)[key] = choose_cases(
                    original,
                    level=options.level,
                    seed=options.seed,
                    cases=options.cases,
                    adapters=all_adapters(options.adapters),
                )
        except RewriterError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        cases, silent = _kept(config)[key]
        found: list[_Check] = [_SurfaceCheck(SURFACE, self, folder)]
        found += [_CaseCheck(case.id, self, folder, case) for case in cases]
        found += [_UncheckedCheck(UNCHECKED, self, folder, silent)] if silent else []
        return [*found, _CompiledCheck(COMPILED, self, folder)]


@dataclass(frozen=True)
class _SessionCheck(_Check):
    """A check of a pair of files."""

    plan: _EquivalencePlan
    folder: Path

    def run(self, request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = True
        try:
            self.judge(self._session(request))
        except RewriterError as error:
            pytest.fail(str(error), pytrace=False)

    @abstractmethod
    def judge(self, session: Session) -> None:
        """Pass, fail or skip."""

    def _session(self, request: pytest.FixtureRequest) -> Session:
        """Return the session of the two files; it is made once per process, and keeps its models."""
        plan, options, kept = self.plan, self.plan.options, _kept(request.config)
        rewritten = request.getfixturevalue(plan.fixture) if plan.fixture else plan.rewritten
        original, rewritten = located(plan.original, self.folder), located(rewritten, self.folder)
        key = (original, rewritten, options)
        if key not in kept:
            from .equivalence.session import Session

            kept[key] = Session(
                original,
                rewritten,
                level=options.level,
                seed=options.seed,
                tolerance=options.tolerance,
                cases=options.cases,
                adapters=all_adapters(options.adapters),
            )
        session: Session = kept[key]
        return session

    def unverified(self, reason: str) -> None:
        """Fail, or skip where the user allows it."""
        if self.plan.allow_unverified:
            pytest.skip(f"unverified: {reason}")
        pytest.fail(f"{self.id}: unverified: {reason}", pytrace=False)


@dataclass(frozen=True)
class _CaseCheck(_SessionCheck):
    """One case of the matrix."""

    case: Case

    def judge(self, session: Session) -> None:
        from .equivalence.statistics import Status

        result = session.check(self.case)
        if result.status is Status.UNVERIFIED or result.vacuous:
            self.unverified(result.unverified or result.note or _uncompared(result))
        # Under pytest-xdist `compiled` runs on one worker, and sees only the cases of that one.
        slow = "PYTEST_XDIST_WORKER" in os.environ and any(mode.uncompiled for mode in result.modes)
        if slow or result.status is Status.DIFFERENT:
            pytest.fail(failure_report(_verdict_on(session, result)), pytrace=False)


@dataclass(frozen=True)
class _SurfaceCheck(_SessionCheck):
    """Names, signatures, and the names and shapes of weights."""

    def judge(self, session: Session) -> None:
        found = session.surface()
        if found:
            lines = "".join(f"\n  {line}" for line in found)
            pytest.fail(f"{session.rewritten} is not what {session.original} was to a caller:{lines}", pytrace=False)


@dataclass(frozen=True)
class _CompiledCheck(_SessionCheck):
    """Every call of a compiled method ran compiled."""

    def judge(self, session: Session) -> None:
        methods = session.methods()
        if not methods:
            pytest.skip("the rewritten file compiles nothing")
        slow = [
            f"\n  {item.method} ran uncompiled in {item.uncompiled} of {item.own} calls: {item.refused[0][0]}"
            for item in methods
            if item.uncompiled
        ]
        if slow:
            pytest.fail(f"{session.rewritten}: the answers are right, the speed is not there:{''.join(slow)}", False)


@dataclass(frozen=True)
class _UncheckedCheck(_SessionCheck):
    """There is a case for every model class."""

    silent: dict[str, str]

    def judge(self, session: Session) -> None:
        self.unverified("; ".join(f"{model}: {reason}" for model, reason in self.silent.items()))


def _uncompared(result: CaseResult) -> str:
    """Return why a part of a case could not be compared."""
    from .equivalence.statistics import Status

    parts = [item for mode in result.modes for item in mode.differences if item.status is Status.UNVERIFIED]
    return "; ".join(dict.fromkeys(f"{item.path}: {item.message}" for item in parts))


def _verdict_on(session: Session, result: CaseResult) -> Verdict:
    """Return a verdict on one case alone."""
    from .equivalence.verdict import Verdict, output_verdicts

    return Verdict(
        original=session.original,
        rewritten=session.rewritten,
        level=session.level,
        seed=session.seed,
        tolerance=session.tolerance,
        outputs=tuple(output_verdicts([result])),
        cases=(result,),
        methods=session.seen(),
    )


@dataclass(frozen=True)
class _ExamplesPlan(_Plan):
    """The argument of `pass_examples`."""

    plugin: str | Path

    def checks(self, module: ModuleType, config: pytest.Config) -> list[_Check]:
        from .examples import brought_by

        try:
            passes, weights = brought_by(located(self.plugin, _folder(module)))
        except RewriterError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        found: list[_Check] = []
        every: list[Pass | WeightPass] = [*passes, *weights]
        for item in every:
            found += [_ExampleCheck(f"{item.name}: {example.title}", item, example) for example in item.examples]
            found += [] if item.examples else [_ExampleCheck(f"{item.name}: has examples", item, None)]
        return found


@dataclass(frozen=True)
class _ExampleCheck(_Check):
    """One example of a pass; None for the one that a pass lacks."""

    item: Pass | WeightPass
    example: Example | WeightExample | None

    def run(self, request: pytest.FixtureRequest) -> None:
        from .examples import check_any

        if self.example is None:
            pytest.fail(f"pass '{self.item.name}' has no examples, so nothing is known of it", pytrace=False)
        try:
            check_any(self.item, self.example)
        except AssertionError as error:
            pytest.fail(f"{self.id}: {error}", pytrace=False)
