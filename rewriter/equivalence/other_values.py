"""Calls of the same shapes with other values, for graphs that were recorded: those may hold what depends on a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .cases import Array, Case, random_for

Change = Callable[[str, Array, np.random.Generator], Array]
"""Returns other values for an argument: (name, array, random numbers)."""


def variants(case: Case) -> Iterator[Case]:
    """Yield the case with other values in all its tensors, of the same shapes and types: one for each of `CHANGES`."""
    for name, change in CHANGES.items():
        random = random_for(f"{case.id} {name}", 0)
        yield replace(case, inputs={key: _changed(key, value, change, random) for key, value in case.inputs.items()})


def _changed(name: str, value: Any, change: Change, random: np.random.Generator) -> Any:
    if isinstance(value, tuple):
        return tuple(_changed(name, item, change, random) for item in value)
    if not isinstance(value, np.ndarray) or not value.size:
        return value
    return np.ascontiguousarray(change(name, value, random)).astype(value.dtype)


def _turned(name: str, value: Array, random: np.random.Generator) -> Array:
    """Return the last row first, and every row backwards: what was padded on one side is padded on the other."""
    return np.flip(value, tuple({0, value.ndim - 1})) if value.ndim else value


def _others(name: str, value: Array, random: np.random.Generator) -> Array:
    """Return numbers of the other sign, other ids of the same range, holes in a full mask, a full one for others."""
    if _is_mask(name, value):
        holed = value.copy()
        holed[..., 1::2] = 0
        return holed if value.all() else np.ones_like(value)
    if np.issubdtype(value.dtype, np.floating):
        return -value
    return random.integers(value.min(), value.max() + 1, value.shape)


def _alike(name: str, value: Array, random: np.random.Generator) -> Array:
    """Return zeros, the same id everywhere, and full masks."""
    if _is_mask(name, value):
        return np.ones_like(value)
    return np.zeros_like(value) if np.issubdtype(value.dtype, np.floating) else np.full_like(value, value.min())


def _is_mask(name: str, value: Array) -> bool:
    return "mask" in name and bool(np.isin(value, (0, 1)).all())


CHANGES: Mapping[str, Change] = {"turned": _turned, "others": _others, "alike": _alike}
"""Name → what is done to every tensor."""
