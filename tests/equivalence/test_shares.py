"""Sharing cases out: every case once, the cases of a class together, and the same verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.equivalence import shares, verify
from rewriter.equivalence.cases import Case
from rewriter.equivalence.shares import split

ORIGINAL = Path(__file__).resolve().parents[2] / "models" / "clip" / "modeling_clip.py"

SOME = ["CLIPVisionModel/batch=3", "CLIPVisionModel/batch=1/*", "CLIPTextModelWithProjection/mask=right-padded*"]


@st.composite
def cases(draw):
    models = draw(st.lists(st.sampled_from("ABCDE"), max_size=80))
    return [Case(f"{model}/{at}", model, {}, light=draw(st.booleans())) for at, model in enumerate(models)]


@given(cases(), st.integers(1, 6))
def test_every_case_is_in_one_part_and_classes_stay_together(some, jobs):
    parts = split(some, jobs)
    assert sorted(case.id for part in parts for case in part) == sorted(case.id for case in some)
    assert len(parts) <= jobs
    classes = [{case.model for case in part} for part in parts]
    assert sum(map(len, classes)) == len(set().union(*classes))
    order = [case.id for case in some]
    for part in parts:
        places = [order.index(case.id) for case in part]
        assert places == sorted(places)


def test_a_few_cases_are_not_worth_a_process():
    few = [Case(f"{model}/{at}", model, {}, light=True) for model in "AB" for at in range(5)]
    assert len(split(few, 2)) == 1
    assert len(split(few * 10, 2)) == 2


@pytest.mark.breadth
def test_two_processes_come_to_the_verdict_of_one(tmp_path, rewritten, monkeypatch):
    monkeypatch.setattr(shares, "WORTH_IT", 1)
    twin = tmp_path / "modeling_clip_rewritten.py"
    # One constant that only one of the towers reads is wrong: each process has something to find or not to find.
    twin.write_text(rewritten(ORIGINAL).replace("class_embeds = ", "class_embeds = 1.001 * "), encoding="utf-8")
    one, two = (verify(ORIGINAL, twin, cases=SOME, jobs=jobs) for jobs in (1, 2))
    assert [(case.id, case.status) for case in one.cases] == [(case.id, case.status) for case in two.cases]
    assert one.count(one.status) == two.count(two.status) > 0
    assert not one.ok
    assert [(row.model, row.output, row.status) for row in one.outputs] == [
        (row.model, row.output, row.status) for row in two.outputs
    ]
    assert [(item.method, item.calls > 0) for item in one.methods] == [
        (item.method, item.calls > 0) for item in two.methods
    ]
