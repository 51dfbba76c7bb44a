"""A contender in another process: what is asked and answered, and what is said when it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rewriter.benchmark import remote
from rewriter.benchmark.remote import Remote, Worker, WorkerError, torch_worker
from rewriter.errors import MissingDependency, RewriterError

INPUTS = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones((2, 3))}


def test_questions_and_answers(adder):
    runner = Remote(adder, {})
    runner.give(INPUTS)
    assert runner.call() == 0.25
    assert np.array_equal(runner.output(), INPUTS["a"] + 1)
    assert runner.compiles() == 7
    assert 1 < runner.peak_mb() < 1000  # an interpreter with numpy, not the memory of this process
    runner.close()


def test_a_call_that_raises_ends_nothing(adder):
    runner = Remote(adder, {"fails": "raises"})
    runner.give(INPUTS)
    with pytest.raises(WorkerError, match=r"^ValueError: not today$"):
        runner.call()
    assert runner.compiles() == 7
    runner.close()


def test_a_process_that_dies_is_quoted(adder):
    runner = Remote(adder, {"fails": "dies"})
    runner.give(INPUTS)
    with pytest.raises(WorkerError, match="exit code 3, out of paper"):
        runner.call()
    runner.close()


def test_what_it_wrote_is_gone(adder):
    runner = Remote(adder, {})
    folder = runner._folder
    assert folder.is_dir()
    runner.close()
    assert not folder.exists()
    assert runner._process.returncode == 0


def test_a_worker_that_cannot_build_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(remote.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    with pytest.raises(WorkerError, match="its process ended"):
        Remote(Worker((sys.executable, "-c", "raise SystemExit('no')")), {})
    assert not tmp_path.exists()


def test_the_interpreter_that_is_named_wins(monkeypatch):
    monkeypatch.setenv(remote.PEER_PYTHON, sys.executable)
    assert torch_worker().command[0] == sys.executable
    with pytest.raises(RewriterError, match="no-such-python"):
        torch_worker("no-such-python")
    monkeypatch.setenv(remote.PEER_PYTHON, "no-such-python-either")
    with pytest.raises(RewriterError, match="no-such-python-either"):
        torch_worker()


def test_without_pytorch_the_option_is_named(monkeypatch):
    monkeypatch.delenv(remote.PEER_PYTHON, raising=False)
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="--peer-python"):
        torch_worker()
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: object())
    assert torch_worker().command[0] == sys.executable


def test_an_interpreter_without_pytorch_says_so(tmp_path):
    """A real one: isolated, and blind to the packages of this environment."""
    request = {"kind": "torch", "threads": 1, "weights": None, "model": "BertModel", "config": {}, "fixed": True}
    command = torch_worker(sys.executable).command
    blind = (command[0], "-S", *command[1:])
    with pytest.raises(WorkerError, match=r"No module named 'numpy'|No module named 'torch'"):
        Remote(Worker(blind), request)
    assert Path(command[-1]).is_file()
