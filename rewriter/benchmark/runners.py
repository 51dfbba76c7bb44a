"""A contender that is ready to run, in this process or in another."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..equivalence import weights
from . import contenders
from .workloads import Workload, build

Arrays = Mapping[str, npt.NDArray[Any]]


class Runner(Protocol):
    """Runs one contender, one call at a time."""

    def give(self, inputs: Arrays) -> None:
        """Take the arguments of the calls to come; converting them is not part of a call."""

    def call(self) -> float:
        """Run once and return the seconds that it took, until the first output was on the host."""

    def output(self) -> npt.NDArray[Any]:
        """Return the first output of the last call."""

    def close(self) -> None:
        """Free what it holds."""


class Local:
    """Runs a MindSpore contender in this process.

    Args:
        call: What to run.
    """

    def __init__(self, call: contenders.Call) -> None:
        self._call = call
        self._inputs: Mapping[str, Any] = {}
        self._output: npt.NDArray[Any] = np.zeros(0)

    def give(self, inputs: Arrays) -> None:
        """Make tensors of the arguments."""
        self._inputs = weights.as_tensors(inputs)

    def call(self) -> float:
        """Run once; the output as an array is on the host, so the computation is over."""
        start = time.perf_counter()
        self._output = _first_tensor(self._call(self._inputs)).asnumpy()
        return time.perf_counter() - start

    def output(self) -> npt.NDArray[Any]:
        """Return the first output of the last call."""
        return self._output

    def close(self) -> None:
        """Let go of the model."""
        self._call = lambda inputs: None


def local(
    before: ModuleType,
    kind: str,
    rewritten: str,
    workload: Workload,
    seed: int | None,
    buckets: Sequence[int] = (),
) -> Local:
    """Build a MindSpore contender in this process.

    Args:
        before: The original, loaded.
        kind: One of `contenders.KINDS`.
        rewritten: What to load in its place, when the kind is "rewritten".
        workload: Names the model, and its settings.
        seed: Of the weights; None to keep those that the model is made with.
        buckets: Numbers of tokens that a rewritten model pads its inputs to.

    Raises:
        Exception: It cannot be built; anything that a model or a library raises.
    """
    from ..runtime import loader
    from ..runtime.buckets import bucketed

    module = loader.load(rewritten, twin_of=before) if kind == "rewritten" else before
    model = build(module, workload)
    if seed is not None:
        weights.load(model, weights.draw(model, seed))
    if kind == "rewritten" and buckets:
        bucketed(model, buckets)
    return Local(contenders.make(kind, model))


def _first_tensor(value: Any) -> Any:
    while not hasattr(value, "asnumpy"):
        value = value[0]
    return value
