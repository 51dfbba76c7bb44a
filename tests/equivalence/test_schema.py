"""The documented schema of a verdict: real verdicts fit it, it says what every field is, and it would notice others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from rewriter.equivalence import verify
from rewriter.equivalence.figures import DECADES, Figures, Histogram
from rewriter.equivalence.statistics import compare, compare_arrays
from rewriter.equivalence.verdict import (
    CaseResult,
    MethodRuns,
    ModeResult,
    OutputVerdict,
    Verdict,
    output_verdicts,
    without_errors,
)

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

PLAIN = "BertModel/mask=none/batch=3/seq=5"
WRONG = "BertModel/mask=none/batch=3/seq=5/wrong=ids-and-embeds"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object in it."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def made_up() -> Verdict:
    """A verdict with everything in it that a verdict can have."""
    f32 = np.float32
    items = [
        compare_arrays(np.array([1, np.nan, 0], f32), np.array([np.inf, 2, 0.5], f32), path="logits"),
        compare_arrays(np.array([1.7e308]), np.array([-1.7e308]), path="loss"),
        compare_arrays(np.ones(2, np.int64), np.zeros(2, np.int64), path="ids"),
        compare_arrays(np.ones(2, f32), np.ones((2, 1), f32), path="shape"),
        *compare((1,), [1]),
    ]
    cases = [CaseResult("M/a", "M", (ModeResult("jit", tuple(items), (("M.f", "why"),)),), note="odd")]
    rows = output_verdicts(cases)
    light = ModeResult("jit", tuple(map(without_errors, items)), (("M.f", "why"),))
    return Verdict(
        "a.py",
        "b.py",
        "full",
        1,
        tolerance=0.5,
        loosened=True,
        surface=("M.f(x) is gone",),
        outputs=tuple(rows),
        cases=(CaseResult("M/a", "M", (light,), note="odd"), CaseResult("M/b", "M", unverified="no kernel")),
        methods=(MethodRuns("M.f", 3, (("why", 1),)),),
        problems=("M: w is gone",),
        unchecked={"N": "no cases"},
        environment={"mindspore": "2.10.0"},
        seconds=0.1,
    )


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_real_verdicts_fit(bert, plain_text, broken):
    path = broken(plain_text, (SCALE, f"{SCALE} * 1.01"))
    for verdict in (verify(bert, path, cases=[PLAIN, WRONG]), verify(bert, bert, cases=[PLAIN], tolerance=1e-3)):
        VALIDATOR.validate(json.loads(json.dumps(verdict.to_json(), allow_nan=False)))


def test_the_rarest_of_verdicts_fit():
    VALIDATOR.validate(json.loads(json.dumps(made_up().to_json(), allow_nan=False)))
    VALIDATOR.validate(json.loads(json.dumps(Verdict("a", "b", "quick", 0).to_json(), allow_nan=False)))


def test_every_field_is_described_and_required():
    found = list(objects(SCHEMA))
    assert len(found) > 5
    for schema in found:
        assert schema["additionalProperties"] is False
        assert sorted(schema["required"]) == sorted(schema["properties"])
        for name, value in schema["properties"].items():
            target = SCHEMA["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
            assert value.get("description") or target.get("description"), name
    assert all("description" in value for value in SCHEMA["$defs"].values())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("output", OutputVerdict),
        ("case", CaseResult),
        ("method", MethodRuns),
        ("figures", Figures),
        ("histogram", Histogram),
    ],
)
def test_the_fields_are_those_of_the_code(name, kind):
    fields = {item.name for item in dataclasses.fields(kind)}
    assert fields <= set(SCHEMA["$defs"][name]["properties"]) <= fields | {"status"}
    assert {item.name for item in dataclasses.fields(Verdict)} <= set(SCHEMA["properties"])


def test_there_are_as_many_decades_as_it_says():
    decades = SCHEMA["$defs"]["histogram"]["properties"]["decades"]
    assert decades["minItems"] == decades["maxItems"] == len(DECADES)


def test_it_would_notice():
    for change in (
        {"status": "fine"},
        {"seconds": -1},
        {"new": 1},
        {"unchecked": {"M": 3}},
        {"counts": {}},
        {"outputs": [{}]},
    ):
        document = {**Verdict("a", "b", "quick", 0).to_json(), **change}
        with pytest.raises(ValidationError):
            VALIDATOR.validate(document)
