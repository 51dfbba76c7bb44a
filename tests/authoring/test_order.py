"""Two passes of two plugins whose order matters: the constraints decide, and never which plugin comes first."""

from __future__ import annotations

import itertools
import json

import pytest

SQUARE = ("square.py", "zz-square", "mindspore.ops.square(x)", "mindspore.ops.mul(x, x)")
MUL = ("mul.py", "aa-mul", "mindspore.ops.mul(x, y)", "x * y")


@pytest.mark.parametrize("order", list(itertools.permutations(["square.py", "mul.py"])))
def test_files_in_either_order(cli, plugin, model, order):
    """By name `aa-mul` would be the first, and find nothing."""
    plugin(*SQUARE)
    plugin(*MUL, after=("zz-square",))
    named = [word for file in order for word in ("--plugin", file)]
    run = cli("apply", model, *named, "--passes", "aa-mul,zz-square")
    assert run.code == 0, run.err
    assert "x = x * x" in model.with_name("modeling_small_rewritten.py").read_text()
    rows = [row["name"] for row in json.loads(cli("passes", "--json", *named).out)["passes"]]
    assert rows.index("zz-square") < rows.index("aa-mul")


def test_without_the_constraint_the_name_decides_and_the_result_is_another(cli, plugin, model):
    """The twin: the order does matter."""
    plugin(*SQUARE)
    plugin(*MUL)
    run = cli("apply", model, "--plugin", "square.py", "--plugin", "mul.py", "--passes", "aa-mul,zz-square")
    assert run.code == 1
    assert "aa-mul found no place" in run.out
    assert "ops.mul(x, x)" in model.with_name("modeling_small_rewritten.py").read_text()


@pytest.mark.parametrize("names", [("a-entry", "b-entry"), ("b-entry", "a-entry")])
def test_installed_plugins_in_either_order(cli, plugin, installed, workplace, model, names):
    plugin(*SQUARE)
    plugin(*MUL, after=("zz-square",))
    for entry, file in zip(names, ("square.py", "mul.py"), strict=True):
        installed(f"dist-{file[:-3]}", entry, f"installed_{file[:-3]}", (workplace / file).read_text())
    assert cli("apply", model, "--passes", "aa-mul,zz-square").code == 0
    assert "x = x * x" in model.with_name("modeling_small_rewritten.py").read_text()


def test_a_cycle_is_reported_by_name(cli, plugin, model):
    plugin(*SQUARE, after=("aa-mul",))
    plugin(*MUL, after=("zz-square",))
    run = cli("apply", model, "--plugin", "square.py", "--plugin", "mul.py")
    assert run.code == 2
    assert "cycle" in run.err
    assert "aa-mul" in run.err
    assert "zz-square" in run.err
    assert not model.with_name("modeling_small_rewritten.py").exists()
