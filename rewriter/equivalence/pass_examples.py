"""Running the examples of a graph pass: before and after must compute the same, compiled too.

A graph pass is there for what the compiler makes of a file, which no comparison of texts shows.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import RewriterError
from ..examples import Finding, apply
from ..passes import Example, Pass, Safety
from ..runtime import loader
from .adapters import ModelAdapter, forward_of, forward_parameters
from .cases import Case, random_for
from .statistics import Status
from .verdict import Verdict
from .verify import verify

_WHAT = "it computes the same"
SHAPE = (2, 8)
"""Of an argument whose shape the example does not say."""


class ExampleAdapter(ModelAdapter):
    """How to check the classes of an example: made without arguments, called with random float32 tensors.

    Args:
        shapes: Argument → shape; `SHAPE` for the others that a forward must have.
    """

    name = "example"

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes

    def matches(self, module: ModuleType) -> bool:
        """Whether the file has a class that can be made."""
        return bool(self.models(module))

    def models(self, module: ModuleType) -> list[str]:
        """Return the classes that have a forward and are made without arguments."""
        own = [item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__]
        return [item.__name__ for item in own if forward_of(item) is not None and _is_made_of_nothing(item)]

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make one."""
        return getattr(module, model)()

    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        """Return one call."""
        case_id = f"{model_class.__name__}/example"
        random = random_for(case_id, seed)
        inputs = {
            name: random.standard_normal(self._shapes.get(name, SHAPE)).astype("float32")
            for name, parameter in forward_parameters(model_class).items()
            if name in self._shapes or _is_needed(parameter)
        }
        yield Case(case_id, model_class.__name__, inputs)


def compare(item: Pass, example: Example, others: Sequence[Pass] = ()) -> Finding:
    """Run an example before and after a pass, and after the whole pipeline with it, where its graphs are compiled.

    Args:
        item: The pass.
        example: An example with an `after`.
        others: The passes that run beside it.

    Returns:
        What is wrong, unless all answers are what the safety of the pass allows. With a note where nothing was run:
        no class of the example is made without arguments.
    """
    alone = apply([item], example, example.before).text
    together = apply([item, *(other for other in others if other.name != item.name)], example, example.before).text
    with tempfile.TemporaryDirectory(prefix="rewriter-") as name:
        folder = Path(name).resolve()
        texts = {"before": example.before, "after": alone, "compiled": together}
        places = {key: folder / f"example_{key}.py" for key in texts}
        for key, text in texts.items():
            places[key].write_text(text, encoding="utf-8")
        try:
            adapters = (ExampleAdapter(example.inputs),)
            if not adapters[0].matches(loader.load(places["before"])):
                return Finding(_WHAT, note="not run: no class of it is made without arguments")
            verdict = verify(places["before"], places["after"], adapters=adapters)
            problem = _problem(verdict, "by itself") or _not_exact(item, verdict)
            whole = verify(places["before"], places["compiled"], adapters=adapters)
            return Finding(_WHAT, problem or _problem(whole, "with all passes"))
        except RewriterError as error:
            return Finding(_WHAT, f"the example cannot be run: {error.message}")


def _problem(verdict: Verdict, when: str) -> str:
    if verdict.ok:
        return ""
    told = [f"{model}: {reason}" for model, reason in verdict.unchecked.items()] + list(verdict.surface)
    for case in (*verdict.failing, *(case for case in verdict.cases if case.unverified)):
        told += [case.unverified] * bool(case.unverified)
        told += [f"{case.id}: {item.path}: {item.message}" for mode in case.modes for item in mode.differences]
    told += [f"{method.method} ran uncompiled: {method.refused}" for method in verdict.methods if method.uncompiled]
    return f"{when}, the answers are {verdict.status.value}: " + "; ".join(dict.fromkeys(filter(None, told)))


def _not_exact(item: Pass, verdict: Verdict) -> str:
    if item.safety is not Safety.EXACT or verdict.status is Status.IDENTICAL:
        return ""
    return f"its safety is exact, and the answers are {verdict.status.value}, not identical"


def _is_made_of_nothing(item: type) -> bool:
    parameters = list(inspect.signature(item.__init__).parameters.values())[1:]  # type: ignore[misc]
    return not any(_is_needed(parameter) for parameter in parameters)


def _is_needed(parameter: inspect.Parameter) -> bool:
    named = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return parameter.default is parameter.empty and parameter.kind in named
