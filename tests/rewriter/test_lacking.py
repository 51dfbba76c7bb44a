"""Files that call what a target lacks: nothing half done is written; with `--partial`, classes are left."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rewriter.cli import app

TEXT = '''\
from mindspore import mint, nn


class Good(nn.Cell):
    def __init__(self):
        super().__init__()
        self.norm = mint.nn.LayerNorm((8,))

    def construct(self, x):
        return self.norm(x)


class Bad(nn.Cell):
    """It counts, for which a CPU has no kernel."""

    def __init__(self):
        super().__init__()
        self.norm = mint.nn.LayerNorm((8,))

    def construct(self, x):
        return mint.bincount(self.norm(x))
'''


@pytest.fixture
def apply(tmp_path):
    source = tmp_path / "modeling_toy.py"
    source.write_text(TEXT, encoding="utf-8")

    def run(*options):
        target = tmp_path / "out.py"
        result = CliRunner().invoke(app, ["apply", str(source), "-o", str(target), *options, "--json"])
        return result.exit_code, json.loads(result.stdout), target

    return run


def classes(text):
    return {part.partition("(")[0]: part for part in text.split("\n\n\nclass ")[1:]}


@pytest.mark.parametrize("device", ["cpu", "portable"])
def test_the_file_is_left_and_the_place_named(apply, device):
    code, report, target = apply("--target", device)
    assert code == 1
    assert not target.exists()
    assert "line 21 mint.bincount" in json.dumps(report)


def test_partial_leaves_the_class_only(apply):
    code, _, target = apply("--target", "cpu", "--partial")
    assert code == 0
    before, after = classes(TEXT), classes(target.read_text(encoding="utf-8"))
    assert after["Bad"].strip() == before["Bad"].strip()
    assert "LayerNorm((8,))" in after["Good"]
    assert "mint.nn" not in after["Good"]


def test_a_second_run_changes_nothing(apply, tmp_path):
    _, _, target = apply("--target", "cpu", "--partial")
    once = target.read_bytes()
    options = ["--target", "cpu", "--partial", "--in-place"]
    CliRunner().invoke(app, ["apply", str(target), *options])
    assert target.read_bytes() == once


def test_where_the_kernels_are_nothing_is_missing(apply):
    code, report, target = apply("--target", "ascend")
    assert "left as it was" not in json.dumps(report)
    assert code == 1  # nothing to rewrite
    assert not target.exists()


def test_a_proof_is_of_a_whole_file(apply, tmp_path):
    source = tmp_path / "modeling_toy.py"
    result = CliRunner().invoke(app, ["apply", str(source), "--target", "cpu", "--partial", "--verify"])
    assert result.exception is not None
    assert "exclude each other" in str(result.exception) + result.output
