"""The side of a worker process: requests as lines of JSON on standard input, an answer to each on standard output.

A worker for another interpreter loads this file by its path, so it imports nothing but the standard library and numpy.

| request | answer |
| --- | --- |
| `{"do": "build", …}` | `{}`; what else is in it is for the worker |
| `{"do": "give", "path": NPZ}` | `{}`; the arguments of the calls to come |
| `{"do": "call"}` | `{"seconds": …}` |
| `{"do": "output", "path": NPY}` | `{}`; writes the first output of the last call |
| `{"do": "compiles"}` | `{"compiles": …}`, since the start |
| `{"do": "peak"}` | `{"mb": …}`, the largest resident memory since the start |

An answer with `error` says what went wrong; the worker goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Request = dict[str, Any]


def serve(make: Callable[[Request], Any], compiles: Callable[[], int]) -> None:
    """Answer requests until there are no more.

    Args:
        make: Makes a `Runner` of a request to build one.
        compiles: Counts the graphs compiled since the start.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    runner: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if request["do"] == "build":
                runner = make(request)
            elif request["do"] == "compiles":
                answer["compiles"] = compiles()
            elif request["do"] == "peak":
                answer["mb"] = peak_mb()
            else:
                answer = _run(runner, request)
        except Exception as error:  # the one who asked decides what it means
            answer = {"error": summary(error)}
        print(json.dumps(answer), file=answers, flush=True)


def _run(runner: Any, request: Request) -> dict[str, Any]:
    if request["do"] == "give":
        with np.load(request["path"]) as arrays:
            runner.give(dict(arrays))
    elif request["do"] == "call":
        return {"seconds": runner.call()}
    elif request["do"] == "output":
        np.save(request["path"], runner.output())
    return {}


def summary(error: BaseException) -> str:
    """Return an error in one line."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def peak_mb() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # unlike getrusage, it does not count the memory of the process that started this one
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
