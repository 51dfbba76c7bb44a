"""Requests of different lengths: their order, who is ahead when, who drops out; and a real start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import rewriter
from rewriter.benchmark import cold_start as module
from rewriter.benchmark.cold_start import cold_start
from rewriter.benchmark.measure import entrants
from rewriter.benchmark.plan import Plan
from rewriter.errors import RewriterError

BERT = Path(__file__).resolve().parents[2] / "models" / "bert" / "modeling_bert.py"


def test_lengths_are_different_and_the_same_every_time():
    lengths = module._lengths(40, 128)
    assert len(set(lengths)) == 40
    assert module.SHORTEST <= min(lengths) <= max(lengths) <= 128
    assert list(lengths) != sorted(lengths)
    assert lengths == module._lengths(40, 128)


def test_more_requests_than_lengths():
    assert set(module._lengths(5, 8)) == {4, 5, 6, 7, 8}
    with pytest.raises(RewriterError, match="5 lengths up to 8"):
        module._lengths(6, 8)


@pytest.mark.parametrize(
    ("seconds", "ahead"),
    [
        ([5.0, 0.1, 0.1, 0.1], 0),
        ([2.5, 0.1, 0.1, 0.1], 3),
        ([0.5, 0.5, 0.5, 0.5], 1),
        ([0.5, 3.0, 0.1, 0.1], 4),  # ahead at first, but that does not count
        ([1.0, 1.0, 1.0, 1.0], 0),
    ],
)
def test_from_which_request_on_it_is_ahead(seconds, ahead):
    original, rewritten = entrants("a.py", "b.py")
    logs = {
        "original": SimpleNamespace(seconds=[1.0] * 4, compiles=[0] * 4, difference=0.0),
        "rewritten": SimpleNamespace(seconds=seconds, compiles=[1, 1, 2, 2], difference=1e-7),
    }
    course = module._course(rewritten, logs)
    assert course.ahead == ahead
    assert course.total_s == tuple(np.round(np.cumsum(seconds), 4))
    assert course.compiles == (1, 1, 2, 2)
    assert module._course(original, logs).ahead == 0


def test_who_fails_is_out(adder):
    """Real processes: one answers otherwise than the original, one not at all."""
    entered = entrants("a.py", "b.py", ["hand", "trace"])
    kinds = {"original": "", "rewritten": "", "hand": "raises", "trace": "dies"}
    logs = {name: module._Log(module.Remote(adder, {"fails": fails})) for name, fails in kinds.items()}
    runners = [log.runner for log in logs.values()]
    failed: dict[str, str] = {}
    for _ in range(2):
        module._request({"a": np.ones(2), "b": np.ones(2)}, entered, logs, failed)
    assert set(logs) == {"original", "rewritten"}
    assert [reason.partition(":")[0] for reason in failed.values()] == ["ValueError", "its process ended"]
    assert logs["rewritten"].seconds == [0.25, 0.25]
    assert logs["rewritten"].difference == 0.0
    for runner in runners:
        runner.close()


def test_an_original_that_fails_ends_it(adder):
    entered = entrants("a.py", "b.py")
    logs = {item.name: module._Log(module.Remote(adder, {"fails": "raises"})) for item in entered}
    with pytest.raises(RewriterError, match="not today"):
        module._request({"a": np.ones(2)}, entered, logs, {})
    for log in logs.values():
        log.runner.close()


@pytest.mark.slow
def test_a_real_start():
    """The original against itself, and the hand recipe, which compiles once per length."""
    plan = Plan(size="tiny", lengths=(6,), models=("BertModel",), peers=("hand",))
    (found,) = cold_start(BERT, BERT, 2, plan)
    assert len(found.lengths) == 2
    assert not found.failed
    by_name = {course.name: course for course in found.courses}
    assert by_name["original"].compiles[-1] == by_name["rewritten"].compiles[-1]
    assert by_name["hand"].compiles == (by_name["original"].compiles[0] + 1, by_name["original"].compiles[1] + 2)
    assert by_name["rewritten"].difference == 0.0
    assert by_name["hand"].difference < 1e-5


@pytest.mark.slow
def test_buckets_are_compiled_and_no_lengths(tmp_path):
    path = tmp_path / "modeling_bert_rewritten.py"
    path.write_text(rewriter.rewrite(BERT).text, encoding="utf-8")
    plan = Plan(size="tiny", lengths=(16,), models=("BertModel",), buckets=(8, 16))
    (found,) = cold_start(BERT, path, 12, plan)
    course = found.courses[1]
    assert course.compiles[-1] == 2
    assert course.difference < 1e-5
