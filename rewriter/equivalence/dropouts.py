"""The dropouts of a model, one by one: each can be switched off and on by itself.

A place is an attribute that holds a probability: `p` of a dropout layer, or a number called `…dropout…` that a forward
method hands to a function.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from . import weights

Place = tuple[str, str]
"""Path of the module, attribute."""
NO_DROPOUT: Place = ("", "")
"""The place that no model has: `only` switches off all."""


def places(model: Any) -> list[Place]:
    """Return the dropouts of a model whose probability is above 0, in the order of its modules."""
    found = []
    for path, module in weights.modules(model):
        for name, value in list(vars(module).items()):
            is_layer = name == "p" and "dropout" in type(module).__name__.lower()
            if (is_layer or "dropout" in name.lower()) and isinstance(value, float) and value > 0:
                found.append((path, name))
    return found


@contextlib.contextmanager
def only(model: Any, place: Place) -> Iterator[None]:
    """Switch off all dropouts of a model but one meanwhile."""
    modules = dict(weights.modules(model))
    before = {other: getattr(modules[other[0]], other[1]) for other in places(model)}
    try:
        for path, name in before:
            if (path, name) != place:
                setattr(modules[path], name, 0.0)
        yield
    finally:
        for (path, name), value in before.items():
            setattr(modules[path], name, value)
