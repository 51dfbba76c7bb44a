"""The printed verdict: what it says, and that piped lines are whole."""

from __future__ import annotations

import io

from rich.console import Console

from rewriter.equivalence.cases import Case
from rewriter.equivalence.render import render, render_cases
from rewriter.equivalence.statistics import Figures, OutputDifference, Status
from rewriter.equivalence.verdict import CaseResult, MethodRuns, ModeResult, OutputVerdict, Verdict


def printed(verdict: Verdict, *, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200 if terminal else 40, color_system=None)
    render(verdict, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def row(output: str, mode: str, status: Status, worst: float = 0.0) -> OutputVerdict:
    return OutputVerdict("BertModel", output, mode, status, Figures(worst, worst / 2, 0.0), Figures(), 10, 2, "", "")


BAD = OutputDifference("hidden_states[1]", "value", Status.DIFFERENT, "3 of 10 elements differ", excess=7.0)
FINE = OutputDifference("hidden_states[1]", "value", Status.IDENTICAL)
VERDICT = Verdict(
    "one.py",
    "two.py",
    "quick",
    0,
    surface=("BertModel[x].construct(a) became BertModel[x].construct(b)",),
    outputs=(
        row("hidden_states", "eager", Status.IDENTICAL),
        row("hidden_states", "jit", Status.DIFFERENT, 0.25),
        row("[0]", "eager", Status.IDENTICAL),
        row("[0]", "jit", Status.IDENTICAL),
    ),
    cases=(
        CaseResult("BertModel/mask=none", "BertModel", (ModeResult("eager", (FINE,)), ModeResult("jit", (BAD,)))),
        CaseResult("BertModel/mask=ones", "BertModel", (ModeResult("eager", (FINE,)), ModeResult("jit", (FINE,)))),
        CaseResult("BertModel/mask=odd", "BertModel", unverified="the original answers differently"),
    ),
    methods=(
        MethodRuns("BertEncoder._flat", 4, (("Unsupported statement 'Try'.", 1),)),
        MethodRuns("Other._flat", 0, ()),
    ),
    unchecked={"BertHead": "no cases"},
    seconds=3.0,
)


def test_everything_that_matters_is_said():
    text = printed(VERDICT)
    assert "BertModel  hidden_states  jit         different  2.5e-01  1.2e-01   0" in text
    assert "BertModel  [0]            eager, jit  identical  0" in text
    assert "different  BertModel/mask=none" in text
    assert "jit: hidden_states[1]: 3 of 10 elements differ" in text
    assert "unverified  BertModel/mask=odd\n  the original answers differently" in text
    assert "BertModel[x].construct(a) became BertModel[x].construct(b)" in text
    assert "unverified  BertHead: no cases" in text
    assert "BertEncoder._flat ran uncompiled in 1 of 4 calls\n  1 times  Unsupported statement 'Try'." in text
    assert "Other._flat was never called" in text
    assert "3 cases in 3 s (quick, seed 0): 1 identical, 1 unverified, 1 different" in text
    assert "worst case: BertModel/mask=none" in text
    assert text.rstrip().endswith("different, and not everything ran compiled  one.py → two.py")


def test_a_terminal_gets_a_table_with_the_same_words():
    text = printed(VERDICT, terminal=True)
    assert "hidden_states" in text
    assert "eager, jit" in text
    assert "2.5e-01" in text


def test_a_good_verdict_is_short():
    good = Verdict(
        "a.py", "b.py", "full", 3, cases=VERDICT.cases[1:2], methods=(MethodRuns("E._flat", 2, ()),), seconds=1.4
    )
    lines = printed(good).splitlines()
    assert lines[-3:] == [
        "E._flat ran compiled in all 2 calls",
        "1 cases in 1 s (full, seed 3): 1 identical",
        "identical  a.py → b.py",
    ]


def test_notes_are_printed_unless_they_are_what_one_expects():
    cases = (
        CaseResult("a", "M", note="with a stand-in for Einsum, which has no kernel here"),
        CaseResult("b", "M", note="with a stand-in for Einsum, which has no kernel here"),
        CaseResult("c", "M", note="both raise ValueError: nothing to do"),
        CaseResult("d", "M", note="both raise RuntimeError: broken", vacuous=True),
    )
    text = printed(Verdict("a.py", "b.py", "quick", 0, cases=cases))
    assert "2 cases  with a stand-in for Einsum, which has no kernel here" in text
    assert "1 case  both raise RuntimeError: broken" in text
    assert "ValueError" not in text


def test_a_loosened_tolerance_is_printed():
    assert "loosened to 0.01" in printed(
        Verdict("a", "b", "quick", 0, tolerance=0.01, loosened=True, cases=VERDICT.cases[1:2])
    )


def test_nothing_compiled_is_said():
    assert "compiles nothing" in printed(Verdict("a", "b", "quick", 0, cases=VERDICT.cases[1:2]))


def test_cases_are_listed_one_per_line():
    console = Console(file=io.StringIO(), width=20)
    render_cases(
        [Case("BertModel/mask=none/batch=3", "BertModel", description="a wrong call"), Case("x[0]", "x")], console
    )
    assert console.file.getvalue().splitlines() == ["BertModel/mask=none/batch=3  a wrong call", "x[0]"]  # type: ignore[attr-defined]
