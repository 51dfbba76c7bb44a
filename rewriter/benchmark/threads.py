"""The same number of threads for every contender, whatever library it runs on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from .machine import cores

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextlib.contextmanager
def limited(threads: int | None) -> Iterator[int]:
    """Run with so many threads, in this process and those that it starts; yields how many.

    The process is bound to as many cores where the system can do that: no pool, however large, gets more than those.
    On Linux that holds for the threads that are made from now on, so it should come before the first operator.

    Args:
        threads: How many; None for as many as there are cores, which changes nothing.
    """
    os.environ.setdefault("GLOG_v", "3")  # MindSpore's own warnings would bury the tables
    count = min(threads or cores(), cores())
    if threads is None:
        yield count
        return
    before = {name: os.environ.get(name) for name in _VARIABLES}
    bound = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    os.environ.update(dict.fromkeys(_VARIABLES, str(count)))
    if bound is not None:
        os.sched_setaffinity(0, sorted(bound)[:count])
    try:
        yield count
    finally:
        if bound is not None:
            os.sched_setaffinity(0, bound)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def limit_mindspore(count: int) -> None:
    """Give MindSpore's kernels so many threads; effective before the first operator only."""
    import mindspore

    mindspore.set_context(runtime_num_threads=count)
