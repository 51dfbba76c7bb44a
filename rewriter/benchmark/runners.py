"""A contender that is ready to run, in this process or in another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .contenders import Call

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

    def __init__(self, call: Call) -> None:
        self._call = call
        self._inputs: Mapping[str, Any] = {}
        self._output: npt.NDArray[Any] = np.zeros(0)

    def give(self, inputs: Arrays) -> None:
        """Make tensors of the arguments."""
        from ..equivalence import weights

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


def _first_tensor(value: Any) -> Any:
    while not hasattr(value, "asnumpy"):
        value = value[0]
    return value
