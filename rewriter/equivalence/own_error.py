"""How far an original is from its own answer: what rounding alone can do where a rewriting rounds elsewhere.

- Half precision: its eager answer against its own in single precision. A graph in half precision rounds elsewhere than
  eager mode does, whoever compiles it.
- Single precision: its answer against its own when every weight moves by what the rounding of its sums amounts to. No
  spelling of a sum can be asked to be nearer to the original than that: an original in another order of summing would
  not be, either. A model that enlarges rounding (CLIP multiplies its scores by 14, a norm divides by a small deviation)
  has more of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import weights
from .policy import AT_MOST, Policy
from .statistics import OutputDifference, Status, as_array, relative_distance

if TYPE_CHECKING:
    from .cases import Case
    from .subject import Outcome, Question, Subject

DRAWS = 3
"""So often every weight is moved."""


def is_near(differences: list[OutputDifference], under: Policy) -> bool:
    """Tell whether all that is different is so by numbers in single precision that are at most `AT_MOST` off.

    Args:
        differences: What was found.
        under: The policy it was found under; with a tolerance of the user's own, nothing is near.
    """
    allowed = under.tolerance("float32")
    different = [item for item in differences if item.status is Status.DIFFERENT]
    return under.override is None and all(item.excess * allowed <= AT_MOST for item in different)


def in_half_precision(subject: Subject, expected: Outcome, case: Case) -> float:
    """Return how far the original's answer is from its own in single precision, relative to max(1, |answer|).

    Args:
        subject: The models.
        expected: The original's answer, in half precision.
        case: The call.
    """
    exact = replace(case, dtype="")
    return _distance(expected, subject.fresh_for(exact).ask_original(exact))


def in_single_precision(subject: Subject, expected: Outcome, case: Case, question: Question | None) -> float:
    """Return how far the original's answer moves when its weights do by the rounding of their sums, likewise.

    It is as large as it is; `Subject` allows no more than `AT_MOST` in all.

    Args:
        subject: The models; the original's weights are moved, and put back.
        expected: The original's answer.
        case: The call.
        question: What is asked; a plain call when None.
    """
    kept = weights.values(subject.original)
    moved = 0.0
    try:
        for draw in range(DRAWS):
            weights.load(subject.original, weights.rounded_elsewhere(kept, draw))
            moved = max(moved, _distance(expected, subject.ask_original(case, question)))
    finally:
        weights.load(subject.original, kept)
    return moved


def _distance(expected: Outcome, answer: Outcome) -> float:
    """Return the largest relative distance of two answers; 0 where there is none to compare."""
    from .subject import tensors_in

    if expected.error is not None or answer.error is not None:
        return 0.0
    pairs = zip(tensors_in(expected.value), tensors_in(answer.value), strict=True)
    return max((relative_distance(one, other) for one, other in pairs if as_array(one).dtype.kind == "f"), default=0.0)
