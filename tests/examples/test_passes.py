"""The passes of `examples/`: their own examples hold, and the graph pass takes away what STRICT refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rewriter
from rewriter.testing import pass_examples

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

test_pattern_pass = pass_examples(EXAMPLES / "pattern_pass.py")
test_visitor_pass = pass_examples(EXAMPLES / "visitor_pass.py")
test_graph_pass = pass_examples(EXAMPLES / "graph_pass.py")

MODEL = """\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, x):
        if (size := x.shape[1]) > 2:
            x = ops.transpose(ops.transpose(x, (1, 0)), (1, 0)) * size
        return ops.pow(x, 2)
"""


@pytest.mark.parametrize(
    ("plugin", "name", "text"),
    [
        ("pattern_pass.py", "squares", "return x * x"),
        ("visitor_pass.py", "merge-transposes", "x = ops.transpose(x, (0, 1)) * size"),
        ("graph_pass.py", "named-conditions", "        size = x.shape[1]\n        if size > 2:\n"),
    ],
)
def test_it_rewrites_a_file(plugin, name, text):
    result = rewriter.rewrite(MODEL, passes=[name], plugin_files=[str(EXAMPLES / plugin)])
    assert text in result.text
    assert len(result.sites) == 1


def test_the_pattern_pass_is_as_short_as_it_says():
    """Fifteen lines, imports and hook and all, but for the docstring at the head and empty lines."""
    text = (EXAMPLES / "pattern_pass.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert len([line for line in text.splitlines() if line.strip()]) <= 15


COMPILE = """\
import sys

import mindspore
import numpy as np
import layer

x = mindspore.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
model = layer.Layer()
before = model(x).asnumpy()
try:
    after = mindspore.jit(model.construct, fullgraph=True)(x).asnumpy()
except Exception as error:
    sys.exit(f"refused: {error}")
assert (before == after).all()
print(before.sum())
"""


@pytest.mark.slow
def test_the_graph_pass_takes_away_what_strict_refuses(tmp_path):
    """Before: the compiler names the assignment. Afterwards it compiles, and computes the same."""
    result = rewriter.rewrite(MODEL, passes=["named-conditions"], plugin_files=[str(EXAMPLES / "graph_pass.py")])
    answers = []
    for name, text in (("before", MODEL), ("after", result.text)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "layer.py").write_text(text, encoding="utf-8")
        (folder / "compile.py").write_text(COMPILE, encoding="utf-8")
        answers.append(
            subprocess.run([sys.executable, "compile.py"], cwd=folder, capture_output=True, text=True, timeout=120)
        )
    refused, compiled = answers
    assert refused.returncode == 1
    assert "NamedExpr" in refused.stderr
    assert compiled.returncode == 0, compiled.stderr


def test_every_example_is_in_the_readme():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        if path.name not in ("README.md", "__pycache__", "rank_0") and not path.name.startswith("."):
            assert f"({path.name}" in text, f"{path.name} is not in examples/README.md"


def test_a_wrong_example_would_fail(tmp_path):
    """The twin: the pattern pass with another replacement."""
    path = tmp_path / "wrong.py"
    shutil.copy(EXAMPLES / "pattern_pass.py", path)
    path.write_text(path.read_text().replace('replacement = "x * x"', 'replacement = "x + x"'), encoding="utf-8")
    from rewriter.examples import check, passes_of

    (item,) = passes_of(path)
    with pytest.raises(AssertionError, match=r"y \+ y"):
        check(item, item.examples[0])
