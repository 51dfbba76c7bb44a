"""What the proof of an expansion came to: drift and verdict per output, and for the whole."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...equivalence.statistics import Status, worst

BARS: Mapping[str, float] = {"float64": 1e-12, "float32": 1e-5}
"""Precision → the largest drift that is rounding. Weights that are stored in less than float64 have the second bar in
both: a third is rounded when it is stored. In float16 and bfloat16 that would be far more than rounding, and no plan
whose factors round there claims to be exact."""
NOISE_FACTOR = 4.0
"""A model that enlarges rounding errors may drift by so many times its own noise, and by `MOST` bars at most."""
MOST = 100.0
RATIO = 2.0**-29
"""Rounding in float64 over rounding in float32."""


def allowed(stored: str, precision: str, noise: float, slack: float) -> float:
    """Return the largest drift that is called equivalent.

    Args:
        stored: The coarsest dtype of the weights.
        precision: What the models ran in, `float64` or `float32`.
        noise: The smaller model's own float32 against its float64.
        slack: What the plan says its mathematics leaves beside rounding.
    """
    bar = BARS["float64"] if precision == stored == "float64" else BARS["float32"]
    own = NOISE_FACTOR * noise * (RATIO if bar == BARS["float64"] else 1.0)
    return min(max(bar, own), MOST * bar) + min(slack, BARS["float32"])


@dataclass(frozen=True)
class Drift:
    """One output of one call.

    Attributes:
        output: Its name, `hidden_states[2]`.
        case: Id of the case.
        drift: Precision → max|a - b| / max|a| over what counts.
        noise: The same of the smaller model's float32 answer against its float64 one.
        allowed: Precision → the largest drift that is rounding.
        elements: How many numbers were compared.
    """

    output: str
    case: str
    drift: dict[str, float]
    noise: float
    allowed: dict[str, float]
    elements: int

    @property
    def name(self) -> str:
        """The output without the number of its layer."""
        return self.output.partition("[")[0]

    @property
    def excess(self) -> float:
        """The drift as a multiple of what is allowed, the larger of the precisions."""
        return max(value / self.allowed[precision] for precision, value in self.drift.items())

    @property
    def status(self) -> Status:
        """Identical, equivalent or different."""
        if not any(self.drift.values()):
            return Status.IDENTICAL
        return Status.EQUIVALENT if self.excess <= 1.0 else Status.DIFFERENT


@dataclass(frozen=True)
class OutputDrift:
    """One output over all calls and layers.

    Attributes:
        output: Its name, without the number of a layer.
        status: The worst of all.
        drift: Precision → the largest.
        noise: The largest.
        allowed: Precision → what is allowed where the drift is furthest beyond it, or nearest to it.
        elements: Of all.
        cases: How many cases have it.
        worst_case: The case that is furthest off; empty when all are identical.
    """

    output: str
    status: Status
    drift: dict[str, float]
    noise: float
    allowed: dict[str, float]
    elements: int
    cases: int
    worst_case: str


@dataclass(frozen=True)
class ExpansionVerdict:
    """The outcome of `check`.

    Attributes:
        source: Path of the smaller checkpoint.
        out: Path of the larger one.
        method: What made it; empty where there is no record, and the two have one shape.
        stored: The coarsest dtype of the larger one's weights.
        claimed: Whether the plan says that the function is preserved.
        inexact: Why it does not, in the plan's words.
        slack: See `allowed`.
        drifts: Every output of every call.
        problems: What breaks the proof whatever the numbers: relations with gaps, outputs that are not there.
        unverified: Why there is nothing to compare, or the comparison means nothing.
        notes: What the reader should know besides.
        seed: Of the inputs.
        seconds: Wall time.
    """

    source: str
    out: str
    method: str
    stored: str
    claimed: bool
    inexact: tuple[str, ...] = ()
    slack: float = 0.0
    drifts: tuple[Drift, ...] = ()
    problems: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0
    seconds: float = 0.0
    outputs: tuple[OutputDrift, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = dict.fromkeys(item.name for item in self.drifts)
        rows = tuple(_together([item for item in self.drifts if item.name == name]) for name in names)
        object.__setattr__(self, "outputs", rows)

    @property
    def status(self) -> Status:
        """`different` if anything is; without a claim never better than `unverified`."""
        if self.problems:
            return Status.DIFFERENT
        found = worst([item.status for item in self.outputs])
        if found is Status.DIFFERENT:
            return found
        return found if self.claimed and not self.unverified else Status.UNVERIFIED

    @property
    def ok(self) -> bool:
        """Whether the larger model answers as the smaller one, and is said to."""
        return self.status in (Status.IDENTICAL, Status.EQUIVALENT)

    @property
    def largest(self) -> OutputDrift | None:
        """The output that is furthest off."""
        return max(self.outputs, key=lambda item: max(item.drift.values()), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`; what is not finite as text."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "drifts"}
        cases = len({item.case for item in self.drifts})
        plain: dict[str, Any] = _plain({"status": self.status, "ok": self.ok, "cases": cases, **fields})
        return plain


def _together(items: list[Drift]) -> OutputDrift:
    furthest = max(items, key=lambda item: item.excess)
    status = worst([item.status for item in items])
    return OutputDrift(
        items[0].name,
        status,
        {precision: max(item.drift[precision] for item in items) for precision in furthest.drift},
        max(item.noise for item in items),
        furthest.allowed,
        sum(item.elements for item in items),
        len({item.case for item in items}),
        "" if status is Status.IDENTICAL else f"{furthest.case}: {furthest.output}",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Status):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
