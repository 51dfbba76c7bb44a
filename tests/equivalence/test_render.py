"""The printed verdict: what it says, and that piped lines are whole."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from rewriter.equivalence.cases import Case
from rewriter.equivalence.render import render, render_cases
from rewriter.equivalence.statistics import Figures, OutputDifference, Status
from rewriter.equivalence.verdict import CaseResult, MethodRuns, ModeResult, OutputVerdict, Verdict


def printed(verdict: Verdict, *, terminal: bool = False, verbose: bool = False) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120 if terminal else 40, color_system=None)
    render(verdict, console, verbose=verbose)
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
    assert "BertModel  hidden_states  jit         different  2.5e-01  0             2\n" in text
    assert "BertModel  [0]            eager, jit  identical  0        0             2\n" in text
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
    loose = Verdict("a", "b", "quick", 0, tolerance=1e-5, loosened=True, cases=VERDICT.cases[1:2])
    assert "loosened to 1e-05 (published: float64 1e-12, float32 2e-06)" in printed(loose)
    assert "loosened" not in printed(Verdict("a", "b", "quick", 0, tolerance=0.0, cases=VERDICT.cases[1:2]))


def test_nothing_compiled_is_said():
    assert "compiles nothing" in printed(Verdict("a", "b", "quick", 0, cases=VERDICT.cases[1:2]))


def test_cases_are_listed_one_per_line():
    console = Console(file=io.StringIO(), width=20)
    render_cases(
        [Case("BertModel/mask=none/batch=3", "BertModel", description="a wrong call"), Case("x[0]", "x")], console
    )
    assert console.file.getvalue().splitlines() == ["BertModel/mask=none/batch=3  a wrong call", "x[0]"]  # type: ignore[attr-defined]


LONG = OutputVerdict(
    "BertForNextSentencePrediction",
    "text_model_output.pooler_output",
    "eager",
    Status.DIFFERENT,
    Figures(1.2e-3, 1e-4, 1e-5, 1e-3),
    Figures(0.5, 0.25, 0.125, 0.375),
    9999,
    31,
    "",
    "",
    ulp=4_294_967_295,
    cosine=0.5,
    argmax=0.25,
    nonfinite=(0, 12),
)
FINE_ROW = dataclasses.replace(LONG, output="logits", status=Status.EQUIVALENT, ulp=7, cosine=1 - 1e-9, argmax=1.0)


def test_the_table_fits_120_columns_and_loses_nothing():
    verdict = Verdict("a", "b", "quick", 0, outputs=(LONG, dataclasses.replace(LONG, mode="jit"), FINE_ROW))
    text = printed(verdict, terminal=True, verbose=True)
    assert "…" not in text
    assert all(len(line.rstrip()) <= 120 for line in text.splitlines())
    for cell in ("BertForNextSentencePrediction", "text_model_output.pooler_output", "eager, jit", "4.3e+09", "25.00%"):
        assert cell in text
    assert text.count("BertForNextSentencePrediction") == 2  # once in each table, not once in each row


def test_what_is_as_it_should_be_takes_no_column():
    fine = printed(Verdict("a", "b", "quick", 0, outputs=(FINE_ROW,)))
    assert "ulp" in fine
    assert "cosine" not in fine
    assert "argmax" not in fine
    mixed = printed(Verdict("a", "b", "quick", 0, outputs=(LONG, FINE_ROW))).splitlines()
    assert mixed[0].split()[4:] == ["abs", "max", "rel", "max", "ulp", "cosine", "argmax", "cases"]
    assert "0.5000000  25.00%  31" in mixed[1]
    assert mixed[2].split()[-2:] == ["7", "31"]


def test_the_rest_is_for_who_asks():
    verdict = Verdict("a", "b", "quick", 0, outputs=(LONG,))
    assert "p99" not in printed(verdict)
    lines = printed(verdict, verbose=True).splitlines()
    assert "abs mean  abs median  abs p99  rel mean  rel median  rel p99  non-finite" in lines[3]
    assert lines[4].split()[3:] == ["1.0e-04", "1.0e-05", "1.0e-03", "2.5e-01", "1.2e-01", "3.8e-01", "0/12"]


def test_of_many_outputs_the_worst_are_told():
    items = tuple(
        OutputDifference(f"gradients[{n}]", "value", Status.DIFFERENT, "off", excess=float(n)) for n in range(60)
    )
    case = CaseResult("M/gradients", "M", (ModeResult("eager", items),))
    lines = printed(Verdict("a", "b", "quick", 0, cases=(case,))).splitlines()
    start = lines.index("different  M/gradients")
    assert lines[start + 1] == "  eager: gradients[59]: off"
    assert lines[start + 7] == "  ... and 54 more outputs"
