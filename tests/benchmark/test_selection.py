"""Which passes are up for judgement, and what becomes of them by figures that nobody measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rewriter
from rewriter import Pass
from rewriter.benchmark import selection
from rewriter.benchmark.judge import MARGIN
from rewriter.benchmark.plan import Plan
from rewriter.benchmark.selection import AGAIN, WHOLE, Judged, Selection, Timed, candidates
from rewriter.equivalence.gate import Proof
from rewriter.errors import RewriterError
from rewriter.passes import Outcome, PassReport, Site
from rewriter.targets import Device

FILE = "from mindspore import nn\n\n\nclass Layer(nn.Cell):\n    def construct(self, x):\n        return x\n"
ROUNDS = 20


class Quick(Pass):
    """One for speed."""

    name = "quick"
    for_speed = True

    def rewrite(self, context):
        return context.tree


class Base(Quick):
    """One for speed that another needs."""

    name = "base"


class User(Pass):
    """One that is not for speed."""

    name = "user"
    requires = ("base",)

    def rewrite(self, context):
        return context.tree


@pytest.fixture
def result():
    """A rewriting of which each of the passes says that it rewrote something."""

    def made(*names, outcome=Outcome.REWRITTEN):
        reports = tuple(PassReport(name, (Site(name, 1, "a call", outcome, "because"),)) for name in names)
        return replace(rewriter.rewrite(FILE, passes=["jit"]), reports=reports)

    return made


def test_candidates_are_for_speed_did_something_and_are_needed_by_nobody(result):
    passes = [User(), Quick(), Base()]
    assert candidates(result("user", "quick", "base"), passes) == ["quick"]
    assert candidates(result("quick", "base"), [Quick(), Base()]) == ["quick", "base"]
    assert candidates(result("quick", outcome=Outcome.SKIPPED), passes) == []


def test_the_passes_for_speed_and_those_that_make_a_graph():
    from rewriter import plugins

    found = {item.name: item.for_speed for _, item in plugins.load().passes()}
    assert {name for name, for_speed in found.items() if for_speed} == {
        "broadcasts",
        "fused-projections",
        "gelu",
        "gelu-sigmoid",
        "linear",
        "patches",
        "products",
        "query-scale",
        "scale",
        "slices",
    }


@pytest.fixture
def timed(measurement, figures):
    """A workload in which the whole took 1 ms a round, and others as long as they are told to."""

    def made(failed=None, **ratios):
        one = measurement(failed=failed)
        times = {WHOLE: 1.0, **ratios, AGAIN: 1.0}
        return replace(one, figures=tuple(figures(name, ms, samples_ms=(ms,) * ROUNDS) for name, ms in times.items()))

    return made


def test_a_pass_is_kept_for_its_speed_or_left_out(timed):
    measured = [timed(quick=1.12, level=1.0, slow=0.9)]
    margins = {measured[0].title: MARGIN}
    told = {name: str(selection._judged(name, measured, margins)) for name in ("quick", "level", "slow")}
    assert told["quick"] == "kept: 1.12x, faster in 20 of 20 rounds"
    assert told["level"] == "left out: 1.00x, faster in 0 of 20 rounds"
    assert told["slow"] == "left out: 0.90x, faster in 0 of 20 rounds"


def test_what_does_not_run_without_a_pass_keeps_it(timed):
    measured = [timed(failed={"without needed": "ValueError: no"})]
    found = selection._judged("needed", measured, {measured[0].title: MARGIN})
    assert found.kept
    assert str(found) == "kept: without it, it does not run: ValueError: no"


def test_the_document_has_every_figure(result, timed):
    measured = [timed(quick=1.12)]
    judged = selection._judged("quick", measured, {measured[0].title: MARGIN})
    found = Selection(Proof(result("quick")), "cpu", (Timed("Toy", ROUNDS, 1.0, MARGIN),), (judged,))
    document = found.to_json()
    (one,) = document["passes"]
    assert one["kept"] is True
    assert one["comparisons"][measured[0].title]["wins"] == ROUNDS
    assert document["timed"] == [{"title": "Toy", "rounds": ROUNDS, "median_ms": 1.0, "margin": MARGIN}]
    assert document["device"] == "cpu"


def test_a_pass_may_be_kept_for_another_reason():
    assert str(Judged("one", True, "without it, nothing is left")) == "kept: without it, nothing is left"


def test_too_few_rounds_and_another_device_are_refused():
    with pytest.raises(RewriterError, match="7 rounds at least"):
        selection.check(Plan(rounds=6), Device.PORTABLE)
    with pytest.raises(RewriterError, match="for ascend"):
        selection.check(Plan(rounds=7), Device.ASCEND)
    assert selection.check(Plan(rounds=7), Device.CPU) == "cpu"
