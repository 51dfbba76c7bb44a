"""What a check came to: a verdict per output, per case, and for the file."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .compiled import Observed
from .figures import NO_HISTOGRAM, Figures, Histogram
from .policy import Policy
from .statistics import Errors, OutputDifference, Status, worst

EAGER, JIT, TRACE = "eager", "jit", "trace"
"""The modes of a rewritten file: with its compiled methods bypassed, as it is, and where methods answer by a recording,
called again with other values of the same shapes."""


@dataclass(frozen=True)
class ModeResult:
    """One case in one mode of the rewritten file.

    Attributes:
        mode: `EAGER`, `JIT` or `TRACE`.
        differences: One per output and per structural difference; identical outputs are among them.
        uncompiled: (method, reason) of the compiled methods that ran as plain Python.
        own_error: What was allowed on top of the published tolerance, because rounding moves the original's own answer
            by so much; 0 where that was not needed.
    """

    mode: str
    differences: tuple[OutputDifference, ...]
    uncompiled: tuple[tuple[str, str], ...] = ()
    own_error: float = 0.0

    @property
    def status(self) -> Status:
        """The worst of its outputs."""
        return worst([item.status for item in self.differences])


def merged(parts: Sequence[ModeResult]) -> ModeResult:
    """Put results of one mode together."""
    return ModeResult(
        parts[0].mode,
        tuple(item for part in parts for item in part.differences),
        tuple(dict.fromkeys(item for part in parts for item in part.uncompiled)),
        max(part.own_error for part in parts),
    )


@dataclass(frozen=True)
class CaseResult:
    """One case in all modes.

    Attributes:
        id: The case's id.
        model: Name of the model class.
        modes: The results, in the order in which the modes ran.
        unverified: Why the case says nothing; empty when it does.
        note: What is worth knowing besides, e.g. that both models refuse the call.
        vacuous: Whether the original did not answer a call that it should have, so that only the error was compared.
        lacking: The operator without a kernel that keeps the rewritten file from running here without stand-ins.
    """

    id: str
    model: str
    modes: tuple[ModeResult, ...] = ()
    unverified: str = ""
    note: str = ""
    vacuous: bool = False
    lacking: str = ""

    @property
    def status(self) -> Status:
        """The worst of its modes."""
        if self.unverified:
            return Status.UNVERIFIED
        return worst([result.status for result in self.modes])


@dataclass(frozen=True)
class OutputVerdict:
    """One output of one model class, over all cases in one mode.

    Attributes:
        model: Name of the model class.
        output: Name of the output, as a caller has it.
        mode: `EAGER`, `JIT` or `TRACE`.
        status: The worst of all cases.
        absolute: Figures of the absolute error, over all elements of all cases together.
        relative: Figures of the relative error, likewise.
        elements: Number of elements.
        cases: Number of cases that have this output.
        worst_case: Id of the case that is furthest off; empty when all are identical.
        message: What is the matter there.
        ulp: The largest distance in units in the last place; None where there is none.
        cosine: The least cosine similarity of any of the tensors; None when no numbers were compared.
        argmax: Share of the positions of all cases whose argmax agrees; None where that makes no sense.
        mismatches: Elements beyond the tolerance.
        nonfinite: Numbers of NaN and infinities in the original's and in the rewritten's outputs.
        histogram: How many absolute errors are how large.
    """

    model: str
    output: str
    mode: str
    status: Status
    absolute: Figures
    relative: Figures
    elements: int
    cases: int
    worst_case: str
    message: str
    ulp: int | None = None
    cosine: float | None = None
    argmax: float | None = None
    mismatches: int = 0
    nonfinite: tuple[int, int] = (0, 0)
    histogram: Histogram = NO_HISTOGRAM


@dataclass(frozen=True)
class MethodRuns:
    """How often one compiled method ran compiled, and as plain Python for which reasons.

    Attributes:
        method: Class and name.
        calls: How often it was called.
        refused: (reason, number of calls) of those that ran as plain Python.
        inside: How many of the calls stand for a place in the graph of another method, which held this one too.
        recorded: How many of the calls ran by a recording (`capture_mode="trace"`).
        agreed: How many calls with other values such recordings answered as the original does.
    """

    method: str
    calls: int
    refused: tuple[tuple[str, int], ...]
    inside: int = 0
    recorded: int = 0
    agreed: int = 0

    @property
    def own(self) -> int:
        """Calls that were no part of another graph."""
        return self.calls - self.inside

    @property
    def uncompiled(self) -> int:
        """Calls that ran as plain Python."""
        return sum(count for _, count in self.refused)

    @property
    def unproved(self) -> bool:
        """Whether it ran by recordings, and none of them was seen to answer other values."""
        return self.recorded > 0 and self.agreed == 0


@dataclass(frozen=True)
class Verdict:
    """The outcome of `verify`.

    Attributes:
        original: Name of the original file.
        rewritten: Name of the rewritten file.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: The user's tolerance; None for the published ones.
        loosened: Whether that is looser than the published one of any dtype.
        surface: Differences that a caller sees without running a model.
        outputs: The table of outputs.
        cases: Every case.
        methods: Every compiled method; empty when the rewriting compiled nothing.
        problems: What concerns no single case: weights that do not fit, a class that no case could check.
        unchecked: Model classes of which no case was verified → why.
        environment: Versions and device.
        seconds: Wall time.
    """

    original: str
    rewritten: str
    level: str
    seed: int
    tolerance: float | None = None
    loosened: bool = False
    surface: tuple[str, ...] = ()
    outputs: tuple[OutputVerdict, ...] = ()
    cases: tuple[CaseResult, ...] = ()
    methods: tuple[MethodRuns, ...] = ()
    problems: tuple[str, ...] = ()
    unchecked: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """`different` if anything is; else `unverified` if anything is that; else the worst of the cases."""
        if self.surface or self.problems:
            return Status.DIFFERENT
        found = [case.status for case in self.cases] + ([Status.UNVERIFIED] if self.unchecked else [])
        return worst(found)

    @property
    def compiled(self) -> bool:
        """Whether every call of a compiled method ran compiled."""
        return all(item.uncompiled == 0 for item in self.methods)

    @property
    def ok(self) -> bool:
        """Whether the promises hold: the same answers, compiled what is said to be, and no recording on trust."""
        proved = not any(item.unproved for item in self.methods)
        return self.status in (Status.IDENTICAL, Status.EQUIVALENT) and self.compiled and proved

    @property
    def loosened_for(self) -> tuple[str, ...]:
        """The dtypes for which the tolerance is looser than the published one."""
        return Policy(self.tolerance).loosened_for

    @property
    def worst_case(self) -> str:
        """The id of the case that is furthest off; empty when all are identical."""
        uneven = [case for case in self.cases if case.status is not Status.IDENTICAL]
        bad = worst([case.status for case in uneven])
        return max((case for case in uneven if case.status is bad), key=_excess).id if uneven else ""

    @property
    def failing(self) -> tuple[CaseResult, ...]:
        """The cases that break a promise, the worst first: other answers, then a compiled method that ran as Python."""
        different = [case for case in self.cases if case.status is Status.DIFFERENT]
        rest = [case for case in self.cases if case.status is not Status.DIFFERENT]
        slow = [case for case in rest if any(mode.uncompiled for mode in case.modes)]
        return (*sorted(different, key=_excess, reverse=True), *slow)

    def count(self, status: Status) -> int:
        """Return how many cases came out as `status`."""
        return sum(case.status is status for case in self.cases)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`; infinities as the text "inf"."""
        values = {
            "status": self.status,
            "ok": self.ok,
            "compiled": self.compiled,
            "worst_case": self.worst_case,
            "loosened_for": self.loosened_for,
            "counts": {status.value: self.count(status) for status in Status},
            **{item.name: getattr(self, item.name) for item in dataclasses.fields(self)},
        }
        plain: dict[str, Any] = _plain(values)
        return plain


def output_verdicts(cases: list[CaseResult]) -> list[OutputVerdict]:
    """Put the outputs of all cases together, per model class, output and mode."""
    groups: dict[tuple[str, str, str], list[tuple[str, OutputDifference]]] = {}
    for case in cases:
        for result in case.modes:
            for item in result.differences:
                groups.setdefault((case.model, item.output, result.mode), []).append((case.id, item))
    return [_output_verdict(*key, items) for key, items in groups.items()]


def _output_verdict(model: str, output: str, mode: str, items: list[tuple[str, OutputDifference]]) -> OutputVerdict:
    status = worst([item.status for _, item in items])
    worst_id, worst_item = max(
        ((case_id, item) for case_id, item in items if item.status is status), key=lambda pair: pair[1].excess
    )
    outputs = [item for _, item in items]
    errors = Errors.together([item.errors for item in outputs])
    return OutputVerdict(
        model,
        output,
        mode,
        status,
        Figures.of(errors.absolute),
        Figures.of(errors.relative),
        sum(item.elements for item in outputs),
        len({case_id for case_id, _ in items}),
        "" if status is Status.IDENTICAL else worst_id,
        worst_item.message,
        max((item.ulp for item in outputs if item.ulp is not None), default=None),
        min((item.cosine for item in outputs if item.cosine is not None), default=None),
        errors.argmax,
        sum(item.mismatches for item in outputs),
        (sum(item.nonfinite[0] for item in outputs), sum(item.nonfinite[1] for item in outputs)),
        Histogram.of(errors.absolute, errors.nonfinite),
    )


def method_runs(labels: list[str], seen: Observed) -> tuple[MethodRuns, ...]:
    """Put the runs of all cases together, per compiled method; one that never ran comes with 0 calls."""
    refused = Counter(seen.refused)
    return tuple(
        MethodRuns(
            label,
            seen.calls.get(label, 0),
            tuple((reason, count) for (name, reason), count in refused.items() if name == label),
            seen.inside.get(label, 0),
            seen.recorded.get(label, 0),
            seen.agreed.get(label, 0),
        )
        for label in labels
    )


def without_errors(item: OutputDifference) -> OutputDifference:
    """Return `item` without the arrays of its errors, which only the table of outputs needs."""
    return dataclasses.replace(item, errors=Errors())


def _excess(case: CaseResult) -> float:
    return max((item.excess for result in case.modes for item in result.differences), default=0.0)


def _plain(value: Any) -> Any:
    if isinstance(value, Status):
        return value.value
    if isinstance(value, Errors):
        return None
    if isinstance(value, ModeResult):
        uneven = [item for item in value.differences if item.status is not Status.IDENTICAL]
        return _plain(
            {
                "mode": value.mode,
                "status": value.status,
                "outputs": len(value.differences),
                "differences": uneven,
                "uncompiled": value.uncompiled,
            }
        )
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        extra = {"status": value.status} if isinstance(value, CaseResult) else {}
        names = [item.name for item in dataclasses.fields(value) if item.name != "errors"]
        return _plain({**extra, **{name: getattr(value, name) for name in names}})
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
