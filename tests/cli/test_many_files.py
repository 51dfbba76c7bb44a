"""`rewriter apply` on many files: one table, what blocks the rest, and the same results from parallel processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewriter.batch import FEW

TOY = """\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense({size}, 2)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""
BLOCKED = TOY.replace("x = layer(x)", "self.last = x = layer(x)")
TORCH = "import torch\n\n\nclass Layer(torch.nn.Module):\n    def forward(self, x):\n        return x\n"


@pytest.fixture
def tree(workplace: Path) -> Path:
    """More files than are done in one process: two of each kind, and the rest to be rewritten."""
    folder = workplace / "tree"
    texts = [BLOCKED, TORCH, "def broken(:\n"]
    texts += [TOY] * (FEW + 2 - len(texts))
    for number, text in enumerate(texts):
        path = folder / f"family_{number}" / "modeling_toy.py"
        path.parent.mkdir(parents=True)
        path.write_text(text.replace("{size}", str(number)), encoding="utf-8")
    return folder


def contents(folder: str) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*.py")}


def test_the_table(cli, tree):
    run = cli("apply", tree, "-o", "out", "-j", "1")
    assert run.code == 2  # the worst of all files counts
    assert f"{FEW + 2} files: {FEW - 1} rewritten, 1 partly, 2 left; {FEW - 1} graphs" in run.out
    place = tree / "family_0" / "modeling_toy.py"
    assert f"{place}:10: Encoder.construct: line 11: it sets `self.last`. Use a local name" in run.out
    assert "'torch' modeling file" in run.out
    assert "syntax error" in run.out
    assert len(contents("out")) == FEW


def test_processes_write_the_same_and_say_the_same(cli, tree):
    first = cli("apply", tree, "-o", "one", "-j", "1", "--json")
    second = cli("apply", tree, "-o", "two", "-j", "2", "--json")
    assert (first.code, second.code) == (2, 2)
    assert contents("one") == contents("two")
    assert second.out.replace("two/", "one/") == first.out
    assert [row["standing"] for row in json.loads(first.out)["summary"]].count("left") == 2


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_plugin_is_used_in_every_process(cli, tree, workplace, jobs):
    plugin = workplace / "greet.py"
    text = '''\
import libcst as cst

from rewriter import Pass, hookimpl


class Greet(Pass):
    """Put a comment under the file."""

    name = "greet"

    def rewrite(self, context):
        if "/family_5/" in str(context.facts.source.path):
            raise ValueError("not this one")
        line = cst.EmptyLine(comment=cst.Comment("# greeted"))
        context.rewritten(context.tree, "the file", "greeted")
        return context.tree.with_changes(footer=[line])


@hookimpl
def rewriter_passes():
    return [Greet()]
'''
    plugin.write_text(text, encoding="utf-8")
    run = cli("apply", tree, "-o", "out", "--plugin", plugin, "-j", jobs)
    assert sum(b"# greeted" in data for data in contents("out").values()) == FEW - 1
    assert "family_5/modeling_toy.py" in run.out
    assert "pass greet failed: ValueError: not this one" in run.out


def test_a_second_run_changes_nothing(cli, tree):
    cli("apply", tree, "-o", "out")
    before = contents("out")
    run = cli("apply", "./out", "-o", "again", "-j", "2")
    assert contents("out") == before
    assert contents("again").items() <= before.items()
    assert run.out.count("already rewritten") == FEW - 1
    assert f"{FEW - 1} rewritten, 1 left" in run.out


def test_one_file_is_told_as_ever(cli, toy):
    run = cli("apply", toy)
    assert "files:" not in run.out
    assert "sites rewritten" in run.out or "site rewritten" in run.out


def test_verbose_lists_every_site_of_every_file(cli, tree):
    run = cli("apply", tree, "-o", "out", "-v", "-j", "2")
    assert run.out.count("\n  wrote ") == FEW
    assert " files:" not in run.out


def test_an_unknown_cluster_is_named(cli, tree, without, process):
    done = process("-m", "rewriter", "apply", tree, "--backend", "dask", prelude=without("distributed"))
    assert done.code == 2
    assert "pip install distributed" in done.err


@pytest.mark.slow
def test_a_dask_cluster(cli, tree, process):
    """A local one, in a process of its own: its workers outlive a client's."""
    expected = cli("apply", tree, "-o", "one", "-j", "1")
    done = process("-m", "rewriter", "apply", tree, "-o", "two", "--backend", "dask")
    assert done.code == expected.code == 2
    assert contents("one") == contents("two")
    assert f"{FEW + 2} files" in done.out
