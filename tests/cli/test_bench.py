"""`rewriter bench`, and `apply --bench`: options, exit codes, and one tiny measurement."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import rewriter.benchmark as benchmark
from rewriter.benchmark import Plan

BERT = Path(__file__).resolve().parents[2] / "models" / "bert" / "modeling_bert.py"


@pytest.fixture
def measured(monkeypatch):
    calls = []

    def measure(original, rewritten, plan=None, *, progress):
        progress("something")
        progress("something else", 0.5)
        text = Path(rewritten).read_text(encoding="utf-8") if Path(rewritten).is_file() else ""
        calls.append((original, rewritten, plan, text))
        return []

    monkeypatch.setattr(benchmark, "measure", measure)
    return calls


def test_the_options_arrive(cli, measured):
    assert cli("bench", "a.py", "b.py").code == 0
    workload = ("--size", "tiny", "--batch", "1,8", "--length", "16, 64", "--rounds", "2", "--warmup", "0")
    others = (
        "--peers",
        "trace, hand",
        "--model",
        "A",
        "--model",
        "B",
        "--threads",
        "1",
        "--peer-python",
        "p",
        "--memory",
    )
    assert cli("bench", "a.py", "b.py", *workload, *others).code == 0
    assert [(original, rewritten) for original, rewritten, _, _ in measured] == [("a.py", "b.py")] * 2
    assert measured[0][2] == Plan(rounds=20, warmup=2)
    assert measured[1][2] == Plan(
        size="tiny",
        batches=(1, 8),
        lengths=(16, 64),
        rounds=2,
        warmup=0,
        models=("A", "B"),
        peers=("trace", "hand"),
        threads=1,
        peer_python="p",
        memory=True,
    )


def test_a_contest_has_a_thousand_rounds(cli, measured):
    assert cli("bench", "a.py", "b.py", "--protocol", "contest").code == 0
    assert cli("bench", "a.py", "b.py", "--protocol", "contest", "--rounds", "5").code == 0
    assert [(plan.protocol, plan.rounds) for _, _, plan, _ in measured] == [("contest", 1000), ("contest", 5)]


def test_the_interpreter_of_the_peers_from_the_environment(cli, measured, monkeypatch):
    monkeypatch.setenv("REWRITER_PEER_PYTHON", "somewhere/python")
    assert cli("bench", "a.py", "b.py").code == 0
    assert measured[0][2].peer_python == "somewhere/python"


def test_an_original_alone_is_rewritten_for_the_time_being(cli, toy, measured, workplace):
    assert cli("bench", toy).code == 0
    ((original, rewritten, _, text),) = measured
    assert original == str(toy)
    assert "def _compiled(method" in text
    assert not Path(rewritten).exists()
    assert not (workplace / "executed").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--size", "huge"), "--size"),
        (("--peers", "hand,onnx"), "--peers onnx"),
        (("--protocol", "guess"), "--protocol"),
        (("--batch", "1,x"), "--batch 1,x"),
        (("--length", "0"), "--length"),
        (("--chart", "a.svg"), "--chart a.svg"),
        (("-o", "costs.toml"), "--ops"),
        (("--ops",), "--ops"),
        (("--ladder",), "--ladder"),
        (("--ladder", "--requests", "4"), "exclude each other"),
    ],
)
def test_values_that_there_are_not(cli, measured, options, named):
    run = cli("bench", "a.py", "b.py", *options)
    assert run.code == 2
    assert named in run.err
    assert not measured


def test_no_file(cli):
    run = cli("bench")
    assert run.code == 2
    assert "which modeling file" in run.err


def test_a_picture_without_matplotlib(process, without):
    run = process("-m", "rewriter", "bench", "a.py", "b.py", "--chart", "a.png", prelude=without("matplotlib"))
    assert run.code == 2
    assert "matplotlib is not installed" in run.err
    assert ".html" in run.err


def test_apply_measures_what_it_wrote(cli, toy, measured):
    assert cli("apply", toy, "--bench").code == 0
    files = [(original, rewritten) for original, rewritten, _, _ in measured]
    assert files == [(str(toy), str(toy.with_name("modeling_toy_rewritten.py")))]


def test_a_model_that_there_is_not(cli):
    run = cli("bench", BERT, BERT, "--size", "tiny", "--rounds", "1", "--model", "NoSuchModel")
    assert run.code == 2
    assert "NoSuchModel" in run.err


def test_operators(cli, monkeypatch, tmp_path):
    """With a table of one operator: the whole one takes minutes."""
    spellings = importlib.import_module("rewriter.benchmark.spellings")
    small = next(op for op in spellings.read() if op.name == "quick gelu")
    monkeypatch.setattr(spellings, "read", lambda path: [small])
    run = cli("bench", "--ops", "--rounds", "1", "-o", tmp_path / "costs.toml")
    assert run.code == 0, run.err
    assert "quick gelu, 50 x 3072" in run.out
    assert (tmp_path / "costs.toml").read_text(encoding="utf-8").count("[[cost]]") == len(small.spellings)


def test_a_measurement(cli, workplace):
    """The original against itself: whatever the figures are, they are there; a peer that is not is named."""
    options = ("--size", "tiny", "--length", "5", "--rounds", "1", "--warmup", "0", "--model", "BertModel")
    run = cli(
        "bench", BERT, BERT, *options, "--peers", "torch", "--peer-python", "no-such", "--json", "--chart", "c.html"
    )
    assert run.code == 0, run.err
    document = json.loads(run.out)
    (found,) = document["benchmarks"]
    assert {figures["name"] for figures in found["figures"]} == {"original", "rewritten"}
    assert all(figures["median_ms"] > 0 for figures in found["figures"])
    assert found["failed"] == {"PyTorch, eager": "--peer-python no-such: no such interpreter"}
    assert document["machine"][0]["cores"] > 0
    assert "BertModel, batch 1, length 5, tiny" in (workplace / "c.html").read_text(encoding="utf-8")
