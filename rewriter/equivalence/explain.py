"""`explain`: does it compile? Class by class, with what MindSpore refuses, and which pass mends it.

Nothing is looked up. Every class is compiled as it is; where that is refused, passes are applied to a copy of the file,
and the copy is compiled, one pass after the other, for as long as each moves the refusal on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import api, pipeline
from .. import source as source_layer
from ..errors import RewriterError
from ..passes import Outcome, Site
from ..pipeline import Result
from ..runtime import loader
from ..targets import Target
from .adapters import ModelAdapter, find_adapter
from .cases import Case
from .probing import Call, bypass_wrappers, compile_call, first_call, module_methods, record
from .refusals import Refusal
from .subject import first_line

if TYPE_CHECKING:
    from ..plugins import PluginHost

MOST_BLOCKERS = 12
"""So many refusals, one behind the other, are followed in one class."""

_DUMPS = "MS_OM_PATH"

Progress = Callable[[str], None]


class State(str, Enum):
    """What became of a class."""

    COMPILES = "compiles"
    MENDED = "compiles after the passes"
    REFUSED = "refused"


@dataclass(frozen=True)
class Blocker:
    """One thing that keeps a class from being compiled.

    Attributes:
        refusal: What MindSpore refuses, and where.
        mended_by: The passes that mend it; empty when none does.
        like: The class inside this one where the same was found before; empty when it is new.
    """

    refusal: Refusal
    mended_by: tuple[str, ...] = ()
    like: str = ""


@dataclass(frozen=True)
class ClassResult:
    """One class.

    Attributes:
        name: Its name.
        called_by: The model, and the place in it, whose call was compiled: `BertModel.encoder`.
        state: What became of it.
        blockers: What is in the way, in the order in which the compiler meets it.
        parts: The methods that compile in the place of the forward, where a pass took a part of that out.
        around: For what is refused: the classes inside it that compile after the passes. It stays Python around them.
    """

    name: str
    called_by: str
    state: State
    blockers: tuple[Blocker, ...] = ()
    parts: tuple[str, ...] = ()
    around: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """The outcome of `explain`.

    Attributes:
        file: Name of the file.
        classes: The classes, the innermost first.
        uncalled: Classes that no model calls.
        problems: Models that could not be run → why.
    """

    file: str
    classes: tuple[ClassResult, ...]
    uncalled: tuple[str, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything compiles as it is or after the passes."""
        return not self.problems and all(item.state is not State.REFUSED for item in self.classes)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        classes = [{**dataclasses.asdict(item), "state": item.state.value} for item in self.classes]
        return {"ok": self.ok, **dataclasses.asdict(self), "classes": classes}


def explain(
    spec: str | Path,
    *,
    models: Sequence[str] = (),
    host: PluginHost,
    passes: Sequence[str] = (),
    target: Target | None = None,
    progress: Progress = lambda step: None,
) -> Explanation:
    """Say of every module class of a file whether MindSpore compiles its forward under STRICT. The file is executed.

    Args:
        spec: A path or a dotted module.
        models: Names of the model classes to run; all when empty.
        host: The plugins, for their passes and model adapters.
        passes: Names of the passes to try; the default ones when empty.
        target: What the passes rewrite for; the portable one when None.
        progress: Told what is being compiled.

    Raises:
        RewriterError: The file cannot be loaded or is no modeling file, no adapter knows it, or it has no such model.
        MissingDependency: MindSpore is not installed.
    """
    module = loader.load(spec)
    adapter = find_adapter(module, host.model_adapters())
    calls, problems = _all_calls(adapter, module, _chosen(adapter, module, models), progress)
    with tempfile.TemporaryDirectory() as folder, _dumps_in(folder):
        twins = _Twins(spec, module, host, passes, target or Target(), Path(folder))
        results: list[ClassResult] = []
        for number, call in enumerate(calls, 1):
            progress(f"{number} of {len(calls)}: {call.owner}")
            results.append(_Search(adapter, module, twins, call, results).run())
    called = {call.owner for call in calls}
    uncalled = [] if models else [name for name in module_methods(module) if name not in called]
    return Explanation(str(spec), tuple(results), tuple(uncalled), problems)


@contextlib.contextmanager
def _dumps_in(folder: str) -> Iterator[None]:
    """Have MindSpore write what it dumps at each refusal there meanwhile, and not into the working directory."""
    before = os.environ.get(_DUMPS)
    os.environ[_DUMPS] = folder
    try:
        yield
    finally:
        del os.environ[_DUMPS]
        if before is not None:
            os.environ[_DUMPS] = before


def _chosen(adapter: ModelAdapter, module: ModuleType, names: Sequence[str]) -> list[str]:
    known = adapter.models(module)
    for name in names:
        if name not in known:
            raise RewriterError(f"there is no model {name}", hint=f"Models of this file: {', '.join(known)}.")
    return list(names or known)


def _all_calls(
    adapter: ModelAdapter, module: ModuleType, models: Sequence[str], progress: Progress
) -> tuple[list[Call], dict[str, str]]:
    """Run every model once; return the first call of every class, the innermost first, and the models that fail."""
    calls: dict[str, Call] = {}
    problems = {}
    methods = module_methods(module)
    for model in models:
        progress(f"running {model}")
        case = first_call(adapter, getattr(module, model))
        if case is None:
            problems[model] = f"the adapter '{adapter.name}' has no call for it"
            continue
        try:
            for call in record(adapter, module, case, {name: names[:1] for name, names in methods.items()}):
                calls.setdefault(call.owner, call)
        except Exception as error:  # whatever a model raises is told, and the others go on
            problems[model] = f"{type(error).__name__}: {first_line(str(error))}"
    return list(calls.values()), problems


class _Twins:
    """Copies of a file, rewritten by some of the passes and imported. Each is made once."""

    def __init__(
        self,
        spec: str | Path,
        original: ModuleType,
        host: PluginHost,
        passes: Sequence[str],
        target: Target,
        folder: Path,
    ) -> None:
        path = loader.source_path(spec)
        assert path is not None  # it was loaded
        self.source = source_layer.read(path)
        self.path = path
        self._original = original
        self._host = host
        self._target = target
        self._folder = folder
        self._results: dict[frozenset[str], Result] = {}
        self._modules: dict[frozenset[str], ModuleType] = {}
        self._calls: dict[tuple[frozenset[str], str], list[Call]] = {}
        self.all = frozenset(item.name for item in api.select(host, passes))

    def sites(self) -> list[Site]:
        """Return the places that all passes together rewrite."""
        return [site for site in self._result(self.all).sites if site.outcome is Outcome.REWRITTEN]

    def of(self, names: frozenset[str]) -> ModuleType:
        """Return the twin that these passes make, with those that they require.

        Raises:
            RewriterError: It cannot be imported.
        """
        if names not in self._modules:
            path = self._folder / str(len(self._modules)) / self.path.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self._result(names).data)
            module = loader.load(path, twin_of=self._original)
            bypass_wrappers(module, self._original)
            self._modules[names] = module
        return self._modules[names]

    def calls(self, names: frozenset[str], adapter: ModelAdapter, case: Case) -> list[Call]:
        """Return the calls that a model of a twin makes.

        Raises:
            Exception: Whatever importing, building or running it raises.
        """
        if (names, case.id) not in self._calls:
            module = self.of(names)
            self._calls[names, case.id] = record(adapter, module, case, module_methods(module, self._original))
        return self._calls[names, case.id]

    def _result(self, names: frozenset[str]) -> Result:
        if names not in self._results:
            self._results[names] = pipeline.run(
                self.source,
                api.select(self._host, sorted(names)),
                self._target,
                dialects=self._host.dialects(),
                standalone=False,
            )
        return self._results[names]

    def original_place(self, refusal: Refusal, twin: ModuleType) -> Refusal:
        """Return a refusal of a twin at its place in the original; at line 0 where a pass wrote that line."""
        if refusal.file != twin.__file__:
            return refusal
        lines = [line.strip() for line in self.source.text.splitlines()]
        places = [number for number, line in enumerate(lines, 1) if line == refusal.source]
        nearest = min(places, key=lambda number: abs(number - refusal.line), default=0)
        return dataclasses.replace(refusal, file=str(self.path), line=nearest)


@dataclass(frozen=True)
class _Attempt:
    """What came of compiling a class with some passes applied: a refusal, or the methods that compile.

    Attributes:
        refusal: What is in the way; None when nothing is.
        parts: The methods that compile in the place of the forward.
        broken: Whether the passes leave a file that does not run.
    """

    refusal: Refusal | None
    parts: tuple[str, ...] = ()
    broken: bool = False

    @property
    def key(self) -> tuple[str, str] | None:
        """Two attempts of one key stumble over the same thing."""
        return None if self.refusal is None else (self.refusal.source, self.refusal.message)

    def gets_past(self, other: _Attempt) -> bool:
        """Whether this one stumbles over something else, or over nothing."""
        return not self.broken and self.key != other.key


class _Search:
    """The search for what keeps one class from being compiled, and for what mends it."""

    def __init__(
        self, adapter: ModelAdapter, module: ModuleType, twins: _Twins, call: Call, before: Sequence[ClassResult]
    ) -> None:
        self._adapter = adapter
        self._module = module
        self._twins = twins
        self._call = call
        self._before = before
        self._tried: dict[frozenset[str], _Attempt] = {}

    def run(self) -> ClassResult:
        """Compile the class; where that is refused, follow the refusals until nothing mends the next one."""
        path = self._call.path
        place = f"{self._call.case.model}.{path}" if path else self._call.case.model
        first = _Attempt(compile_call(self._adapter, self._module, self._call))
        if first.refusal is None:
            return ClassResult(self._call.owner, place, State.COMPILES)
        blockers, last = self._follow(first)
        final = self._attempt(self._twins.all) if last.refusal is None else last
        state = State.MENDED if final.refusal is None else State.REFUSED
        if final.refusal is not None and last.refusal is None:  # each pass helps, and all of them together do not
            blockers.append(self._blocker(final.refusal, ()))
        around = self._mended_inside() if state is State.REFUSED else ()
        return ClassResult(self._call.owner, place, state, tuple(blockers), final.parts, around)

    def _mended_inside(self) -> tuple[str, ...]:
        inside = set(self._call.inside)
        return tuple(item.name for item in self._before if item.name in inside and item.state is State.MENDED)

    def _follow(self, attempt: _Attempt) -> tuple[list[Blocker], _Attempt]:
        """Return the blockers, and the attempt that nothing moves on any more."""
        blockers: list[Blocker] = []
        applied: frozenset[str] = frozenset()
        while attempt.refusal is not None and len(blockers) < MOST_BLOCKERS:
            mending, following = self._mend(attempt, applied)
            blockers.append(self._blocker(attempt.refusal, mending))
            if not mending:
                break
            applied, attempt = applied | set(mending), following
        return blockers, attempt

    def _mend(self, attempt: _Attempt, applied: frozenset[str]) -> tuple[tuple[str, ...], _Attempt]:
        """Return the passes that move a refusal on, and where to; one pass if one does, else all that are left."""
        assert attempt.refusal is not None
        together = self._attempt(self._twins.all)
        if not together.gets_past(attempt):
            return (), attempt
        candidates = [name for name in self._candidates(attempt.refusal) if name not in applied]
        for name in candidates:
            following = self._attempt(applied | {name})
            if following.gets_past(attempt):
                return (name,), following
        return tuple(candidates), together

    def _candidates(self, refusal: Refusal) -> list[str]:
        """Return the passes that rewrite something in this file, those nearest to the refusal first.

        Nearest is what stands on its line, then what stands in the class, then the rest: a function that it calls.
        """
        first, last = _lines_of(getattr(self._module, self._call.owner))
        known = [name for item in self._earlier(refusal) for name in item.mended_by]

        def distance(site: Site) -> tuple[bool, bool, bool]:
            return site.pass_name not in known, site.line != refusal.line, not first <= site.line <= last

        return list(dict.fromkeys(site.pass_name for site in sorted(self._twins.sites(), key=distance)))

    def _attempt(self, names: frozenset[str]) -> _Attempt:
        if names not in self._tried:
            self._tried[names] = self._compile(names)
        return self._tried[names]

    def _compile(self, names: frozenset[str]) -> _Attempt:
        """Compile the class in a twin: what was taken out of its forward, or else the forward."""
        try:
            calls = self._twins.calls(names, self._adapter, self._call.case)
        except Exception as error:  # a pass broke the file: `verify` is there to say how
            message = f"{type(error).__name__}: {first_line(str(error))}"
            return _Attempt(Refusal("", 0, "", f"the rewritten file does not run: {message}", message), broken=True)
        twin = self._twins.of(names)
        own = [call for call in calls if call.owner == self._call.owner]
        parts = [call for call in own if call.method != self._call.method]
        for call in parts or own:
            refusal = compile_call(self._adapter, twin, call)
            if refusal is not None:
                return _Attempt(self._twins.original_place(refusal, twin))
        return _Attempt(None, tuple(call.method for call in parts))

    def _blocker(self, refusal: Refusal, mended_by: tuple[str, ...]) -> Blocker:
        like = [item.name for item in self._before for other in item.blockers if other.refusal == refusal]
        return Blocker(refusal, mended_by, like[0] if like else "")

    def _earlier(self, refusal: Refusal) -> list[Blocker]:
        return [other for item in self._before for other in item.blockers if other.refusal == refusal]


def _lines_of(item: type) -> tuple[int, int]:
    """Return the first and the last line of a class."""
    lines, first = inspect.getsourcelines(item)
    return first, first + len(lines) - 1
