"""`verify` on models that answer through buckets: which cases were padded, and what proves nothing."""

from __future__ import annotations

import pytest

from rewriter.equivalence import verify
from rewriter.equivalence.statistics import Status
from rewriter.equivalence.through_buckets import PADDED
from rewriter.runtime import padding

TYPES = "BertModel/mask=right-padded/batch=3/seq=5/types/positions"
ROW = "BertModel/mask=row-masked/batch=3/seq=5/dict=0"
BOTH_INPUTS = "BertModel/mask=none/batch=3/seq=5/wrong=ids-and-embeds"
NO_CACHE = "BertLMHeadModel/decoder/mask=holed/batch=3/seq=5/dict=0/labels/types/positions"


@pytest.fixture(scope="module")
def twin(bert, tmp_path_factory):
    """The original's own text in the place of its twin: buckets are the same with and without graphs."""
    path = tmp_path_factory.mktemp("twin") / "modeling_bert_same.py"
    path.write_text(bert.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_which_cases_were_padded(bert, twin):
    verdict = verify(bert, twin, cases=[TYPES, ROW, BOTH_INPUTS], buckets=(4, 8), batch_buckets=(4,))
    assert verdict.status is Status.EQUIVALENT or verdict.status is Status.IDENTICAL
    assert {case.id for case in verdict.cases if PADDED in case.note} == {TYPES}


def test_without_a_padded_case_nothing_is_proved(bert, twin):
    verdict = verify(bert, twin, cases=[ROW, NO_CACHE], buckets=(8,))
    assert verdict.status is Status.UNVERIFIED
    assert verdict.unchecked == {"buckets": "no call was padded"}


@pytest.mark.parametrize("broken", ["mask", "cut"])
def test_wrong_padding_is_found(bert, twin, monkeypatch, broken):
    """The same case with padded tokens that are attended to, and with an output that comes back too long."""
    if broken == "mask":
        monkeypatch.setattr(
            padding, "_padded_mask", lambda model, mask, shape, size: padding._filled(mask, {-1: size}, 1)
        )
    else:
        monkeypatch.setattr(padding, "_narrowed", lambda value, axis, size: value)
    verdict = verify(bert, twin, cases=[TYPES], buckets=(8,))
    assert verdict.status is Status.DIFFERENT
    assert PADDED in verdict.cases[0].note


@pytest.mark.slow
@pytest.mark.parametrize("text", ["compiled_text"])
def test_compiled(bert, text, request, tmp_path):
    path = tmp_path / "modeling_bert_rewritten.py"
    path.write_text(request.getfixturevalue(text), encoding="utf-8")
    cases = [
        TYPES,
        ROW,
        "BertModel/weights-after-first-call/mask=left-padded/batch=3/seq=5",
        "BertModel/mask=square/*attn=1*",
        "BertFor*/mask=none/*head-mask=1d*",
        "BertFor*/mask=holed/batch=3/seq=5/attn=0,hidden=1,dict=0",
    ]
    verdict = verify(bert, path, cases=cases, buckets=(4, 8), batch_buckets=(4,))
    assert verdict.ok, verdict
    assert [case.id for case in verdict.cases if PADDED not in case.note] == [ROW]
