"""A subject: one model class in one configuration, as the original and as its rewritten twin, with the same weights."""

from __future__ import annotations

import contextlib
import functools
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from ..runtime.stand_ins.kernels import missing_kernel, settle
from ..runtime.stand_ins.patching import standing_in
from . import own_error, weights
from .adapters import ModelAdapter
from .cases import Case
from .compiled import CompiledMethod, Observed, bypassed, observed
from .other_values import variants
from .policy import AT_MOST, Policy
from .statistics import OutputDifference, Status, as_array, compare, worst
from .verdict import EAGER, JIT, TRACE, ModeResult, merged


@dataclass(frozen=True)
class Outcome:
    """What a call did.

    Attributes:
        value: What it returned, tensors and all.
        error: What it raised instead.
        settings: What it changed in the configuration: name → new value.
        inputs: The names of the tensor arguments that it changed in place.
    """

    value: Any = None
    error: Exception | None = None
    settings: Mapping[str, Any] | None = None
    inputs: tuple[str, ...] = ()


Question = Callable[[Any, Case], Outcome]
"""What is asked of a model in a case: `call_model`, or one of `questions.py`."""


class Subject:
    """Two models to compare.

    Args:
        adapter: Knows how to build them.
        original: The module of the original.
        rewritten: The module of its twin.
        methods: The compiled methods of the twin.
        case: Any case of this class and configuration.
        policy: The tolerance.
        seed: Of the weights.
        quick: Whether `Case.light` counts.
        hurried: Whether nothing is compiled for a case that is different without it.
        lacking: An operator without a kernel that keeps the original from answering here: stand-ins are put in the
            place of what the original calls, and of nothing that its twin does.

    Attributes:
        misfits: Why the weights of one do not fit the other; nothing can be compared then.
        lacking: As given, or as it turned out when the original was built or asked.
    """

    def __init__(
        self,
        adapter: ModelAdapter,
        original: ModuleType,
        rewritten: ModuleType,
        methods: list[CompiledMethod],
        case: Case,
        policy: Policy,
        seed: int,
        *,
        quick: bool = False,
        hurried: bool = False,
        lacking: str = "",
    ) -> None:
        self.methods = methods
        self.policy = policy
        self.seed = seed
        self._quick = quick
        self._hurried = hurried
        self._remake = functools.partial(
            Subject, adapter, original, rewritten, methods, policy=policy, seed=seed, quick=quick, hurried=hurried
        )
        self._case = case
        self._build = functools.partial(adapter.build, original, case.model, case.settings)
        self.lacking = lacking
        self.original = self._built()
        self.rewritten = adapter.build(rewritten, case.model, case.settings)
        if case.dtype:
            weights.cast(self.rewritten, case.dtype)
        self.misfits = weights.differences(self.original, self.rewritten)
        self.checked_repetition = False
        self.set_training(False)
        if not self.misfits:
            self.draw_weights(seed)

    def fresh(self) -> Subject:
        """Return another pair of models like this one, to be changed at will."""
        return self.fresh_for(self._case)

    def fresh_for(self, case: Case) -> Subject:
        """Return another pair of models with the same weights, for another case."""
        return self._remake(case=case, lacking=self.lacking)

    def stand_in(self, lacking: str) -> None:
        """Build the original anew under stand-ins, with the same weights: its layers keep functions they are given.

        Args:
            lacking: The operator without a kernel.
        """
        self.lacking = lacking
        self.original = self._built()
        weights.set_training(self.original, False)
        self.draw_weights(self.seed)

    def _built(self) -> Any:
        """Return a new original, in the type of the case, built under stand-ins if need be."""
        try:
            with self._reference():
                model = self._build()
        except Exception as error:  # of any library
            if self.lacking or not missing_kernel(error):
                raise
            self.lacking = missing_kernel(error)
            settle()
            return self._built()
        if self._case.dtype:
            weights.cast(model, self._case.dtype)
        return model

    def _reference(self) -> contextlib.AbstractContextManager[Any]:
        """Return what the original runs in."""
        return standing_in() if self.lacking else contextlib.nullcontext()

    def draw_weights(self, seed: int) -> None:
        """Load random weights, the same into both models."""
        values = weights.draw(self.original, seed)
        weights.load(self.original, values)
        weights.load(self.rewritten, values)

    def set_training(self, mode: bool) -> None:
        """Put both models into training or evaluation mode."""
        weights.set_training(self.original, mode)
        weights.set_training(self.rewritten, mode)

    def ask_original(self, case: Case, question: Question | None = None) -> Outcome:
        """Call the original, or ask it something else."""
        with self._reference():
            return (question or call_model)(self.original, case)

    def ask_eager(self, case: Case, question: Question | None = None) -> tuple[Outcome, Observed]:
        """Ask the twin with its compiled methods bypassed, and see which of them are called."""
        with bypassed(self.methods) as seen:
            return (question or call_model)(self.rewritten, case), seen

    def ask_jit(self, case: Case, question: Question | None = None) -> tuple[Outcome, Observed]:
        """Ask the twin as it is, and see which compiled methods ran."""
        with observed(self.methods) as seen:
            return (question or call_model)(self.rewritten, case), seen

    def compare(
        self, expected: Outcome, case: Case, seen: Observed, question: Question | None = None
    ) -> tuple[ModeResult, ...]:
        """Ask the twin in every mode and compare with what the original did.

        Args:
            expected: What the original did.
            case: The call.
            seen: Takes up what became of the compiled methods.
            question: What is asked; a plain call when None.
        """
        outcome, called = self.ask_eager(case, question)
        results = [self._judged(EAGER, expected, outcome, case, question)]
        is_lost = self._hurried and results[0].status is Status.DIFFERENT
        if not is_lost and self.wants_graphs(case, called, seen):
            outcome, now = self.ask_jit(case, question)
            if expected.error is not None:
                now.refused.clear()  # what the original refuses cannot be compiled either; both must refuse alike
            seen.add(now)
            result = self._judged(JIT, expected, outcome, case, question)
            results.append(replace(result, uncompiled=tuple(dict.fromkeys(now.refused))))
            if now.recorded and expected.error is None:
                results += self.compare_other_values(case, seen, question)
        return tuple(results)

    def _judged(
        self, mode: str, expected: Outcome, outcome: Outcome, case: Case, question: Question | None
    ) -> ModeResult:
        """Compare two answers; where rounding might be all that is between them, ask what it does to the original."""
        found = compare_outcomes(expected, outcome, self.policy)
        if worst([item.status for item in found]) is not Status.DIFFERENT or expected.error is not None:
            return ModeResult(mode, tuple(found))
        allowed = 0.0
        if case.dtype and mode == JIT and question is None:
            allowed = own_error.in_half_precision(self, expected, case)
        elif not case.dtype and own_error.is_near(found, self.policy):
            found_out = own_error.in_single_precision(self, expected, case, question)
            allowed = min(found_out, AT_MOST - self.policy.tolerance("float32"))
        if not allowed:
            return ModeResult(mode, tuple(found))
        found = compare_outcomes(expected, outcome, replace(self.policy, own_error=allowed))
        is_enough = worst([item.status for item in found]) is not Status.DIFFERENT
        return ModeResult(mode, tuple(found), own_error=allowed if is_enough else 0.0)

    def compare_other_values(self, case: Case, seen: Observed, question: Question | None = None) -> list[ModeResult]:
        """Ask a twin that answered by a recording again, with other values of the same shapes.

        Returns one result; none where the original has no answer to any of these values.

        Args:
            case: The call that was recorded.
            seen: Takes up which recordings agreed with the original.
            question: What is asked; a plain call when None.
        """
        found: list[ModeResult] = []
        for other in variants(case):
            expected = self.ask_original(other, question)
            if expected.error is not None:
                continue
            outcome, now = self.ask_jit(other, question)
            refused = tuple(dict.fromkeys(now.refused))  # it read another value than the recorded call did
            found.append(replace(self._judged(TRACE, expected, outcome, other, question), uncompiled=refused))
            seen.add(Observed(calls=dict(Counter(label for label, _ in now.refused)), refused=now.refused))
            if found[-1].status in (Status.IDENTICAL, Status.EQUIVALENT):
                seen.add(Observed(agreed=now.recorded))
        return [merged(found)] if found else []

    def wants_graphs(self, case: Case, called: Observed, seen: Observed) -> bool:
        """Whether the case is to run compiled as well; see `Case.light`.

        Args:
            case: The case.
            called: The compiled methods that it calls.
            seen: Those that ran compiled before.
        """
        is_new = any(label not in seen.calls for label in called.calls)
        return bool(self.methods) and (is_new or not (self._quick and case.light))


def compare_outcomes(expected: Outcome, actual: Outcome, policy: Policy) -> list[OutputDifference]:
    """Compare what two calls returned or raised, and what they changed besides."""
    found: list[OutputDifference] = []
    if expected.error is not None or actual.error is not None:
        found.append(_compare_errors(expected.error, actual.error))
    else:
        found += compare(expected.value, actual.value, policy)
    if expected.settings != actual.settings:
        message = f"the call sets {expected.settings} in the configuration; now {actual.settings}"
        found.append(_effect("config", message))
    if expected.inputs != actual.inputs:
        message = f"the call changes the arguments {list(expected.inputs)} in place; now {list(actual.inputs)}"
        found.append(_effect("arguments", message))
    return found


_NO_KERNEL = "the rewritten file cannot run here: no kernel for "


def kernel_that_the_twin_lacks(differences: Iterable[OutputDifference]) -> str:
    """Return the operator without a kernel that kept a rewritten file from answering; empty when none did."""
    found = (item.message.removeprefix(_NO_KERNEL) for item in differences if item.message.startswith(_NO_KERNEL))
    return next(found, "")


def _compare_errors(expected: Exception | None, actual: Exception | None) -> OutputDifference:
    if expected is not None and actual is not None and type(expected).__qualname__ == type(actual).__qualname__:
        message = "" if _wording(expected) == _wording(actual) else f"{_brief(expected)} is worded {_brief(actual)}"
        if message and _is_own(expected):  # a library words its errors as it likes; the file's own are for its users
            return OutputDifference("error", "error", Status.DIFFERENT, message, excess=float("inf"))
        return OutputDifference("error", "error", Status.IDENTICAL, message)
    if expected is None and missing_kernel(actual):
        return OutputDifference("error", "error", Status.UNVERIFIED, _NO_KERNEL + missing_kernel(actual))
    before = "the original answers" if expected is None else f"the original raises {_brief(expected)}"
    after = "the rewritten answers" if actual is None else f"the rewritten raises {_brief(actual)}"
    return OutputDifference("error", "error", Status.DIFFERENT, f"{before}; {after}", excess=float("inf"))


def _is_own(error: Exception) -> bool:
    """Whether the modeling file itself raised an error, and not a library that it calls."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    home = str(frames[-1].f_globals.get("__name__", "")) if frames else ""
    return not home.startswith(("mindspore", "mindnlp.core", "mindnlp._legacy", "numpy"))


def _effect(path: str, message: str) -> OutputDifference:
    return OutputDifference(path, "effect", Status.DIFFERENT, message, excess=float("inf"))


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(str(error))}"


def _wording(error: Exception) -> str:
    """Return an error's first line without what may vary between two runs: numbers, addresses, spaces."""
    return re.sub(r"(0x[0-9a-f]+|\d+|\s+)", " ", first_line(str(error)))


def first_line(text: str) -> str:
    """Return the first line that has words in it: MindSpore's messages begin with ruled lines."""
    return next((line.strip("- ") for line in text.splitlines() if re.search("[a-z]", line)), "")


def call_model(model: Any, case: Case) -> Outcome:
    """Call a model with fresh tensors."""
    inputs = tensors_of(case)
    function = getattr(model, case.method) if case.method else model
    outcome = outcome_of(model, lambda: function(**inputs, **case.flags))
    touched = () if case.dtype else tuple(name for name in inputs if not _same(case.inputs[name], inputs[name]))
    return replace(outcome, inputs=touched)


def outcome_of(model: Any, run: Callable[[], Any]) -> Outcome:
    """Do something with a model, wait for the numbers, and put its configuration back afterwards."""
    config = vars(model.config) if hasattr(model, "config") else {}
    before = dict(config)
    outcome = attempt(run)
    changed = {name: config[name] for name in config if name not in before or config[name] is not before[name]}
    gone = {name: None for name in before if name not in config}
    config.clear()
    config.update(before)
    return replace(outcome, settings={**changed, **gone})


def attempt(run: Callable[[], Any]) -> Outcome:
    """Do something, and wait for the numbers."""
    try:
        return Outcome(settled(run()))
    except Exception as error:  # whatever a model raises is what is compared
        forget_errors()
        return Outcome(error=error)


def tensors_of(case: Case) -> dict[str, Any]:
    """Return fresh tensors for the inputs of a case, in its dtype."""
    return weights.as_tensors(case.inputs, case.dtype)


def settled(value: Any) -> Any:
    """Wait for the computation: MindSpore raises some errors only when a value is looked at."""
    for tensor in tensors_in(value):
        tensor.asnumpy()
    return value


def forget_errors() -> None:
    """Take in what MindSpore still has to say: an operator's failure may surface again at a later, innocent call."""
    import mindspore

    for _ in range(3):
        with contextlib.suppress(Exception):
            (mindspore.Tensor(0.0) + 0.0).asnumpy()
            return


def tensors_in(value: Any) -> list[Any]:
    """Return the tensors in a result, in the order of its fields."""
    if hasattr(value, "asnumpy"):
        return [value]
    if hasattr(value, "keys"):
        value = tuple(value[name] for name in value.keys())  # noqa: SIM118  a ModelOutput iterates over something else
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


def _same(array: Any, tensor: Any) -> bool:
    if isinstance(array, tuple):
        return all(_same(one, other) for one, other in zip(array, tensor, strict=True))
    return not isinstance(array, np.ndarray) or bool(np.array_equal(array, as_array(tensor)))
