"""Timing by interleaved rounds: every contender once per round, so that a slow minute hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .contenders import Call, by_hand, plain, traced
from .workloads import Workload, build, workloads

Progress = Callable[[str], None]
PEERS = ("hand", "trace")


@dataclass(frozen=True)
class Figures:
    """What was measured of one contender.

    Attributes:
        name: Which.
        median_ms: Median time of a call, in milliseconds.
        speedup: Median over the rounds of (time of the original / time of this one).
        first_s: Time of the first call, compiling included, in seconds.
        difference: Largest absolute difference from the original's first output.
        samples_ms: Every time, in the order of the rounds.
    """

    name: str
    median_ms: float
    speedup: float
    first_s: float
    difference: float
    samples_ms: tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """The figures of one workload, all from the same rounds.

    Attributes:
        title: What was run.
        rounds: How many rounds.
        figures: One per contender, the original first.
        failed: Contender → why it could not be measured.
    """

    title: str
    rounds: int
    figures: tuple[Figures, ...]
    failed: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the measurement as plain values."""
        return asdict(self)


def measure(
    original: str | Path,
    rewritten: str | Path,
    *,
    size: str = "base",
    batch: int = 1,
    rounds: int = 7,
    models: tuple[str, ...] = (),
    peers: tuple[str, ...] = (),
    progress: Progress = lambda what: None,
) -> list[Measurement]:
    """Time an original against its rewriting, with the same weights and inputs. Both files are executed.

    Args:
        original: Path or dotted name.
        rewritten: Path or dotted name.
        size: "base" or "tiny"; see `workloads`.
        batch: Rows per call.
        rounds: Timed rounds, after one call of each contender that is not timed.
        models: Names of model classes; one per kind of input when empty.
        peers: Further contenders: "hand" (the encoder in `jit`, by hand) and "trace" (`jit(capture_mode="trace")`).
        progress: Told what runs.

    Raises:
        RewriterError: A file cannot be loaded or has nothing to measure.
        MissingDependency: MindSpore is not installed.
    """
    from ..runtime import loader

    before = loader.load(original)
    after = loader.load(rewritten, twin_of=before)
    result = []
    for workload in workloads(before, size=size, batch=batch, models=models):
        progress(f"{workload.title}: building")
        result.append(_measure_one(before, after, workload, rounds, peers, progress))
    return result


def _measure_one(
    before: Any, after: Any, workload: Workload, rounds: int, peers: tuple[str, ...], progress: Progress
) -> Measurement:
    from ..equivalence import weights

    one = build(before, workload)
    values = weights.draw(one, seed=0)

    def fresh(module: Any) -> Any:
        model = build(module, workload)
        weights.load(model, values)
        return model

    weights.load(one, values)
    twin = fresh(after)
    inputs = weights.as_tensors(workload.inputs)
    makers: dict[str, Callable[[], Call]] = {
        "original": lambda: plain(one, inputs),
        "rewritten": lambda: plain(twin, inputs),
        "hand": lambda: by_hand(fresh(before), inputs, _encoders(twin)),
        "trace": lambda: traced(fresh(before), inputs),
    }
    wanted = ["original", "rewritten", *(name for name in PEERS if name in peers)]
    calls: dict[str, Call] = {}
    first: dict[str, float] = {}
    outputs: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name in wanted:
        progress(f"{workload.title}: first call of {name}")
        try:
            call = makers[name]()
            first[name], outputs[name] = _timed(call)
        except Exception as error:  # a peer that fails is a finding, not the end of the measurement
            if name in ("original", "rewritten"):
                raise
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            continue
        calls[name] = call
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        progress(f"{workload.title}: round {number + 1} of {rounds}")
        for name, call in calls.items():
            samples[name].append(_timed(call)[0])
    base = samples["original"]
    figures = tuple(
        Figures(
            name=name,
            median_ms=round(statistics.median(times) * 1e3, 2),
            speedup=round(statistics.median(b / t for b, t in zip(base, times, strict=True)), 2),
            first_s=round(first[name], 2),
            difference=float(np.max(np.abs(outputs[name] - outputs["original"]))),
            samples_ms=tuple(round(value * 1e3, 2) for value in times),
        )
        for name, times in samples.items()
    )
    return Measurement(workload.title, rounds, figures, failed)


def _timed(call: Call) -> tuple[float, Any]:
    """Return (seconds, first output as an array); the array is on the host, so the computation is over."""
    start = time.perf_counter()
    result = _first_tensor(call()).asnumpy()
    return time.perf_counter() - start, result


def _first_tensor(value: Any) -> Any:
    while not hasattr(value, "asnumpy"):
        value = value[0]
    return value


def _encoders(twin: Any) -> list[str]:
    """Return the dotted names of the submodules with compiled methods, which have run once."""
    from ..equivalence import weights

    return [name for name, module in weights.modules(twin) if "_graphs" in vars(module)]
