"""`rewriter apply --measure`: of what is equal, only what is faster is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT = "__import__('time').sleep(0.4)"

PLUGIN = (
    f'''\
WAIT = "{WAIT}"
'''
    + '''\
import libcst as cst

from rewriter import Pass, hookimpl
from rewriter.tree import find, replace


class Doze(Pass):
    """Make the pooler sleep."""

    name = "doze"
    for_speed = True

    def rewrite(self, context):
        for owner in find(context.tree, cst.ClassDef):
            if owner.name.value == "BertPooler":
                (method,) = [node for node in find(owner, cst.FunctionDef) if node.name.value == "construct"]
                body = method.body.with_changes(body=[cst.parse_statement(WAIT), *method.body.body])
                context.rewritten(method, "a pooler", "sent to sleep")
                return replace(context.tree, {method: method.with_changes(body=body)})
        return context.tree


class Wake(Pass):
    """Wake up the encoder."""

    name = "wake"
    for_speed = True

    def rewrite(self, context):
        for line in find(context.tree, cst.SimpleStatementLine):
            if cst.Module([line]).code.strip() == f"{WAIT}  # asleep":
                context.rewritten(line, "an encoder", "woken up")
                return replace(context.tree, {line: cst.parse_statement("pass")})
        return context.tree


@hookimpl
def rewriter_passes():
    return [Doze(), Wake()]
'''
)
LOOP = "        all_hidden_states = () if output_hidden_states else None\n"
WHAT = ("--model", "BertModel", "--size", "tiny", "--length", "8", "--rounds", "12")


@pytest.fixture
def plugin(workplace: Path, few_calls: str) -> Path:
    path = workplace / "sleepy.py"
    path.write_text(few_calls + PLUGIN, encoding="utf-8")
    return path


@pytest.fixture
def bert(changed_bert) -> Path:
    """A copy of the bundled BERT whose encoder sleeps, for longer than a busy machine makes anything last."""
    return changed_bert(LOOP, f"        {WAIT}  # asleep\n{LOOP}")


@pytest.mark.slow
def test_what_is_faster_is_kept_and_what_is_not_is_left_out(cli, plugin, bert, workplace):
    run = cli("apply", bert, "-o", "out.py", "--plugin", plugin, "--passes", "doze,wake", "--measure", *WHAT, "--json")
    assert run.code == 0, run.err
    document = json.loads(run.out)
    (measured,) = document["measured"]
    by_name = {item["name"]: item for item in measured["passes"]}
    assert {name: item["kept"] for name, item in by_name.items()} == {"doze": False, "wake": True}
    title = "BertModel, batch 1, length 8, tiny"
    assert [item["title"] for item in measured["timed"]] == [title]
    for item in by_name.values():
        comparison = item["comparisons"][title]
        assert comparison["rounds"] == 12
        assert comparison["ratio"] > 0
    assert document["verdicts"][0]["ok"] is True
    text = (workplace / "out.py").read_text(encoding="utf-8")
    assert "sleep" not in text


@pytest.mark.breadth
def test_where_nothing_is_faster_nothing_is_written(cli, plugin, workplace):
    bert = ROOT / "models" / "bert" / "modeling_bert.py"
    run = cli("apply", bert, "-o", "out.py", "--plugin", plugin, "--passes", "doze", "--measure", *WHAT)
    assert run.code == 1
    assert "measured BertModel, batch 1, length 8, tiny on cpu: 12 interleaved rounds" in run.out
    assert "doze left out: 0." in run.out
    assert "no pass makes the model faster" in run.out
    assert not (workplace / "out.py").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--measure", "--rounds", "3"), "7 rounds at least"),
        (("--measure", "--check"), "writes nothing"),
        (("--measure", "--size", "huge"), "--size huge"),
        (("--measure", "--target", "ascend"), "for ascend"),
        (("--rounds", "30"), "--measure and --bench"),
        (("--size", "tiny"), "--measure and --bench"),
    ],
)
def test_what_cannot_be_measured_is_refused(cli, toy, words, message):
    before = sorted(toy.parent.iterdir())
    run = cli("apply", toy, *words)
    assert run.code == 2
    assert message in run.err
    assert sorted(toy.parent.iterdir()) == before  # neither executed nor rewritten
