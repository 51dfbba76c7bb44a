"""Whether a device has the kernel of a call, found out by making the call.

What the documentation names is neither all that runs nor always true, and it changes with every release; so the call is
made, once, on a few numbers. MindSpore launches kernels in the background: the error of one call may be raised by the
next, or by a third. Each call is therefore waited for, and after one that fails, for the errors that are still to come.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

_MISSING = re.compile(
    r"Unsupported op \[(\w+)\] on|The kernel (\w+) unregistered|'(\w+)' is not supported on this device"
    r"|Create kernelmod for op (\w+Ext|Inplace\w+) failed|Not found op (\w+) on device"
    r"|(\w+) only supports? Ascend|(\w+) method support Ascend only"
    r"|'Tensor' object has no attribute '(set_data)'"  # no kernel, but as well a thing that libraries count on
)

_ROUNDS = 200
"""How often a call that must succeed is tried until all late errors have been seen; a few milliseconds in all."""

_IN_A_ROW = 3
"""So many calls must succeed one after the other before a failure is taken for one's own."""


def missing_kernel(error: Exception | None) -> str:
    """Return the operator without a kernel that `error` is about; empty when it is about something else."""
    found = _MISSING.search(str(error)) if error is not None else None
    return next(name for name in found.groups() if name) if found else ""


def lacks_kernel(probe: Callable[[], Any]) -> bool:
    """Make a call and tell whether it fails for want of a kernel. What fails for another reason is not ours to mend."""
    try:
        _wait_for(probe())
    except Exception as error:
        settle()
        return bool(missing_kernel(error))
    return False


def settle() -> None:
    """Wait until the errors of earlier calls have been raised, and drop them."""
    import mindspore

    in_a_row = 0
    for _ in range(_ROUNDS):
        try:
            (mindspore.Tensor([1.0]) + 1).asnumpy()
        except Exception:
            in_a_row = 0
            time.sleep(0.001)
            continue
        in_a_row += 1
        if in_a_row == _IN_A_ROW:
            return


def _wait_for(result: Any) -> None:
    if isinstance(result, (tuple, list)):
        for part in result:
            _wait_for(part)
    elif hasattr(result, "asnumpy"):
        result.asnumpy()
