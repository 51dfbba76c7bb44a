"""What MindSpore makes of a model that nobody has rewritten: one STRICT graph, or a recording."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping
from typing import Any

from ..equivalence.adapters import forward_parameters
from ..equivalence.cases import Case
from ..equivalence.other_values import variants
from ..equivalence.policy import Policy
from ..equivalence.statistics import Status, compare
from ..equivalence.subject import attempt, forget_errors, tensors_of
from .row import DIFFERENT, EQUIVALENT, ERROR, IDENTICAL, REFUSED, TOLERANCE

_WORDS: Mapping[Status, str] = {
    Status.IDENTICAL: IDENTICAL,
    Status.EQUIVALENT: EQUIVALENT,
    Status.DIFFERENT: DIFFERENT,
    Status.UNVERIFIED: ERROR,
}


def as_one_graph(model: Any, case: Case, capture: str) -> str:
    """Return how a model answers a call, and the same with other values, when it is compiled as it is.

    Args:
        model: A model that returns tuples, by its configuration.
        case: The call; its flags are left out.
        capture: "ast" for STRICT, or "trace".
    """
    import mindspore

    options = {"fullgraph": True} if capture == "ast" else {"capture_mode": "trace"}
    if capture == "ast" and callable(getattr(model, "jit", None)):
        model.jit()  # mindnlp: lets the graph compiler enter its modules

    def forward(*values: Any) -> Any:
        return model(*values)

    compiled = mindspore.jit(forward, **options)
    give_lines_to_all_callers()
    worst = IDENTICAL
    for number, call in enumerate((case, *variants(case))):
        values = _positional(model, call)
        expected = attempt(_calling(model, values))
        if expected.error is not None:
            if number == 0:
                return ERROR
            continue
        found = attempt(_calling(compiled, values))
        if found.error is not None:
            forget_errors()
            return REFUSED if number == 0 else DIFFERENT
        statuses = {item.status for item in compare(expected.value, found.value, Policy(TOLERANCE))}
        worst = max((worst, *map(_WORDS.__getitem__, statuses)), key=_ORDER.index)
    return worst


_ORDER = (IDENTICAL, EQUIVALENT, ERROR, DIFFERENT)


def give_lines_to_all_callers() -> None:
    """Give every file on the stack the lines that it lacks: a recording asks for them, and `python -m` has none."""
    frame = inspect.currentframe()
    while frame is not None:
        name, line, frame = frame.f_code.co_filename, frame.f_code.co_firstlineno, frame.f_back
        if len(linecache.getlines(name)) < line:
            linecache.cache[name] = (1, None, ["\n"] * line, name)


def _calling(function: Callable[..., Any], values: tuple[Any, ...]) -> Callable[[], Any]:
    return lambda: function(*values)


def _positional(model: Any, case: Case) -> tuple[Any, ...]:
    """Return the tensors of a call by position, with None where there is none between them."""
    tensors = tensors_of(case)
    names = list(forward_parameters(type(model)))
    last = max(names.index(name) for name in tensors)
    return tuple(tensors.get(name) for name in names[: last + 1])
