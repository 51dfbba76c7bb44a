"""What a check came to: figures over all cases, the failing ones, and the JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rewriter.equivalence.figures import DECADES, Figures
from rewriter.equivalence.statistics import OutputDifference, Status, compare_arrays
from rewriter.equivalence.verdict import CaseResult, ModeResult, OutputVerdict, Verdict, output_verdicts, without_errors


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


def case(name: str, *items: OutputDifference, uncompiled: tuple[tuple[str, str], ...] = ()) -> CaseResult:
    return CaseResult(name, "M", (ModeResult("eager", items, uncompiled),))


def merged(*items: OutputDifference) -> OutputVerdict:
    (row,) = output_verdicts([case(f"M/{number}", item) for number, item in enumerate(items)])
    return row


def test_the_figures_are_those_of_all_elements_together():
    """The percentile of all, which no two percentiles give; and identical elements count."""
    random = np.random.default_rng(0)
    pairs = [(random.standard_normal(n), random.standard_normal(n)) for n in (7, 300, 41)]
    same = random.standard_normal(500)
    items = [compare_arrays(one, other, path="x") for one, other in [*pairs, (same, same.copy())]]
    row = merged(*items)
    errors = np.concatenate([np.abs(one - other) for one, other in pairs] + [np.zeros(500)])
    assert row.absolute == Figures.of(errors)
    assert row.absolute.p99 == np.sort(errors)[int(np.ceil(0.99 * errors.size)) - 1]
    assert row.elements == errors.size
    assert row.histogram.zero == 500
    assert row.histogram.zero + sum(row.histogram.decades) + row.histogram.nonfinite == row.elements


def test_the_largest_ulp_the_least_cosine_and_the_argmax_of_all_positions():
    up = compare_arrays(f32(1, 2), np.nextafter(f32(1, 2), f32(9, 9)), path="x")
    turned = compare_arrays(f32(1, 0), f32(0, 1), path="x")
    same = compare_arrays(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32), path="x")
    row = merged(up, turned, same)
    assert (row.ulp, row.cosine, row.argmax) == (turned.ulp, 0.0, 5 / 6)
    assert row.mismatches == 2
    assert merged(up, same).ulp == 1
    assert merged(same).histogram.zero == 16


def test_what_has_no_figure_stays_without():
    whole = compare_arrays(np.ones(3, np.int64), np.ones(3, np.int64), path="x")
    shape = compare_arrays(f32(1), f32(1, 2), path="x")
    assert (merged(whole).ulp, merged(whole).argmax, merged(whole).cosine) == (None, None, 1.0)
    assert (merged(shape).ulp, merged(shape).argmax, merged(shape).cosine) == (None, None, None)
    assert merged(shape, compare_arrays(f32(1, 2), f32(1, 2), path="x")).ulp == 0


def test_what_is_not_finite_is_counted():
    row = merged(
        compare_arrays(f32(np.nan, 1, 2), f32(np.nan, np.inf, 2), path="x"), compare_arrays(f32(1), f32(1), path="x")
    )
    assert row.nonfinite == (1, 2)
    assert (row.histogram.nonfinite, row.histogram.zero) == (2, 2)


def test_the_failing_cases_come_worst_first():
    slightly, badly = (compare_arrays(f32(1), f32(1 + size), path="x") for size in (1e-3, 1.0))
    same = compare_arrays(f32(1), f32(1), path="x")
    lost = OutputDifference("error", "error", Status.DIFFERENT, "raises", excess=float("inf"))
    verdict = Verdict(
        "a",
        "b",
        "quick",
        0,
        cases=(
            case("fine", same),
            case("slow", same, uncompiled=(("M.f", "why"),)),
            case("slightly", slightly),
            case("lost", lost),
            case("badly", badly),
            CaseResult("unknown", "M", unverified="no kernel"),
        ),
    )
    assert [item.id for item in verdict.failing] == ["lost", "badly", "slightly", "slow"]
    assert verdict.worst_case == "lost"


@pytest.mark.parametrize("tolerance", [None, 1e-13, 1e-9, 1.0])
def test_a_loosened_tolerance_is_in_the_json_with_its_dtypes(tolerance):
    document = Verdict("a", "b", "quick", 0, tolerance=tolerance).to_json()
    expected = {1e-9: ["float64"], 1.0: ["float64", "float32", "float16", "bfloat16"]}
    assert document["loosened_for"] == expected.get(tolerance, [])


def test_no_number_of_the_json_is_nan_or_infinite():
    items = [
        compare_arrays(f32(np.nan), f32(1), path="x"),
        compare_arrays(np.array([1.7e308]), np.array([-1.7e308]), path="x"),
        compare_arrays(np.array([5e-324, 1e-308]), np.array([1e308, 1e308]), path="x"),
    ]
    cases = [case(str(number), without_errors(item)) for number, item in enumerate(items)]
    rows = output_verdicts([case(str(number), item) for number, item in enumerate(items)])
    document = Verdict("a", "b", "quick", 0, cases=tuple(cases), outputs=tuple(rows)).to_json()
    text = json.dumps(document, allow_nan=False)
    assert document["outputs"][0]["absolute"]["maximum"] == "inf"
    assert len(document["outputs"][0]["histogram"]["decades"]) == len(DECADES)
    assert "errors" not in text
