"""One file of a survey, in a process of its own: what a compiler does to it may take the process down.

`python -m rewriter.survey.examine FILE TARGET yes|no OUT` writes the rows to OUT, as JSON, after each model anew.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import api, files
from ..equivalence.adapters import ModelAdapter, forward_of, forward_parameters, model_classes
from ..equivalence.any_model import AnyModel, why_unknown
from ..equivalence.cases import Case
from ..equivalence.compiled import Observed
from ..equivalence.run import Run, waiting_for_every_operator
from ..equivalence.statistics import Status
from ..equivalence.verdict import JIT, TRACE, CaseResult
from ..pipeline import Result
from ..runtime import loader
from ..summary import blocks_of, told
from .other_files import OtherFiles
from .row import CALLS, DIFFERENT, EQUIVALENT, ERROR, IDENTICAL, NO_KERNEL, REFUSED, TOLERANCE, Row
from .unmodified import as_one_graph

MODELS = 3
"""So many model classes of a file: its base models come first, and heads share what they compile."""


class _Some(AnyModel):
    """The few models that are looked at.

    Args:
        place: The rewritten file.
        others: Rewrites those parts of its models that come from other modeling files.
    """

    def __init__(self, place: Path | None = None, others: OtherFiles | None = None) -> None:
        self._place, self._others = place, others

    def models(self, module: ModuleType) -> list[str]:
        return chosen(module)

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make a small model."""
        made = super().build(module, model, settings)
        if self._others is not None and Path(str(module.__file__)) == self._place:
            self._others.move(made)
        return made


def chosen(module: ModuleType) -> list[str]:
    """Return the classes of a file to look at: its base models, or without one the first that has cases."""
    names = [item.__name__ for item in model_classes(module) if "PreTrained" not in item.__name__]
    known = [name for name in names if not why_unknown(getattr(module, name))]
    bases = [name for name in known if name.endswith(("Model", "Encoder", "Decoder"))]
    bases.sort(key=lambda name: not name.endswith("Model"))
    return bases[:MODELS] or known[:1]


def _forget(rows: Sequence[Row]) -> None:
    """Keep no rows."""


def examine(path: str, *, target: str = "portable", keep: Callable[[Sequence[Row]], None] = _forget) -> list[Row]:
    """Rewrite a file, and compile and compare its models.

    Args:
        path: A path or a dotted module; it is executed.
        target: What it is rewritten for.
        keep: Is given the rows so far after each model: the next one may take too long.

    Raises:
        RewriterError: The file cannot be read or loaded, or is no modeling file.
    """
    module = loader.load(path)
    source = Path(str(module.__file__))
    family, lines = source.parent.name, source.read_bytes().count(b"\n")
    names = chosen(module)
    if not names:
        classes = [item for item in model_classes(module) if "PreTrained" not in item.__name__]
        why = why_unknown(classes[0]) if classes else "no model class in it"
        return [Row(family, classes[0].__name__ if classes else "", lines, why=(why,))]
    with tempfile.TemporaryDirectory(prefix="rewriter-survey-") as folder:
        result = api.rewrite(source, target=target)
        rows: list[Row] = []
        for row in _rows(source, _written(result, folder, ""), result, names):
            rows.append(row)
            keep(rows)
        if not all(row.compiles("whole") for row in rows):
            rows = list(_with_recordings(rows, source, folder, target))
    return rows


def _written(result: Result, folder: str, suffix: str) -> Path:
    place = Path(folder) / f"{Path(result.source.name).stem}{suffix}.py"
    place.write_bytes(result.data)
    return place


def _rows(source: Path, place: Path, result: Result, names: Sequence[str]) -> Iterable[Row]:
    """Compare the models of a file with those of its rewriting."""
    left = blocks_of(result)
    partly = frozenset(site.what.partition(".")[0] for site in left)
    blocks = [told(source.name, site) for site in left]
    family, lines = source.parent.name, result.source.data.count(b"\n")
    others = OtherFiles(place.parent, result.target.device.value)
    others.inherit(loader.load(place, twin_of=loader.load(source)))
    run = Run(source, place, tolerance=TOLERANCE, adapters=(_Some(place, others),))
    for name in names:
        began = time.perf_counter()
        encoder, whole, why, worst, lacking = {}, {}, [], 0.0, ""
        for call, case in _calls(run, name):
            run.observed = seen = Observed()
            checked = run.check(case)
            worst = max(worst, _worst(checked))
            lacking = lacking or run.lacking
            encoder[call], whole[call] = _states(checked, seen, getattr(run.modules[1], name), partly)
            why += [reason for reason in _reasons(checked, seen) if reason not in why]
            if encoder[call] == DIFFERENT:
                why.append(f"({call}) rounding alone moves the original's own answer by {run.own_error(case):.1e}")
        row = Row(family, name, lines, encoder, whole, worst=worst, lacking=lacking)
        row = replace(row, seconds=time.perf_counter() - began)
        left_why = [*why, *blocks] or _why_apart(getattr(run.modules[0], name))
        yield replace(row, why=tuple(why if row.compiles("whole") else left_why))


def _why_apart(model_class: type) -> list[str]:
    """Return why a model of which nothing is refused is no whole graph."""
    if "return_dict" in forward_parameters(model_class):
        return []
    return ["its forward takes no return_dict, by which `whole-graph` knows what packs the outputs"]


def _calls(run: Run, name: str) -> list[tuple[str, Case]]:
    """Return the cases of a model, by what they ask for; a model without a mask has fewer."""
    found = {}
    for case in (case for case in run.cases if case.model == name):
        if case.flags.get("return_dict"):
            call = "packed"
        elif len(case.flags) > 1:
            call = "all"
        else:
            call = "mask" if "attention_mask" in case.inputs else "tuple"
        found[call] = case
    return [(call, found[call]) for call in CALLS if call in found]


def _states(result: CaseResult, seen: Observed, model: type, partly: frozenset[str]) -> tuple[str, str]:
    """Return how the compiled layers, and the whole model, answered a call.

    Args:
        result: What came of the call.
        seen: What became of the compiled methods.
        model: The class.
        partly: The classes that compute a part outside of their graph.
    """
    answered = _state(result)
    if answered in (DIFFERENT, ERROR, NO_KERNEL):
        return answered, answered
    refused = {label for label, _ in seen.refused}
    ran = {label for label, count in seen.calls.items() if count > seen.inside.get(label, 0)}
    own = {owner.__name__ for owner in model.__mro__}
    of_model = {label for label in ran if label.partition(".")[0] in own}
    layers = ran - of_model
    models = layers if hands_on(model) else of_model
    is_whole = bool(models) and not models & refused and not partly & {label.partition(".")[0] for label in models}
    compiled = is_whole or (bool(ran) and not ran & refused) or (bool(layers) and not layers & refused)
    return (answered if compiled else REFUSED), (answered if is_whole else REFUSED)


def hands_on(model_class: type) -> bool:
    """Tell whether a model's forward only settles `return_dict` and returns what one of its modules answers."""
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(forward_of(model_class) or model_class)))
        (function,) = ast.parse(source).body
    except (OSError, ValueError, SyntaxError):
        return False
    body = function.body if isinstance(function, ast.FunctionDef) else []
    *before, last = body or [ast.Pass()]
    settles = all(isinstance(item, ast.Expr) or "return_dict" in ast.unparse(item).partition("=")[0] for item in before)
    value = last.value if isinstance(last, ast.Return) else None
    called = ast.unparse(value.func).partition("self.")[2] if isinstance(value, ast.Call) else ""
    return settles and bool(called) and not hasattr(model_class, called)  # not a method of its own


def _state(result: CaseResult) -> str:
    modes = [mode for mode in result.modes if mode.mode in (JIT, TRACE)]
    statuses = {item.status for mode in result.modes for item in mode.differences}
    if result.unverified or result.vacuous or Status.UNVERIFIED in statuses:
        return ERROR
    if Status.DIFFERENT in statuses:
        return DIFFERENT
    if result.lacking:
        return NO_KERNEL
    if not modes:
        return REFUSED
    return IDENTICAL if statuses <= {Status.IDENTICAL} else EQUIVALENT


def _worst(result: CaseResult) -> float:
    return max((item.absolute.maximum for mode in result.modes for item in mode.differences), default=0.0)


def _reasons(result: CaseResult, seen: Observed) -> list[str]:
    found = [text for text in (result.unverified, result.note if result.vacuous else "") if text]
    found += [f"the rewritten file cannot run here: no kernel for {result.lacking}"] if result.lacking else []
    found += [f"{label}: {reason}" for label, reason in seen.refused]
    found += [
        f"{mode.mode}: {item.path}: {item.message}"
        for mode in result.modes
        for item in mode.differences
        if item.status is Status.DIFFERENT
    ]
    return found


def _with_recordings(rows: Sequence[Row], source: Path, folder: str, target: str) -> Iterable[Row]:
    """Try again, with recordings where STRICT refuses, what is no whole graph."""
    from .. import pipeline, plugins
    from .. import source as sources
    from ..targets import Target

    host = plugins.load()
    goal = Target.parse(target, None, capture="auto")
    result = pipeline.run(sources.read(source), api.select(host), goal, dialects=host.dialects())
    place = _written(result, folder, "_auto")
    again = {row.model: row for row in _rows(source, place, result, [row.model for row in rows])}
    for row in rows:
        yield row if row.compiles("whole") else replace(row, auto=again[row.model].whole)


def with_unmodified(row: Row, module: ModuleType) -> Row:
    """Return a row with what MindSpore makes of the model as it is."""
    adapter: ModelAdapter = _Some()
    model_class = getattr(module, row.model)
    found: Mapping[str, str] = {}
    cases = list(adapter.cases(model_class, "quick", 0))
    case = next((case for case in cases if "attention_mask" in case.inputs), cases[0])
    with waiting_for_every_operator():
        found = {capture: _unmodified(adapter, module, row.model, case, capture) for capture in ("ast", "trace")}
    return replace(row, strict=found["ast"], trace=found["trace"])


def _unmodified(adapter: ModelAdapter, module: ModuleType, name: str, case: Case, capture: str) -> str:
    from ..equivalence import weights

    try:
        model: Any = adapter.build(module, name, {"return_dict": False})
        weights.set_training(model, False)
        weights.load(model, weights.draw(model, 0))
        return as_one_graph(model, case, capture)
    except Exception:  # whatever a model or a compiler raises
        return ERROR


def main() -> None:
    """Examine the file named on the command line."""
    os.environ.setdefault("GLOG_v", "4")
    path, target, unmodified, place = sys.argv[1:]
    rows = examine(path, target=target, keep=partial(_write, Path(place)))
    _write(Path(place), rows, are_all=True)  # a model that nobody has rewritten may take the process down
    if unmodified == "yes":
        module = loader.load(path)
        _write(Path(place), [with_unmodified(row, module) if row.whole else row for row in rows], are_all=True)


def _write(place: Path, rows: Sequence[Row], *, are_all: bool = False) -> None:
    files.write(place, json.dumps({"rows": [row.to_json() for row in rows], "all": are_all}).encode())


if __name__ == "__main__":
    main()
