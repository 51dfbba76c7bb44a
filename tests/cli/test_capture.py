"""`rewriter apply --capture trace|auto`: a recording is written only where nothing of a call's values is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BERT = ROOT / "models" / "bert" / "modeling_bert.py"
POOLED = "        pooled_output = self.dense(first_token_tensor)\n"
READ = "        first_token_tensor = first_token_tensor * first_token_tensor.sum().item()\n"
READING = 'reading = "asnumpy item numpy tolist __array__ __bool__ __contains__ __float__ __index__ __int__".split()'
ASKED = "if not self.follows(recording, leaves, results):"


@pytest.fixture
def plugin(few_calls: str, workplace: Path) -> Path:
    path = workplace / "few_calls.py"
    path.write_text(few_calls, encoding="utf-8")
    return path


@pytest.fixture
def reading(changed_bert) -> Path:
    """A copy of the bundled BERT whose pooler takes a number out of its tensors."""
    return changed_bert(POOLED, READ + POOLED)


def told_of(document, name):
    (verdict,) = document["verdicts"]
    return next(item for item in verdict["methods"] if item["method"].startswith(name))


@pytest.mark.slow
def test_what_agrees_for_other_values_is_written(cli, plugin):
    run = cli("apply", BERT, "-o", "out.py", "--plugin", plugin, "--capture", "trace", "--verify", "--json")
    assert run.code == 0, run.err
    document = json.loads(run.out)
    model = told_of(document, "BertModel.")
    assert model["recorded"] == model["calls"] > 0
    assert model["agreed"] >= model["recorded"]
    assert "_Traced" in Path("out.py").read_text(encoding="utf-8")
    run = cli("verify", BERT, "out.py", "--plugin", plugin, "--html", "page.html")
    assert run.code == 0
    assert f"captured by trace in {model['recorded']} of them; {model['agreed']} calls with other values" in run.out
    assert "captured by trace in" in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.breadth  # tries what to take back one by one; what it goes by is in the test below
def test_what_looks_at_its_numbers_is_rolled_back_with_the_reason(cli, plugin, reading):
    passes = "flatten,module-loops,whole-graph,jit,imports"
    arguments = ("--plugin", plugin, "--capture", "trace", "--passes", passes, "--verify", "--json")
    run = cli("apply", reading, "-o", "out.py", *arguments)
    assert run.code == 0, run.err
    document = json.loads(run.out)
    evidence = [site["evidence"] for site in document["files"][0]["sites"] if site["outcome"] == "rolled back"]
    assert any("reads what is in a tensor, by item" in item["message"] for item in evidence)
    assert {item["what"] for item in evidence} == {"trace"}, evidence
    assert document["verdicts"][0]["ok"] is True
    assert told_of(document, "BertEncoder.")["recorded"] > 0  # below it, a graph holds as much as it may


@pytest.mark.slow
def test_other_values_find_what_nobody_watches(cli, plugin, reading):
    """A recording that watches nothing and is asked nothing: the last line of defence is the proof."""
    from rewriter import api, pipeline, plugins, source
    from rewriter.targets import Target

    host, target = plugins.load(), Target.parse("cpu", None, capture="trace")
    text = pipeline.run(source.read(reading), api.select(host), target, dialects=host.dialects()).text
    assert text.count(READING) == text.count(ASKED) == 1
    blind = text.replace(READING, "reading = []").replace(ASKED, "if False:")
    Path("blind.py").write_text(blind, encoding="utf-8")
    run = cli("verify", reading, "blind.py", "--plugin", plugin, "--no-reproducer", "--json")
    assert run.code == 1
    (verdict,) = json.loads(run.out)["verdicts"]
    bad = {(item["output"], item["mode"]) for item in verdict["outputs"] if item["status"] == "different"}
    assert ("pooler_output", "trace") in bad
    assert {mode for _, mode in bad} == {"trace"}  # the call that was recorded answers right


@pytest.mark.parametrize("capture", ["trace", "auto"])
def test_without_a_proof_it_is_refused(cli, toy, capture):
    for words in ((), ("--check",)):
        run = cli("apply", toy, "--capture", capture, *words)
        assert run.code == 2
        assert "only a proof tells" in run.err
        assert "--verify" in run.err
    assert not toy.with_name("modeling_toy_rewritten.py").exists()
    assert not toy.with_name("executed").exists()


def test_the_settings_are_refused_alike(cli, toy, workplace):
    (workplace / "pyproject.toml").write_text('[tool.rewriter]\ncapture = "trace"\n', encoding="utf-8")
    assert cli("apply", toy).code == 2
    assert cli("apply", toy, "--capture", "ast").code == 0
    (workplace / "pyproject.toml").write_text('[tool.rewriter]\ncapture = "film"\n', encoding="utf-8")
    run = cli("apply", toy)
    assert run.code == 2
    assert "capture" in run.err


def test_an_older_mindspore_and_open_sizes_are_refused(cli, toy):
    run = cli("apply", toy, "--capture", "trace", "--verify", "--mindspore", "2.6.0")
    assert (run.code, "2.7.0" in run.err) == (2, True)
    run = cli("apply", toy, "--capture", "auto", "--verify", "--dynamic")
    assert (run.code, "one set of sizes" in run.err) == (2, True)
