"""Figures that nobody measured, for what is made of figures; and a worker that needs no library."""

from __future__ import annotations

import sys

import pytest

from rewriter.benchmark.cold_start import ColdStart, Course
from rewriter.benchmark.machine import Machine
from rewriter.benchmark.measure import Figures, Measurement
from rewriter.benchmark.remote import Worker, mindspore_worker

WORKER = '''\
"""Adds up its inputs; does what it is told to do wrong."""

import os
import sys

import numpy as np

from rewriter.benchmark.serving import serve


class Adds:
    def __init__(self, request):
        self.fails = request.get("fails", "")

    def give(self, inputs):
        self.inputs = inputs

    def call(self):
        print("noise on standard output", flush=True)
        if self.fails == "raises":
            raise ValueError("not today\\nnor tomorrow")
        if self.fails == "dies":
            print("out of paper", file=sys.stderr, flush=True)
            os._exit(3)
        self.value = sum(self.inputs.values())
        return 0.25

    def output(self):
        return self.value


serve(Adds, lambda: 7)
'''


@pytest.fixture
def adder(tmp_path):
    """A worker that adds up its inputs."""
    path = tmp_path / "adder.py"
    path.write_text(WORKER, encoding="utf-8")
    return Worker((sys.executable, str(path)), mindspore_worker().path)


@pytest.fixture
def machine():
    return Machine("A <CPU>", 2, ("avx2",), 16.0, "Linux x86_64", "3.11.0", "2.10.0", "0.4.1", 2, 0.1)


@pytest.fixture
def figures():
    """Make the figures of a contender: `figures("rewritten", 2.0)`."""

    def make(name, ms, **others):
        usual = {"title": name, "speedup": 1.0, "first_s": 0.5, "difference": 0.0, "samples_ms": (ms,)}
        times = dict.fromkeys(("median_ms", "min_ms", "mean_ms", "p90_ms", "p99_ms"), ms)
        return Figures(name=name, **{**usual, **times, **others})

    return make


@pytest.fixture
def measurement(figures):
    """Make a measurement: `measurement(original=4.0, rewritten=2.0)`."""

    def make(*, batch=1, length=16, protocol="statistics", failed=None, **times):
        found = tuple(figures(name, ms) for name, ms in times.items())
        title = f"Toy, batch {batch}, length {length}"
        return Measurement(title, "Toy", batch, length, protocol, 3, found, failed or {})

    return make


@pytest.fixture
def cold_start():
    courses = (
        Course("original", "original, eager", (1.0, 2.0, 3.0), (0, 0, 0), 0, 0.0),
        Course("rewritten", "rewritten", (2.0, 2.1, 2.2), (1, 1, 1), 3, 1e-7),
        Course("trace", "trace", (5.0, 6.0, 7.0), (1, 2, 3), 0, 0.0),
    )
    return ColdStart("Toy, 3 lengths", (5, 9, 7), courses, {"PyTorch": "not <here>"})
