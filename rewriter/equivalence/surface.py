"""What callers can see of a file without running a model: its names, its classes and their signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .adapters import FORWARD_NAMES


def compare_surfaces(original: ModuleType, rewritten: ModuleType) -> list[str]:
    """Return the differences that a caller can notice, as sentences.

    Compared are `__all__`, the public functions and classes that the file defines, the names of each class's bases, the
    signatures of functions and methods (annotations included), and class attributes that are plain values. What is
    added under a private name is nobody's business.
    """
    return list(_differences(original, rewritten))


def _differences(original: ModuleType, rewritten: ModuleType) -> Iterator[str]:
    exported, now = getattr(original, "__all__", None), getattr(rewritten, "__all__", None)
    if exported != now:
        yield f"__all__ {exported} became {now}"
    for name, value in vars(original).items():
        if getattr(value, "__module__", None) != original.__name__:
            continue
        if not isinstance(value, type) and (name.startswith("_") or not inspect.isfunction(value)):
            continue
        other = getattr(rewritten, name, None)
        if other is None:
            yield f"{name} is gone"
        elif isinstance(value, type) != isinstance(other, type):
            yield f"{name} is no longer a {type(value).__name__}"
        elif isinstance(value, type):
            yield from _compare_classes(value, other)
        else:
            yield from _compare_signatures(name, value, other)


def _compare_classes(one: type, other: type) -> Iterator[str]:
    bases, others = _names(one.__mro__), _names(other.__mro__)
    if bases != others:
        yield f"{one.__name__}: bases {bases[1:]} became {others[1:]}"
    for name, value in vars(one).items():
        private = name.startswith("_") and name != "__init__" and name not in FORWARD_NAMES
        if name not in vars(other):
            if not private:
                yield f"{one.__name__}.{name} is gone"
        elif inspect.isfunction(value):
            if not private:
                yield from _compare_signatures(f"{one.__name__}.{name}", value, vars(other)[name])
        elif _is_plain(value) and not name.startswith("__") and vars(other)[name] != value:
            yield f"{one.__name__}.{name}: {value!r} became {vars(other)[name]!r}"


def _compare_signatures(name: str, one: Callable[..., Any], other: Any) -> Iterator[str]:
    if not callable(other):
        yield f"{name} can no longer be called"
        return
    before, after = _signature(one), _signature(other)
    if before != after:
        yield f"{name}{before} became {name}{after}"


def _signature(function: Callable[..., Any]) -> str:
    """Return a signature as text, in which the names of modules do not show: a twin lives in another one."""
    signature = inspect.signature(function)
    home = getattr(function, "__module__", "") + "."
    return str(signature).replace(home, "")


def _names(bases: tuple[type, ...]) -> list[str]:
    return [base.__name__ for base in bases]


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))
