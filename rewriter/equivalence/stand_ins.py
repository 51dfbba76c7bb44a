"""What the device at hand lacks: telling a missing kernel from a fault, and standing in so that the original can run.

A call that fails for want of a kernel proves nothing about the two files. Where the meaning of the operator is
documented and short, the reference is computed with a stand-in in its place, and the verdict says so.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_MISSING = re.compile(
    r"Unsupported op \[(\w+)\] on|The kernel (\w+) unregistered|'(\w+)' is not supported on this device"
)


def missing_kernel(error: Exception | None) -> str:
    """Return the operator without a kernel that `error` is about; empty when it is about something else."""
    found = _MISSING.search(str(error)) if error is not None else None
    return next(name for name in found.groups() if name) if found else ""


@contextlib.contextmanager
def standing_in() -> Iterator[None]:
    """Put the stand-ins in the place of MindSpore's functions meanwhile."""
    before: list[tuple[Any, str, Any]] = []
    try:
        for path, function in STAND_INS.items():
            module_name, _, name = path.rpartition(".")
            module = importlib.import_module(module_name)
            before.append((module, name, getattr(module, name)))
            setattr(module, name, function)
        yield
    finally:
        for module, name, native in before:
            setattr(module, name, native)


def _einsum(equation: str, *operands: Any) -> Any:
    """`mindspore.ops.einsum`, which has no kernel on a CPU: computed in float64, and rounded once."""
    import mindspore

    arrays = [operand.asnumpy() for operand in operands]
    result = np.einsum(equation, *(array.astype(np.float64) for array in arrays))
    return mindspore.Tensor(result.astype(arrays[0].dtype))


STAND_INS: dict[str, Callable[..., Any]] = {"mindspore.ops.einsum": _einsum}
"""Qualified name → a Python function of the documented meaning. Forward only, in eager mode only."""
