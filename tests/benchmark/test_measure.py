"""What figures are made of times, in which order contenders run, and what a failure does."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from rewriter.benchmark.measure import Taken
from rewriter.benchmark.plan import Plan
from rewriter.benchmark.stage import Entrant
from rewriter.errors import RewriterError

measure = importlib.import_module("rewriter.benchmark.measure")  # the package has a function of this name
ORIGINAL = Entrant("original", "original, eager", "original", "a.py", required=True)
REWRITTEN = Entrant("rewritten", "rewritten", "rewritten", "b.py", required=True)
PEER = Entrant("hand", "by hand", "hand", "a.py")


class Toy:
    """Takes as long as it is told to, and keeps a diary."""

    def __init__(self, name, diary, seconds=0.0, fails=False):
        self.name, self.diary, self.seconds, self.fails = name, diary, seconds, fails

    def give(self, inputs):
        self.inputs = inputs

    def call(self):
        if self.fails:
            raise ValueError("cannot\nbecause")
        self.diary.append(self.name)
        return self.seconds

    def output(self):
        return np.array([self.seconds])

    def close(self):
        self.diary.append(f"{self.name} closed")


@pytest.fixture(autouse=True)
def restless(monkeypatch):
    monkeypatch.setattr(measure, "REST_S", 0.0)


def test_the_figures_of_a_contender():
    taken = {
        "original": Taken(1.0, np.array([1.0, 2.0]), [0.100, 0.300, 0.200]),
        "rewritten": Taken(5.0, np.array([1.0, 2.5]), [0.040, 0.100, 0.010]),
    }
    found = measure._figures(REWRITTEN, taken, Plan())
    assert (found.min_ms, found.median_ms, found.mean_ms) == (10.0, 40.0, 50.0)
    assert (found.p90_ms, found.p99_ms) == (88.0, 98.8)
    assert found.speedup == 3.0  # the median of 2.5, 3 and 20, not 200 / 40
    assert found.difference == 0.5
    assert (found.first_s, found.samples_ms) == (5.0, (40.0, 100.0, 10.0))
    assert measure._figures(REWRITTEN, taken, Plan(protocol="contest")).speedup == 4.0  # 200 / 50


def test_everybody_runs_once_per_round_and_begins_in_turn():
    diary: list[str] = []
    running = {name: Toy(name, diary, 0.5) for name in "abc"}
    samples = measure._interleaved(running, Plan(rounds=3, warmup=1), lambda what: None)
    assert "".join(diary) == "abcbcacabcba"
    assert samples == {name: [0.5] * 3 for name in "abc"}


def test_a_contest_is_calls_in_a_row():
    diary: list[str] = []
    running = {name: Toy(name, diary, 0.5) for name in "ab"}
    samples = measure._contest(running, Plan(rounds=3, protocol="contest"), lambda what: None)
    assert "".join(diary) == "aaabbb"
    assert samples == {"a": [0.5] * 3, "b": [0.5] * 3}


def run(runners, plan, failed=None):
    from rewriter.benchmark.workloads import Workload

    told = []
    count = measure._Count(len(runners) * (1 + plan.warmup + plan.rounds), lambda what, done: told.append(done))
    workload = Workload("Toy", {}, {}, "Toy", 2, 8)
    entered = [ORIGINAL, REWRITTEN, PEER]
    return measure._measure_one(workload, entered, runners, failed or {}, plan, count), told


def test_a_peer_that_fails_is_a_finding():
    diary: list[str] = []
    runners = {"original": Toy("o", diary, 0.2), "rewritten": Toy("r", diary, 0.1), "hand": Toy("h", diary, fails=True)}
    found, _ = run(runners, Plan(rounds=2))
    assert [figures.name for figures in found.figures] == ["original", "rewritten"]
    assert found.failed == {"by hand": "ValueError: cannot"}
    assert (found.batch, found.length, found.rounds) == (2, 8, 2)


def test_a_rewriting_that_fails_ends_it():
    runners = {"original": Toy("o", [], 0.2), "rewritten": Toy("r", [], fails=True)}
    with pytest.raises(RewriterError, match="rewritten: ValueError: cannot") as caught:
        run(runners, Plan(rounds=2))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("missing", [True, False])
def test_progress_goes_from_0_to_1(missing):
    runners = {name: Toy(name, [], 0.2) for name in ("original", "rewritten", "hand")}
    failed = {}
    if missing:
        del runners["hand"]
        failed = {"by hand": "not installed"}
    plan = Plan(rounds=4, warmup=1)
    found, told = run({**runners}, plan, failed)
    assert told == sorted(told)
    assert told[0] == 0.0
    assert found.failed == failed


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"size": "huge"}, "--size"),
        ({"protocol": "guess"}, "--protocol"),
        ({"peers": ("hand", "onnx")}, "--peers onnx"),
        ({"batches": (0,)}, "--batch"),
        ({"lengths": ()}, "--length"),
        ({"rounds": 0}, "--rounds"),
        ({"threads": 0}, "--threads"),
    ],
)
def test_choices_that_there_are_not(options, option):
    with pytest.raises(RewriterError, match=option):
        Plan(**options)
