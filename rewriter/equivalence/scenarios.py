"""What is done with a case: one call, or a short story around it that graphs are known to get wrong.

A scenario gets a subject and a case, and returns the results per mode. The next scenario is a function below and a line
in `SCENARIOS`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..runtime.stand_ins.kernels import missing_kernel
from ..runtime.stand_ins.patching import standing_in
from . import checkpoints, dropouts, weights
from .actions import ACTIONS
from .cases import AFTER, CALL, DROPOUT, GENERATE, GRADIENTS, RELOAD, ROUND_TRIP, TRAIN, Case
from .compiled import Observed
from .dropouts import NO_DROPOUT, Place
from .questions import generated, gradients
from .statistics import OutputDifference, Status, compare
from .subject import Outcome, Subject, attempt, compare_outcomes, first_line, kernel_that_the_twin_lacks
from .verdict import EAGER, JIT, CaseResult, ModeResult, merged

Scenario = Callable[[Subject, Case, Observed], CaseResult]


def call(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """One call in evaluation mode.

    The first of a subject is repeated on the original: what does not repeat itself cannot be compared. Where the device
    has no kernel for the original, stand-ins take part in its answer; where it has none for the rewritten file either,
    they take part in all modes.
    """
    expected = subject.ask_original(case)
    if not subject.lacking and missing_kernel(expected.error):
        subject.stand_in(missing_kernel(expected.error))
        expected = subject.ask_original(case)
    if missing_kernel(expected.error):
        return _unverified(case, f"the original cannot run here: no kernel for {missing_kernel(expected.error)}")
    before = deepcopy(seen)
    result = _compare_calls(subject, case, seen, expected)
    lacking = kernel_that_the_twin_lacks(item for mode in result.modes for item in mode.differences)
    if not lacking:
        alone = f"the original with a stand-in for {subject.lacking}, which has no kernel here"
        return replace(result, note="; ".join(filter(None, (alone, result.note)))) if subject.lacking else result
    vars(seen).update(vars(before))
    with standing_in():
        result = _compare_calls(subject, case, seen, expected)
        return replace(result, note=f"with a stand-in for {lacking}, which has no kernel here", lacking=lacking)


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


def loss_and_gradients(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """The loss and the gradient of every parameter, in training mode, in a configuration without dropout."""
    subject.set_training(True)
    try:
        expected = subject.ask_original(case, gradients)
        if expected.error is not None:
            return _unverified(case, f"no gradient of the original: {_first_line(expected.error)}")
        if not _equal(expected, subject.ask_original(case, gradients)):
            return _unverified(case, "the original draws random numbers in spite of a configuration without dropout")
        return CaseResult(case.id, case.model, subject.compare(expected, case, seen, gradients))
    finally:
        subject.set_training(False)


def each_dropout(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Training with one dropout on and all others off, one after the other, then with none: random where it was."""
    places = dropouts.places(subject.original)
    missing = [place for place in places if place not in dropouts.places(subject.rewritten)]
    if missing:
        found = tuple(_effect(f"there is no dropout {path}.{name} any more") for path, name in missing)
        return CaseResult(case.id, case.model, (ModeResult(EAGER, found),))
    if not places:
        return _unverified(case, "the original has no dropout")
    subject.set_training(True)
    try:
        rounds = [_with_one_dropout(place, subject, case, seen) for place in (*places, NO_DROPOUT)]
    finally:
        subject.set_training(False)
    return CaseResult(case.id, case.model, tuple(merged(parts) for parts in zip(*rounds, strict=True)))


def _with_one_dropout(place: Place, subject: Subject, case: Case, seen: Observed) -> tuple[ModeResult, ...]:
    with dropouts.only(subject.original, place), dropouts.only(subject.rewritten, place):
        is_random = _is_random(subject.ask_original(case), lambda: subject.ask_original(case))
        one, called = subject.ask_eager(case)
        results = [ModeResult(EAGER, tuple(_alone(place, one, lambda: subject.ask_eager(case)[0], is_random)))]
        if subject.wants_graphs(case, called, seen):
            one = subject.ask_jit(case)[0]
            results.append(ModeResult(JIT, tuple(_alone(place, one, lambda: subject.ask_jit(case)[0], is_random))))
    return tuple(results)


def _alone(place: Place, one: Outcome, again: Callable[[], Outcome], is_random: bool) -> list[OutputDifference]:
    where = "with every dropout off, training" if place == NO_DROPOUT else f"the dropout {place[0]}.{place[1]} alone"
    if one.error is not None:
        return [_effect(f"{where}: training raises {type(one.error).__name__}: {_first_line(one.error)}")]
    if is_random != _is_random(one, again):
        return [_effect(f"{where} is {'random no more' if is_random else 'random, and in the original it is not'}")]
    return [OutputDifference("training", "effect", Status.IDENTICAL)]


def save_and_load(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Save each model, load it into the other's class: checkpoints go both ways, and the answer stays."""
    expected = subject.ask_original(case)
    other = subject.fresh()
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name, "original"), Path(name, "rewritten")
        first.mkdir()
        second.mkdir()
        checkpoints.save(subject.original, first)
        checkpoints.save(subject.rewritten, second)
        found = [_structure(f"{name} is saved no more") for name in _names(first) - _names(second)]
        found += [_structure(f"{name} is saved besides") for name in _names(second) - _names(first)]
        other.original = checkpoints.load(other.original, second)
        other.rewritten = checkpoints.load(other.rewritten, first)
    other.set_training(False)
    found += compare_outcomes(expected, other.ask_original(case), subject.policy)
    return CaseResult(case.id, case.model, (ModeResult(EAGER, tuple(found)), *other.compare(expected, case, seen)))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def after(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Call both models, do something to both, and call them again: `actions.py` has what."""
    pair, action = subject.fresh(), ACTIONS[case.action]
    modes: tuple[ModeResult, ...] = ()
    if action.calls:
        modes = pair.compare(pair.ask_original(case), case, seen)
    expected = attempt(lambda: action.run(pair.original, case))
    actual = attempt(lambda: action.run(pair.rewritten, case))
    found = compare_outcomes(expected, actual, pair.policy)
    found += [_structure(f"after {case.action}: {line}") for line in weights.differences(pair.original, pair.rewritten)]
    modes = (*modes, ModeResult(EAGER, tuple(found)))
    note = f"both raise {type(expected.error).__name__}" if expected.error is not None else ""
    if action.calls and expected.error is None and not any(item.status is Status.DIFFERENT for item in found):
        pair.draw_weights(pair.seed + 2)  # what is new was drawn at random
        modes = (*modes, *pair.compare(pair.ask_original(case), case, seen))
    return CaseResult(case.id, case.model, _by_mode(modes), note=note)


def _by_mode(results: tuple[ModeResult, ...]) -> tuple[ModeResult, ...]:
    names = dict.fromkeys(result.mode for result in results)
    return tuple(merged([result for result in results if result.mode == name]) for name in names)


def generate(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Write a few tokens greedily."""
    expected = subject.ask_original(case, generated)
    if expected.error is not None:
        return _unverified(case, f"the original cannot generate: {_first_line(expected.error)}")
    return CaseResult(case.id, case.model, subject.compare(expected, case, seen, generated))


def train_then_eval(subject: Subject, case: Case, seen: Observed) -> CaseResult:
    """Evaluate, train, evaluate: random while training if the original is, and as before afterwards."""
    expected = subject.ask_original(case)
    first = subject.compare(expected, case, seen)
    subject.set_training(True)
    try:
        is_random = _is_random(subject.ask_original(case), lambda: subject.ask_original(case))
        middle = [_trained(result.mode, subject, case, is_random, expected, seen) for result in first]
    finally:
        subject.set_training(False)
    last = subject.compare(subject.ask_original(case), case, seen)
    note = "" if is_random else "the original is not random in training mode"
    together = tuple(merged(parts) for parts in zip(first, middle, last, strict=True))
    return CaseResult(case.id, case.model, together, note=note)


def _trained(
    mode: str, subject: Subject, case: Case, is_random: bool, evaluated: Outcome, seen: Observed
) -> ModeResult:
    """Compare whether the twin is random in training mode with whether the original is."""
    ask = subject.ask_jit if mode == JIT else subject.ask_eager
    one, now = ask(case)
    seen.refused.extend(now.refused)
    found = _randomness(one, lambda: ask(case)[0], is_random, evaluated)
    return ModeResult(mode, tuple(found), tuple(dict.fromkeys(now.refused)))


def _randomness(
    one: Outcome, again: Callable[[], Outcome], is_random: bool, evaluated: Outcome
) -> list[OutputDifference]:
    if one.error is not None:
        return [_effect(f"training raises {type(one.error).__name__}: {_first_line(one.error)}")]
    if is_random and _equal(one, evaluated):
        return [_effect("train() after the first call is ignored: the answer is that of evaluation mode")]
    if is_random != _is_random(one, again):
        return [_effect("random numbers are drawn only once" if is_random else "random, and the original is not")]
    return []


def _is_random(one: Outcome, again: Callable[[], Outcome]) -> bool:
    """Whether an answer changes when it is asked for again; a dropout of few values may come out alike once."""
    return any(not _equal(one, again()) for _ in range(2))


def _effect(message: str) -> OutputDifference:
    return OutputDifference("training", "effect", Status.DIFFERENT, message, excess=float("inf"))


def _structure(message: str) -> OutputDifference:
    return OutputDifference("model", "structure", Status.DIFFERENT, message, excess=float("inf"))


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
    GRADIENTS: loss_and_gradients,
    DROPOUT: each_dropout,
    ROUND_TRIP: save_and_load,
    AFTER: after,
    GENERATE: generate,
}
"""Scenario name, as in `Case.scenario` → what it does."""
