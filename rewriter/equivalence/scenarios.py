"""What is done with a case: one call, or a short story around it that graphs are known to get wrong.

A scenario gets a subject and a case, and returns the results per mode. The next scenario is a function below and a line
in `SCENARIOS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .cases import CALL, RELOAD, TRAIN, TRAIN_PLAIN, Case
from .compiled import Observed
from .stand_ins import missing_kernel, standing_in
from .statistics import OutputDifference, Status, compare
from .subject import Outcome, Subject, first_line
from .verdict import JIT, CaseResult, ModeResult

Scenario = Callable[[Subject, Case, Observed], CaseResult]


def call(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """One call in evaluation mode.

    The first of a subject is repeated on the original: what does not repeat itself cannot be compared. Where the device
    has no kernel for the original, stand-ins take part in all modes.
    """
    expected = subject.ask_original(case)
    lacking = missing_kernel(expected.error)
    if not lacking:
        return _compare_calls(subject, case, seen, expected)
    with standing_in():
        expected = subject.ask_original(case)
        if missing_kernel(expected.error):
            return _unverified(case, f"the original cannot run here: no kernel for {missing_kernel(expected.error)}")
        result = _compare_calls(subject, case, seen, expected)
        return replace(result, note=f"with a stand-in for {lacking}, which has no kernel here")


def _compare_calls(subject: Subject, case: Case, seen: Observed, expected: Outcome) -> CaseResult:
    if expected.error is None and not subject.checked_repetition:
        if not _equal(expected, subject.ask_original(case)):
            return _unverified(case, "the original answers differently when it is called again")
        subject.checked_repetition = True
    if case.raises and expected.error is None:
        return _unverified(case, "the original accepts this call, which should be a wrong one")
    modes = subject.compare(expected, case, seen)
    failed = expected.error is not None
    note = f"both raise {type(expected.error).__name__}: {_first_line(expected.error)}" if failed else ""
    return CaseResult(case.id, case.model, modes, note=note, vacuous=failed and not case.raises)


def weights_after_first_call(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Load other weights after the first call: the second call must use them."""
    before = subject.ask_original(case)
    subject.ask_jit(case)
    try:
        subject.draw_weights(subject.seed + 1)
        after = subject.ask_original(case)
        if _equal(before, after):
            return _unverified(case, "other weights make no difference to the original")
        return CaseResult(case.id, case.model, subject.compare(after, case, seen))
    finally:
        subject.draw_weights(subject.seed)


def train(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """One call in training mode, in a configuration without dropout."""
    subject.set_training(True)
    try:
        expected = subject.ask_original(case)
        if not _equal(expected, subject.ask_original(case)):
            return _unverified(case, "the original draws random numbers in spite of a configuration without dropout")
        return CaseResult(case.id, case.model, subject.compare(expected, case, seen))
    finally:
        subject.set_training(False)


def train_then_eval(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Evaluate, train, evaluate: random while training if the original is, and as before afterwards."""
    expected = subject.ask_original(case)
    first = subject.compare(expected, case, seen)
    subject.set_training(True)
    try:
        is_random = not _equal(subject.ask_original(case), subject.ask_original(case))
        middle = [_trained(result.mode, subject, case, is_random, expected, seen) for result in first]
    finally:
        subject.set_training(False)
    last = subject.compare(subject.ask_original(case), case, seen)
    note = "" if is_random else "the original is not random in training mode"
    merged = tuple(_merged(parts) for parts in zip(first, middle, last, strict=True))
    return CaseResult(case.id, case.model, merged, note=note)


def _merged(parts: tuple[ModeResult, ...]) -> ModeResult:
    """Put results of one mode together."""
    return ModeResult(
        parts[0].mode,
        tuple(item for part in parts for item in part.differences),
        tuple(dict.fromkeys(item for part in parts for item in part.uncompiled)),
    )


def _trained(
    mode: str, subject: Subject, case: Case, is_random: bool, evaluated: Outcome, seen: Observed
) -> ModeResult:
    """Compare whether the twin is random in training mode with whether the original is."""
    refused: list[tuple[str, str]] = []
    if mode == JIT:
        one, now = subject.ask_jit(case)
        refused = now.refused
        seen.refused.extend(refused)
        other = subject.ask_jit(case)[0]
    else:
        one, other = subject.ask_eager(case), subject.ask_eager(case)
    found = _randomness(one, other, is_random, evaluated)
    return ModeResult(mode, tuple(found), tuple(dict.fromkeys(refused)))


def _randomness(one: Outcome, other: Outcome, is_random: bool, evaluated: Outcome) -> list[OutputDifference]:
    if one.error is not None:
        return [_effect(f"training raises {type(one.error).__name__}: {_first_line(one.error)}")]
    if is_random and _equal(one, evaluated):
        return [_effect("train() after the first call is ignored: the answer is that of evaluation mode")]
    if is_random == _equal(one, other):
        return [_effect("random numbers are drawn only once" if is_random else "random, and the original is not")]
    return []


def _effect(message: str) -> OutputDifference:
    return OutputDifference("training", "effect", Status.DIFFERENT, message, excess=float("inf"))


def _equal(one: Outcome, other: Outcome) -> bool:
    if one.error is not None or other.error is not None:
        return type(one.error) is type(other.error)
    return all(item.status is Status.IDENTICAL for item in compare(one.value, other.value))


def _unverified(case: Case, reason: str) -> CaseResult:
    return CaseResult(case.id, case.model, unverified=reason)


def _first_line(error: Any) -> str:
    return first_line(str(error))


SCENARIOS: dict[str, Scenario] = {
    CALL: call,
    RELOAD: weights_after_first_call,
    TRAIN: train_then_eval,
    TRAIN_PLAIN: train,
}
"""Scenario name, as in `Case.scenario` → what it does."""
