"""What a newcomer does: fifteen lines that rewrite a call, with two examples, work the first time, everywhere."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

FIRST = '''\
from rewriter import PatternPass, hookimpl, snippet


class Square(PatternPass):
    """Write `ops.square(x)` as `x * x`."""

    name = "square"
    pattern = "mindspore.ops.square(x)"
    replacement = "x * x"
    examples = (snippet("ops.square(y)", "y * y"), snippet("ops.square(f(y))", reason="evaluated twice"))


@hookimpl
def rewriter_passes():
    return [Square()]
'''
TEST = 'from rewriter.testing import pass_examples\n\ntest_examples = pass_examples("square.py")\n'


@pytest.fixture
def first(workplace):
    (workplace / "square.py").write_text(FIRST, encoding="utf-8")
    (workplace / "test_square.py").write_text(TEST, encoding="utf-8")
    return workplace


def test_it_has_fifteen_lines_and_is_tidy(first):
    assert len(FIRST.splitlines()) <= 15
    options = ["--isolated", "--line-length", "120", "square.py"]
    for tool in (["check", "--select", "E,F,W,B"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *tool, *options], check=True, cwd=first)


def test_it_rewrites_a_model_by_default(cli, first, model):
    run = cli("apply", "--plugin", "square.py", model)
    assert run.code == 0
    assert "square: 3 sites rewritten" in run.out
    tree = ast.parse(model.with_name("modeling_small_rewritten.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "square"]


def test_it_is_listed(cli, first):
    out = cli("passes", "--plugin", "square.py").out
    assert "Write `ops.square(x)`" in out
    rows = json.loads(cli("passes", "--plugin", "square.py", "--json").out)["passes"]
    (row,) = [row for row in rows if row["name"] == "square"]
    assert row["plugin"] == "square"
    assert row["examples"] == ["ops.square(y)", "ops.square(f(y))"]


def test_its_examples_run_under_plain_pytest(first):
    """In a process of its own, without options: one test for each example."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--no-header"]
    done = subprocess.run(command, cwd=first, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_examples[square: ops.square(y)] PASSED" in done.stdout
    assert "test_examples[square: ops.square(f(y))] PASSED" in done.stdout
