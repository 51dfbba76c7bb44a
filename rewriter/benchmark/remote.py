"""The side of the one who asks: a contender in a process of its own, which computes only while it is asked to."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import MissingDependency, RewriterError
from .runners import Arrays

PEER_PYTHON = "REWRITER_PEER_PYTHON"
"""Environment variable: the interpreter with PyTorch."""


class WorkerError(Exception):
    """What a worker answered instead of a result."""


@dataclass(frozen=True)
class Worker:
    """How to start a worker process.

    Attributes:
        command: Starts it.
        path: Its PYTHONPATH; empty for none.
    """

    command: tuple[str, ...]
    path: str = ""


class Remote:
    """Runs a contender in a worker process; see `serving` for what is said.

    Args:
        worker: Which.
        request: What it is to build.

    Raises:
        WorkerError: It cannot be built.
    """

    def __init__(self, worker: Worker, request: Mapping[str, Any]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rewriter-bench-"))
        self._log = (self._folder / "stderr").open("w+b")
        self._process = subprocess.Popen(
            worker.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            env={"GLOG_v": "3", **os.environ, "PYTHONPATH": worker.path},
        )
        try:
            self._ask("build", **request)
        except BaseException:
            self.close()
            raise

    def give(self, inputs: Arrays) -> None:
        """Send the arguments of the calls to come."""
        path = self._folder / "inputs.npz"
        save(path, inputs)
        self._ask("give", path=str(path))

    def call(self) -> float:
        """Run once; the worker's own clock, so that the pipe is not part of it."""
        return float(self._ask("call")["seconds"])

    def output(self) -> npt.NDArray[Any]:
        """Fetch the first output of the last call."""
        path = self._folder / "output.npy"
        self._ask("output", path=str(path))
        found: npt.NDArray[Any] = np.load(path)
        return found

    def compiles(self) -> int:
        """Return how many graphs it has compiled."""
        return int(self._ask("compiles")["compiles"])

    def peak_mb(self) -> float:
        """Return its largest resident memory so far, in MiB."""
        return float(self._ask("peak")["mb"])

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, what: str, **rest: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": what, **rest}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"its process ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")
        return f"exit code {code}, {said}"


def save(path: Path, arrays: Arrays) -> None:
    """Write arrays where a worker finds them."""
    with path.open("wb") as file:
        np.savez(file, **dict(arrays))


def mindspore_worker() -> Worker:
    """Return how to start a worker with MindSpore, which finds this project where this process does."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return Worker((sys.executable, str(Path(__file__).with_name("mindspore_worker.py"))), path)


def torch_worker(python: str | None = None) -> Worker:
    """Return how to start a worker with PyTorch.

    Args:
        python: Its interpreter; None for `REWRITER_PEER_PYTHON`, and without that this one, if it has torch.

    Raises:
        RewriterError: There is no such interpreter.
        MissingDependency: None is named, and this one has no torch.
    """
    python = python or os.environ.get(PEER_PYTHON)
    if python is None:
        if importlib.util.find_spec("torch") is None:
            raise MissingDependency(
                "no PyTorch in this environment: --peer-python or REWRITER_PEER_PYTHON names an interpreter that has it"
            )
        python = sys.executable
    elif shutil.which(python) is None:
        raise RewriterError(f"--peer-python {python}: no such interpreter")
    # Isolated: a path of this environment would lead it to packages of another Python.
    return Worker((python, "-I", str(Path(__file__).with_name("torch_worker.py"))))
