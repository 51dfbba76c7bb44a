"""Starting contenders: who cannot be built is named or ends it, and nobody outlives the block."""

from __future__ import annotations

import pytest

from rewriter.benchmark.measure import entrants
from rewriter.benchmark.stage import started
from rewriter.benchmark.workloads import Workload
from rewriter.errors import RewriterError

WORKLOAD = Workload("Toy", {}, {}, "Toy, length 8")


class Runner:
    """Is either open or closed."""

    def __init__(self):
        self.is_open = True

    def give(self, inputs):
        pass

    def call(self):
        return 0.0

    def output(self):
        return None

    def close(self):
        self.is_open = False


@pytest.fixture
def workshop():
    """Make a function that starts everybody but one; `.made` has who was started."""

    def make(broken):
        def start(entrant):
            if entrant.name == broken:
                raise ValueError("no\nparts")
            start.made.append(Runner())
            return start.made[-1]

        start.made = []
        return start

    return make


def test_a_peer_that_cannot_be_built_is_a_finding(workshop):
    start, told = workshop("hand"), []
    with started(entrants("a.py", "b.py", ["hand", "trace"]), start, WORKLOAD, told.append) as (runners, failed):
        assert list(runners) == ["original", "rewritten", "trace"]
        assert failed == {"hand recipe (encoder in jit)": "ValueError: no"}
        assert all(runner.is_open for runner in start.made)
    assert not any(runner.is_open for runner in start.made)
    assert told[0] == "Toy: building original, eager"


def test_a_rewriting_that_cannot_be_built_ends_it(workshop):
    start = workshop("rewritten")
    with (
        pytest.raises(RewriterError, match="Toy, length 8: rewritten: ValueError: no") as caught,
        started(entrants("a.py", "b.py", ["hand"]), start, WORKLOAD, lambda what: None),
    ):
        pytest.fail("it began")
    assert caught.value.exit_code == 1
    assert [runner.is_open for runner in start.made] == [False]
