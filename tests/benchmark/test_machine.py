"""The machine as it is described, and the threads that contenders get."""

from __future__ import annotations

import os

import pytest

from rewriter.benchmark.machine import FLAGS, cores, describe
from rewriter.benchmark.threads import limited


def test_this_machine():
    found = describe()
    assert found.cpu
    assert found.cores == found.threads == cores() >= 1
    assert set(found.flags) <= set(FLAGS)
    assert found.memory_gb > 0
    assert found.mindspore in str(found)
    assert describe(1).threads == 1


def test_threads_are_limited_meanwhile(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = cores()
    with limited(1) as count:
        assert count == cores() == 1 or not hasattr(os, "sched_getaffinity")
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("1", "1")
    assert cores() == before
    assert os.environ["OMP_NUM_THREADS"] == "17"
    assert "MKL_NUM_THREADS" not in os.environ


def test_no_limit_changes_nothing(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    with limited(None) as count:
        assert count == cores()
        assert os.environ["OMP_NUM_THREADS"] == "17"


def test_a_limit_ends_with_an_error():
    before = cores()
    with pytest.raises(ValueError, match="x"), limited(1):
        raise ValueError("x")
    assert cores() == before
