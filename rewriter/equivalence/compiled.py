"""The compiled methods of a rewritten file: finding them, bypassing them, and seeing whether they ran compiled.

A compiled method is one that the rewriting wrapped: it has a `__wrapped__` that the original's method of that name has
not. That covers our own wrapper and a `@mindspore.jit` written by hand. Our wrapper notes in the module, as
`_graphs.refused`, why a call ran as plain Python; a `mindspore.jit` never does that, it raises. The first call of a
kind runs as plain Python, too, to learn what its graph is to return (`_graphs.learned`, and `paused` meanwhile): where
calls are observed, it is made again at once.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class CompiledMethod:
    """A method that the rewriting wrapped.

    Attributes:
        owner: The class that defines it.
        name: Its name there.
        wrapper: What the class holds.
        plain: What the wrapper was put around.
    """

    owner: type
    name: str
    wrapper: Callable[..., Any]
    plain: Callable[..., Any]

    @property
    def label(self) -> str:
        """`BertEncoder._forward_flat`."""
        return f"{self.owner.__name__}.{self.name}"


@dataclass
class Observed:
    """What became of the calls of compiled methods.

    Attributes:
        calls: Method label → number of calls.
        inside: Method label → how many of them stand for a place in the graph of another method.
        refused: (method label, reason) of the calls that ran as plain Python.
        recorded: Method label → number of calls that ran by a recording (`capture_mode="trace"`).
        agreed: Method label → number of those, with other values than it was recorded with, that were answered right.
    """

    calls: dict[str, int] = field(default_factory=dict)
    inside: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    recorded: dict[str, int] = field(default_factory=dict)
    agreed: dict[str, int] = field(default_factory=dict)

    def add(self, other: Observed) -> None:
        """Take up what was seen elsewhere."""
        for name in ("calls", "inside", "recorded", "agreed"):
            mine: dict[str, int] = getattr(self, name)
            for label, count in getattr(other, name).items():
                mine[label] = mine.get(label, 0) + count
        self.refused.extend(other.refused)


def find(rewritten: ModuleType, original: ModuleType) -> list[CompiledMethod]:
    """Return the methods that are wrapped in `rewritten`, or in what its classes inherit, and are not in `original`."""
    found = []
    for owner, before in _owners(rewritten, original).items():
        for name, value in vars(owner).items():
            if isinstance(value, (staticmethod, classmethod)):
                continue  # they name what they hold by the same attribute
            plain = getattr(value, "__wrapped__", None)
            if plain is None or not callable(value) or _stands_for(owner, name, value, plain):
                continue
            if not hasattr(getattr(before, name, None), "__wrapped__"):
                found.append(CompiledMethod(owner, name, value, plain))
    return found


def _owners(rewritten: ModuleType, original: ModuleType) -> dict[type, type | None]:
    """Return the classes of `rewritten`, and those that they inherit from in the place of others → the original's."""
    found: dict[type, type | None] = {}
    for kind in vars(rewritten).values():
        if not isinstance(kind, type) or kind.__module__ != rewritten.__name__:
            continue
        before: type | None = getattr(original, kind.__name__, None)
        known = {base.__name__: base for base in getattr(before, "__mro__", ())}
        for owner in kind.__mro__:
            if owner is kind:
                found[owner] = before
            elif owner.__module__ != rewritten.__name__ and owner.__name__ in known and owner not in known.values():
                found.setdefault(owner, known[owner.__name__])
    return found


def _stands_for(owner: type, name: str, value: Any, plain: Any) -> bool:
    """Tell whether a class has both as methods of its own: then a graph takes the one for the other, and none wraps."""
    is_written = getattr(getattr(value, "__code__", None), "co_name", None) == name
    return is_written and any(item is plain for item in vars(owner).values())


@contextlib.contextmanager
def bypassed(methods: list[CompiledMethod]) -> Iterator[Observed]:
    """Run the plain methods in the place of the compiled ones meanwhile, and note which are called."""
    seen = Observed()
    with _replaced([(method, _counted(method, seen)) for method in methods]):
        yield seen


def _counted(method: CompiledMethod, seen: Observed) -> Callable[..., Any]:
    @functools.wraps(method.plain)
    def counted(self: Any, *args: Any, **keywords: Any) -> Any:
        seen.calls[method.label] = seen.calls.get(method.label, 0) + 1
        return method.plain(self, *args, **keywords)

    return counted


@contextlib.contextmanager
def observed(methods: list[CompiledMethod]) -> Iterator[Observed]:
    """Note meanwhile which compiled methods run, and why one runs as plain Python."""
    seen = Observed()
    with _replaced([(method, _probe(method, seen)) for method in methods]):
        yield seen


def _probe(method: CompiledMethod, seen: Observed) -> Callable[..., Any]:
    def probe(self: Any, *args: Any, **keywords: Any) -> Any:
        result = method.wrapper(self, *args, **keywords)
        if not _is_inside(method) and getattr(_graphs(method, self), "learned", False):
            result = method.wrapper(self, *args, **keywords)  # this time by its graph
        seen.calls[method.label] = seen.calls.get(method.label, 0) + 1
        if _is_inside(method):
            seen.inside[method.label] = seen.inside.get(method.label, 0) + 1
        elif reason := _refusal(method, self):
            seen.refused.append((method.label, reason))
        elif _is_recorded(method, self):
            seen.recorded[method.label] = seen.recorded.get(method.label, 0) + 1
        return result

    # Inside another graph the compiler looks through this wrapper as it does through the one it stands for.
    probe.__wrapped__ = method.plain  # type: ignore[attr-defined]
    return probe


def _is_inside(method: CompiledMethod) -> bool:
    """Tell whether another method runs as plain Python now, to show what its graph is to return."""
    kept = getattr(method.wrapper, "__globals__", {})
    return any(isinstance(item, type) and getattr(item, "paused", False) is True for item in kept.values())


def _graphs(method: CompiledMethod, module: Any) -> Any:
    """Return what our wrapper keeps in a module for a method; None where there is nothing of the kind."""
    return vars(module).get(getattr(method.wrapper, "kept", "_graphs"))


def _refusal(method: CompiledMethod, module: Any) -> str:
    """Return why the last call of a module's compiled method ran as plain Python; empty when it ran compiled."""
    return str(getattr(_graphs(method, module), "refused", ""))


def _is_recorded(method: CompiledMethod, module: Any) -> bool:
    """Tell whether the last call of a module's compiled method ran by a recording."""
    graphs = _graphs(method, module)
    return bool(graphs) and getattr(getattr(graphs[-1], "graph", None), "by_trace", False) is True


@contextlib.contextmanager
def _replaced(functions: list[tuple[CompiledMethod, Callable[..., Any]]]) -> Iterator[None]:
    try:
        for method, function in functions:
            setattr(method.owner, method.name, function)
        yield
    finally:
        for method, _ in functions:
            setattr(method.owner, method.name, method.wrapper)
