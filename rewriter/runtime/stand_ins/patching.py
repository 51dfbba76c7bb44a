"""Putting the stand-ins in the place of what lacks a kernel, and everything back as it was.

A function is replaced in every module that holds it, under whatever name: files say `from mindspore.mint import arange`
as well as `mint.arange`, and so do MindSpore's own layers. At the end what was imported meanwhile is put back with the
rest.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from .kernels import lacks_kernel, settle
from .types import StandIn

_MODULES = (
    "creation",
    "drawing",
    "reducing",
    "arranging",
    "products",
    "pointwise",
    "normalizing",
    "images",
    "layers",
    "methods",
)

_lock = threading.RLock()
_depth = 0
_undo = contextlib.ExitStack()


@contextlib.contextmanager
def standing_in() -> Iterator[tuple[str, ...]]:
    """Put the stand-ins in place meanwhile, and give the names of what they stand in for.

    It may be entered again, by the same or by another thread; the last one out restores everything.
    """
    names = put_in_place()
    try:
        yield names
    finally:
        _take_away()


def put_in_place() -> tuple[str, ...]:
    """Put the stand-ins in place for the rest of the process, and return the names of what they stand in for."""
    global _depth
    with _lock:
        names = missing()
        if _depth == 0:
            _put(names)
        _depth += 1
    return names


def _take_away() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            _undo.close()


def in_place() -> bool:
    """Tell whether this is inside of a `standing_in`."""
    return _depth > 0


@cache
def all_stand_ins() -> dict[str, StandIn]:
    """Return qualified name → stand-in, for all that there are; whether they are needed here is another question."""
    found: dict[str, StandIn] = {}
    for name in _MODULES:
        found |= importlib.import_module(f"{__package__}.{name}").STAND_INS
    return found


@cache
def missing() -> tuple[str, ...]:
    """Return the qualified names of what has no kernel here: each was called once in this process.

    What the calls draw at random is drawn again: they leave no trace.
    """
    import mindspore

    ours, numbers = mindspore.get_rng_state(), np.random.get_state()
    settle()
    try:
        return tuple(
            name for name, entry in all_stand_ins().items() if _find(name) is not None and lacks_kernel(entry.probe)
        )
    finally:
        settle()
        mindspore.set_rng_state(ours)
        np.random.set_state(numbers)


def _find(name: str) -> tuple[Any, str, Any] | None:
    """Return the module or class that holds a name, the name in it, and what it is.

    It is None for a method that this MindSpore's class lacks; all is None for a function that it lacks.
    """
    owner: Any = importlib.import_module("mindspore")
    path = name.split(".")[1:]
    for part in path[:-1]:
        owner = getattr(owner, part, None)
    native = getattr(owner, path[-1], None)
    return None if native is None and not isinstance(owner, type) else (owner, path[-1], native)


def _put(names: tuple[str, ...]) -> None:
    functions: list[tuple[Any, Callable[..., Any]]] = []
    for name in names:
        found = _find(name)
        assert found is not None
        owner, attribute, native = found
        function = all_stand_ins()[name].function
        if isinstance(owner, type):
            _set(owner, attribute, function)
        else:
            functions.append((native, function))
    _undo.callback(_exchange, [(function, native) for native, function in functions])
    _exchange(functions)


def _set(owner: type, attribute: str, function: Callable[..., Any]) -> None:
    """Set a method of a class; a method that it has from another class it shall have from there again."""
    _undo.callback(_restore, owner, attribute, vars(owner).get(attribute), function)
    setattr(owner, attribute, function)


def _restore(owner: type, attribute: str, native: Any, function: Callable[..., Any]) -> None:
    if vars(owner).get(attribute) is not function:
        return  # somebody else set it meanwhile, say a library that was imported
    if native is None:
        delattr(owner, attribute)
    else:
        setattr(owner, attribute, native)


def _exchange(pairs: list[tuple[Any, Any]]) -> None:
    """Put the second of each pair wherever a module holds the first."""
    by_identity = {id(old): new for old, new in pairs}
    own = f"{__package__}."
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or name.startswith(own):
            continue
        held = vars(module)
        for attribute in [attribute for attribute, value in list(held.items()) if id(value) in by_identity]:
            held[attribute] = by_identity[id(held[attribute])]
