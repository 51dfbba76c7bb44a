"""One model class of a survey, and what the survey says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

IDENTICAL, EQUIVALENT, DIFFERENT, REFUSED, ERROR = "identical", "equivalent", "different", "refused", "error"
TOLERANCE = 1e-5
"""Relative to max(1, |value|): families that are compared here amplify rounding more than BERT and CLIP do."""

NO_KERNEL = "no kernel"
"""The rewritten file answers on this device under stand-ins only."""

GOOD = (IDENTICAL, EQUIVALENT)
CALLS = ("tuple", "mask", "all", "packed")
"""The calls of every model: a tuple, one under a mask, one with all outputs, and those as a `ModelOutput`."""


@dataclass(frozen=True)
class Row:
    """One model class.

    Attributes:
        family: The folder of its file.
        model: Its name.
        lines: Of the file.
        encoder: Call → how the layers that are compiled answer, be it in a graph of their own or the model's.
        whole: Call → how the model answers as one graph; "refused" where parts of it run as plain Python.
        auto: The same with `--capture auto`; empty where it was not asked, since `whole` is good.
        strict: What the unmodified model does as one STRICT graph.
        trace: What it does under `capture_mode="trace"`, with other values than it was recorded with.
        worst: The largest absolute difference in all calls.
        why: Why it is not all good.
        seconds: What the model took.
        lacking: The operator without a kernel for which stand-ins took part in the original's answers.
    """

    family: str
    model: str
    lines: int = 0
    encoder: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, str] = field(default_factory=dict)
    auto: Mapping[str, str] = field(default_factory=dict)
    strict: str = ""
    trace: str = ""
    worst: float = 0.0
    why: tuple[str, ...] = ()
    seconds: float = 0.0
    lacking: str = ""

    def compiles(self, what: str) -> bool:
        """Tell whether all calls of `encoder`, `whole` or `auto` are answered by graphs, and right."""
        found = getattr(self, what)
        return bool(found) and all(state in GOOD for state in found.values())

    @property
    def standing(self) -> str:
        """The row in a word: whole, auto, encoder, different, or left."""
        if any(state == DIFFERENT for found in (self.encoder, self.whole, self.auto) for state in found.values()):
            return DIFFERENT
        return next((what for what in ("whole", "auto", "encoder") if self.compiles(what)), "left")

    @property
    def is_exact(self) -> bool:
        """Whether every graph answers bit for bit."""
        found = {"whole": self.whole, "auto": self.auto}.get(self.standing, self.encoder)
        return self.standing != DIFFERENT and bool(found) and set(found.values()) == {IDENTICAL}

    def flat(self) -> dict[str, Any]:
        """Return the row as one line of a table."""
        cells: dict[str, Any] = {"family": self.family, "model": self.model, "standing": self.standing}
        for what in ("encoder", "whole", "auto"):
            cells.update((f"{what} {call}", getattr(self, what).get(call, "")) for call in CALLS)
        cells["stand-in for"] = self.lacking
        cells.update({"exact": self.is_exact, "worst": f"{self.worst:.1e}", "strict": self.strict, "trace": self.trace})
        return {**cells, "lines": self.lines, "seconds": round(self.seconds, 1), "why": " | ".join(self.why)}

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, which `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Row:
        """Return the row of a JSON object."""
        return cls(**{**{item.name: document[item.name] for item in fields(cls)}, "why": tuple(document["why"])})


def totals(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many models there are, and how many of them are answered right by graphs, in each way."""
    known = [row for row in rows if row.encoder or row.whole or row.strict or row.trace]
    found = {"models": len(known)}
    for call in CALLS:
        found[f"encoder {call}"] = sum(row.encoder.get(call) in GOOD for row in known)
    found["whole"] = sum(row.compiles("whole") for row in known)
    found["whole or auto"] = sum(row.compiles("whole") or row.compiles("auto") for row in known)
    found["bit for bit"] = sum(row.is_exact for row in known)
    found["different"] = sum(row.standing == DIFFERENT for row in known)
    found["unmodified strict"] = sum(row.strict in GOOD for row in known)
    found["unmodified trace"] = sum(row.trace in GOOD for row in known)
    return found
