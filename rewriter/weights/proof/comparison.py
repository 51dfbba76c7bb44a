"""Running two models on the same calls, and measuring how far the larger one is from what its relations promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..model import ModelView
from .bert import Answers
from .cases import WeightCase
from .claim import Claim
from .inputs import Inputs
from .models import PRECISIONS, Model
from .numerics import Array
from .relations import NUMBERED, counted, expected
from .verdict import Drift, allowed

COARSENESS = ("float64", "float32", "float16", "bfloat16")
Progress = Callable[[str, float], None]
"""Takes what is running, and the share that is done."""


@dataclass
class Comparison:
    """Collects what the two models answered."""

    claim: Claim
    stored: str
    wanted: dict[str, dict[tuple[str, str], Array]] = field(default_factory=dict)
    found: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)

    def expect(self, precision: str, case: str, inputs: Inputs, answers: Answers) -> None:
        """Take up what the smaller model answered."""
        kept = self.wanted.setdefault(precision, {})
        for name, values in expected(self.claim.relations, answers):
            kept[case, name] = counted(name, values, inputs)
            if not np.isfinite(kept[case, name]).all():
                self._note(self.unverified, f"{name} of the smaller model is not finite")

    def meet(self, precision: str, case: str, inputs: Inputs, answers: Answers) -> None:
        """Take up what the larger model answered, and compare it."""
        kept = self.wanted[precision]
        for (of, name), values in kept.items():
            if of == case:
                self._meet(precision, case, name, values, inputs, answers)
        for name in answers:
            if NUMBERED.fullmatch(name) is None and (case, name) not in kept:
                self._note(self.problems, f"the larger model answers {name}, the smaller one does not")

    def _meet(self, precision: str, case: str, name: str, values: Array, inputs: Inputs, answers: Answers) -> None:
        if name not in answers:
            self._note(self.problems, f"the larger model does not answer {name}")
            return
        other = counted(name, answers[name], inputs)
        if other.shape != values.shape:
            self._note(self.problems, f"{name} has the shape {answers[name].shape}, which no relation explains")
            return
        self.found.setdefault((case, name), {})[precision] = distance(values, other)

    def drifts(self) -> Iterable[Drift]:
        """Return every comparison."""
        for key, drift in self.found.items():
            wide = self.wanted["float64"][key]
            noise = distance(wide, self.wanted["float32"][key])
            bars = {precision: allowed(self.stored, precision, noise, self.claim.slack) for precision in drift}
            yield Drift(key[1], key[0], drift, noise, bars, wide.size)

    @staticmethod
    def _note(lines: list[str], line: str) -> None:
        if line not in lines:
            lines.append(line)


def distance(one: Array, other: Array) -> float:
    """Return max|one - other| / max|one|; infinite where `other` is not finite or `one` is 0 alone."""
    if not one.size:
        return 0.0
    largest = float(np.abs(one).max())
    gap = float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())
    if gap == 0.0:
        return 0.0
    return gap / largest if np.isfinite(gap) and largest > 0.0 else float("inf")


def compare(
    source: Model, target: Model, claim: Claim, cases: Sequence[WeightCase], progress: Progress | None = None
) -> Comparison:
    """Run both models on every case in both precisions.

    Args:
        source: The smaller model.
        target: The larger one.
        claim: What relates them.
        cases: What to ask.
        progress: Told of every run of a model.
    """
    seen = Comparison(claim, stored_dtype(target.view))
    runs = [(model, precision) for model in (source, target) for precision in PRECISIONS]
    for number, (model, precision) in enumerate(runs):
        who, take = ("the smaller model", seen.expect) if model is source else ("the larger model", seen.meet)
        for place, asked in enumerate(model.ask(list(cases), precision)):
            if progress is not None:
                progress(f"{who} in {precision}", (number + place / (len(cases) + 4)) / len(runs))
            take(precision, asked.case, asked.inputs, asked.answers)
    return seen


def stored_dtype(view: ModelView) -> str:
    """Return the coarsest floating dtype of a model's weights."""
    found = {view.dtypes[key] for key, slot in view.slots.items() if not slot.is_buffer}
    return max(found, key=COARSENESS.index, default="float32")
