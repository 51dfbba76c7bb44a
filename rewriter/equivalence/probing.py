"""Seeing how a model calls the modules inside it, and compiling one such call alone, under STRICT."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ..runtime.stand_ins.kernels import missing_kernel
from ..runtime.stand_ins.patching import standing_in
from . import compiled, refusals, weights
from .adapters import FORWARD_NAMES, ModelAdapter
from .cases import CALL, Case
from .refusals import Refusal
from .subject import forget_errors, outcome_of, tensors_of

_GRAPH_CLASS = "__ms_class__"


@dataclass(frozen=True)
class Call:
    """One call of a module's method, as a small model made it.

    Attributes:
        owner: Name of the class that defines the method.
        method: Name of the method.
        case: The model and the call of it.
        path: Where in the model the module is: `encoder.layer.0`; empty for the model itself.
        arguments: The positional arguments.
        keywords: Those that can only be given by name.
        inside: Names of the watched classes that the call calls in its turn.
    """

    owner: str
    method: str
    case: Case
    path: str
    arguments: tuple[Any, ...] = field(repr=False)
    keywords: Mapping[str, Any] = field(repr=False)
    inside: tuple[str, ...] = ()


def first_call(adapter: ModelAdapter, model_class: type) -> Case | None:
    """Return the plainest call that an adapter knows for a model; None when it knows none."""
    for case in adapter.cases(model_class, "quick", 0):
        if case.scenario == CALL and not (case.raises or case.dtype or case.method):
            return case
    return None


def module_methods(module: ModuleType, original: ModuleType | None = None) -> dict[str, list[str]]:
    """Return the classes of a file that have a forward → names of the methods to watch.

    Args:
        module: The file.
        original: The file that it was rewritten from. A method that a class did not have there is watched too: it is
            the part of the forward that is meant to be compiled.
    """
    found = {}
    for item in vars(module).values():
        if not isinstance(item, type) or item.__module__ != module.__name__:
            continue
        forward = next((name for name in FORWARD_NAMES if inspect.isfunction(vars(item).get(name))), "")
        if forward and _modules_of(item):
            before = vars(getattr(original, item.__name__, item))
            added = [name for name, value in vars(item).items() if inspect.isfunction(value) and name not in before]
            found[item.__name__] = [forward, *added]
    return found


def record(adapter: ModelAdapter, module: ModuleType, case: Case, methods: Mapping[str, list[str]]) -> list[Call]:
    """Run a model once, in eager mode, and return the first call of each watched method, in the order they ended.

    So what calls nothing comes first.

    Raises:
        Exception: Whatever building or running the model raises.
    """
    model = _build(adapter, module, case)
    paths = {id(part): path for path, part in reversed(dict(weights.modules(model)).items())}
    calls: dict[tuple[str, str], Call] = {}
    with _watched(module, methods, lambda call: calls.setdefault((call.owner, call.method), call), case, paths):
        outcome = outcome_of(model, lambda: model(**tensors_of(case), **case.flags))
        if missing_kernel(outcome.error):
            calls.clear()
            with standing_in():
                outcome = outcome_of(model, lambda: model(**tensors_of(case), **case.flags))
    if outcome.error is not None:
        raise outcome.error
    return list(calls.values())


def bypass_wrappers(rewritten: ModuleType, original: ModuleType) -> None:
    """Put the plain methods of a rewritten file in the place of its compiled ones, for good."""
    for method in compiled.find(rewritten, original):
        setattr(method.owner, method.name, method.plain)


def compile_call(adapter: ModelAdapter, module: ModuleType, call: Call) -> Refusal | None:
    """Compile one call under STRICT, on a model of its own; return why that is refused, or None."""
    import mindspore

    target = dict(weights.modules(_build(adapter, module, call.case)))[call.path]
    method = inspect.unwrap(vars(getattr(module, call.owner))[call.method])
    # A module that is called has its attributes read before branches are followed; `self` as an argument has not. A
    # forward is called as a module by those around it, a method that a pass took out of it as our wrapper does.
    as_module = call.method in FORWARD_NAMES and type(target).__name__ == call.owner
    for _, part in weights.modules(target):
        if not hasattr(part, "construct"):
            vars(part)[_GRAPH_CLASS] = True  # lets the compiler enter a mindnlp module
    keywords = call.keywords

    def of_method(*arguments: Any) -> Any:
        return method(target, *arguments)

    def of_method_with_keywords(*arguments: Any) -> Any:
        return method(target, *arguments, **keywords)

    def of_module(*arguments: Any) -> Any:
        return target(*arguments)

    def of_module_with_keywords(*arguments: Any) -> Any:
        return target(*arguments, **keywords)

    graphs = {
        (False, False): of_method,
        (False, True): of_method_with_keywords,
        (True, False): of_module,
        (True, True): of_module_with_keywords,
    }
    function = mindspore.jit(graphs[as_module, bool(keywords)], fullgraph=True)
    with _watched_parser() as parsed:
        try:
            function(*(_variable(value) for value in call.arguments))
        except Exception as error:
            forget_errors()
            return refusals.read(error, parsed, _frameworks())
        finally:
            target = None  # MindSpore keeps the function for ever; it need not keep the model
    return None


def _build(adapter: ModelAdapter, module: ModuleType, case: Case) -> Any:
    model = adapter.build(module, case.model, case.settings)
    weights.set_training(model, False)
    return model


def _modules_of(item: type) -> bool:
    return hasattr(item, "cells_and_names") or hasattr(item, "named_modules")


@contextlib.contextmanager
def _watched(
    module: ModuleType,
    methods: Mapping[str, list[str]],
    tell: Callable[[Call], Any],
    case: Case,
    paths: Mapping[int, str],
) -> Iterator[None]:
    """Tell of every call of these methods meanwhile, when it has ended well."""
    replaced, ended = [], list[str]()
    try:
        for owner, names in methods.items():
            for name in names:
                holder = getattr(module, owner)
                replaced.append((holder, name, vars(holder)[name]))
                setattr(holder, name, _telling(vars(holder)[name], owner, name, tell, case, paths, ended))
        yield
    finally:
        for holder, name, function in replaced:
            setattr(holder, name, function)


def _telling(
    function: Callable[..., Any],
    owner: str,
    name: str,
    tell: Callable[[Call], Any],
    case: Case,
    paths: Mapping[int, str],
    ended: list[str],
) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def telling(self: Any, *arguments: Any, **keywords: Any) -> Any:
        bound = signature.bind(self, *arguments, **keywords)
        bound.apply_defaults()
        given = tuple(_copied(value) for value in bound.args[1:]), {n: _copied(v) for n, v in bound.kwargs.items()}
        before = len(ended)
        result = function(self, *arguments, **keywords)
        inside = tuple(dict.fromkeys(ended[before:]))
        ended.append(owner)
        if id(self) in paths:
            tell(Call(owner, name, case, paths[id(self)], *given, inside))
        return result

    return telling


def _copied(value: Any) -> Any:
    """Return the tensors in an argument as they are now: the call may write into them."""
    if hasattr(value, "asnumpy"):
        import mindspore

        return mindspore.Tensor(value.asnumpy())
    if type(value) in (tuple, list):
        return type(value)(_copied(item) for item in value)
    return value


def _variable(value: Any) -> Any:
    """Return an argument such that tensors inside a tuple are no constants of the graph."""
    import mindspore

    if isinstance(value, (tuple, list)):
        with contextlib.suppress(Exception):  # a None inside
            return mindspore.mutable(value)
    return value


@contextlib.contextmanager
def _watched_parser() -> Iterator[list[Any]]:
    """Note which functions the compiler parses: its messages about syntax do not say where that stands."""
    parsed: list[Any] = []
    home = sys.modules.get("mindspore.graph._parse")
    parse = getattr(home, "parse_cb", None)
    if home is None or parse is None:  # another MindSpore: places are less exact
        yield parsed
        return

    def noting(function: Any, *arguments: Any, **keywords: Any) -> Any:
        parsed.append(inspect.unwrap(getattr(function, "__func__", function)))
        return parse(function, *arguments, **keywords)

    setattr(home, "parse_cb", noting)  # noqa: B010  a module has no such attribute for the type checker
    try:
        yield parsed
    finally:
        setattr(home, "parse_cb", parse)  # noqa: B010


@functools.cache
def _frameworks() -> tuple[str, ...]:
    """Return the folders whose lines are never the cause: MindSpore, mindnlp's core, and this file."""
    import mindspore

    core = sys.modules.get("mindnlp.core")
    homes = [Path(str(item.__file__)).parent for item in (mindspore, core) if item is not None]
    return (*(f"{home}/" for home in homes), __file__)
