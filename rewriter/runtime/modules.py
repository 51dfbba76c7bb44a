"""The modules of a model, whatever its dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def modules_of(model: Any) -> Iterator[Any]:
    """Yield a model and all modules below it, each once; where a dialect keeps them: mindnlp, MindSpore."""
    todo, seen = [model], {id(model)}
    while todo:
        module = todo.pop()
        yield module
        fresh = [child for child in children_of(module) if id(child) not in seen]
        seen.update(map(id, fresh))
        todo.extend(fresh)


def children_of(module: Any) -> list[Any]:
    """Return the modules that stand right below one."""
    registries = [vars(module).get(name) or {} for name in ("_modules", "_cells")]
    return [child for registry in registries for child in registry.values() if child is not None]
