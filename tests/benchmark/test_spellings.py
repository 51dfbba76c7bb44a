"""The table of spellings, and what comes out of running one: right, wrong, and what cannot run."""

from __future__ import annotations

import ast
import sys

import pytest

from rewriter.benchmark.spellings import measure_ops, read
from rewriter.errors import RewriterError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOY = """\
[[op]]
name = "double"
sizes = "2 x 3"
arrays = { x = [2, 3], weight = [3] }
constants = ["weight"]
indices = { ids = [[2], 2] }
tolerance = 1e-6
setup = "add = ops.Add()"
[op.spellings]
"no such function" = "ops.no_such_function(x)"
sum = "add(x, x) + weight + ids.reshape((2, 1))"
product = 'x * 2 + weight + ids.reshape((2, 1))'
triple = "x * 3 + weight"
nothing = "x * float('nan')"
"""


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(TOY, encoding="utf-8")
    return path


def test_the_table_is_about_what_the_models_do():
    ops = read()
    assert {op.name for op in ops} == {
        "linear",
        "layer norm",
        "gelu",
        "quick gelu",
        "query, key and value",
        "scaled scores",
        "attention core",
        "patch embedding",
        "embedding",
    }
    assert len({(op.name, op.sizes) for op in ops}) == len(ops)
    for op in ops:
        assert len(op.spellings) > 1, op.name
        assert set(op.constants) <= {*op.arrays, *op.indices}


@pytest.mark.parametrize("op", read(), ids=lambda op: f"{op.name}, {op.sizes}")
def test_every_spelling_is_an_expression_of_names_that_there_are(op):
    known = {"mindspore", "mint", "nn", "ops", "float", *op.arrays, *op.indices}
    for line in ast.parse(op.setup).body:
        known |= {line.name} if isinstance(line, ast.FunctionDef) else {target.id for target in line.targets}
    for code in op.spellings.values():
        names = {node.id for node in ast.walk(ast.parse(code, mode="eval")) if isinstance(node, ast.Name)}
        assert names <= known
        assert set(op.arguments) <= names


def test_measuring_a_table(toy, monkeypatch):
    told = []
    found = measure_ops(toy, rounds=2, progress=lambda what, done=0.0: told.append(what))
    costs = {cost.spelling: cost for cost in found.costs}
    assert list(costs) == ["no such function", "sum", "product", "triple", "nothing"]
    assert told == ["double, 2 x 3"]
    refused = costs["no such function"]
    assert (refused.eager_ms, refused.jit_ms, refused.difference) == (None, None, None)
    assert "eager: AttributeError" in refused.note and "jit: " in refused.note
    for name in ("sum", "product"):
        assert costs[name].eager_ms and costs[name].jit_ms
        assert costs[name].difference <= 1e-6
        assert not costs[name].wrong
    assert costs["triple"].wrong
    assert costs["nothing"].wrong  # NaN
    assert not [name for name in sys.modules if name.startswith("rewriter_rewriter_ops")]


def test_the_result_is_a_table_again(toy):
    found = measure_ops(toy, rounds=1)
    table = tomllib.loads(found.to_toml())
    assert table["rounds"] == 1
    assert table["machine"]["cores"] == found.machine.cores
    assert [(cost["spelling"], cost.get("jit_ms")) for cost in table["cost"]] == [
        (cost.spelling, cost.jit_ms) for cost in found.costs
    ]
    assert [cost["code"] for cost in table["cost"]] == list(read(toy)[0].spellings.values())


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ('name = "double"', 'names = "double"', "not a table of spellings"),
        ("[[op]]", "[[op", "not a table of spellings"),
        ('"x * 3 + weight"', '"x * * 3"', "the spellings of 'double' are not Python"),
    ],
)
def test_a_table_with_a_mistake(toy, before, after, what):
    assert before in TOY
    toy.write_text(TOY.replace(before, after), encoding="utf-8")
    with pytest.raises(RewriterError, match=what):
        measure_ops(toy, rounds=1)
