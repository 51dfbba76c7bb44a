"""`rewriter bench`, and `apply --bench`: options, exit codes, and one tiny measurement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rewriter.benchmark as benchmark

BERT = Path(__file__).resolve().parents[2] / "models" / "bert" / "modeling_bert.py"


@pytest.fixture
def measured(monkeypatch):
    calls = []

    def measure(original, rewritten, **options):
        options.pop("progress")("something")
        calls.append(((original, rewritten), options))
        return []

    monkeypatch.setattr(benchmark, "measure", measure)
    return calls


def test_the_options_arrive(cli, measured):
    assert cli("bench", "a.py", "b.py").code == 0
    workload = ("--size", "tiny", "--batch", "3", "--rounds", "2", "--peers", "trace, hand")
    assert cli("bench", "a.py", "b.py", *workload, "--model", "A", "--model", "B").code == 0
    (files, first), (_, second) = measured
    assert files == ("a.py", "b.py")
    assert first == {"size": "base", "batch": 1, "rounds": 7, "models": (), "peers": ()}
    assert second == {"size": "tiny", "batch": 3, "rounds": 2, "models": ("A", "B"), "peers": ("trace", "hand")}


@pytest.mark.parametrize(("option", "value"), [("--size", "huge"), ("--peers", "hand,onnx")])
def test_values_that_there_are_not(cli, measured, option, value):
    run = cli("bench", "a.py", "b.py", option, value)
    assert run.code == 2
    assert option in run.err
    assert not measured


def test_apply_measures_what_it_wrote(cli, toy, measured):
    assert cli("apply", toy, "--bench").code == 0
    assert [files for files, _ in measured] == [(str(toy), str(toy.with_name("modeling_toy_rewritten.py")))]


def test_a_model_that_there_is_not(cli):
    run = cli("bench", BERT, BERT, "--size", "tiny", "--rounds", "1", "--model", "NoSuchModel")
    assert run.code == 2
    assert "NoSuchModel" in run.err


def test_a_measurement(cli):
    """The original against itself: whatever the figures are, they are there."""
    run = cli("bench", BERT, BERT, "--size", "tiny", "--rounds", "1", "--json")
    assert run.code == 0, run.err
    found = json.loads(run.out)["benchmarks"]
    assert found
    for item in found:
        assert {figures["name"] for figures in item["figures"]} == {"original", "rewritten"}
        assert all(figures["median_ms"] > 0 for figures in item["figures"])
