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
        for registry in ("_modules", "_cells"):
            children = (vars(module).get(registry) or {}).values()
            fresh = [child for child in children if child is not None and id(child) not in seen]
            seen.update(map(id, fresh))
            todo.extend(fresh)
