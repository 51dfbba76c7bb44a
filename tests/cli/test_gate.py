"""`rewriter apply --verify` as a gate: what is proved is written, what is not is rolled back and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # many small models, most of them compiled

ROOT = Path(__file__).resolve().parents[2]
BERT = ROOT / "models" / "bert" / "modeling_bert.py"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"

WRONG = '''\
import libcst as cst

from rewriter import Pass, hookimpl
from rewriter.tree import find, replace


class Wrong(Pass):
    """Exchange the terms of sums, and forget a scale."""

    name = "wrong"

    def rewrite(self, context):
        changes = {}
        for node in find(context.tree, cst.BinaryOperation):
            text = cst.Module([]).code_for_node(node)
            if text == "hidden_states + input_tensor":
                changes[node] = cst.parse_expression("input_tensor + hidden_states")
                context.rewritten(node, "a sum", "its terms exchanged")
            elif text == "attention_scores / math.sqrt(self.attention_head_size)":
                changes[node] = node.left
                context.rewritten(node, "a scale", "forgotten")
        return replace(context.tree, changes)


@hookimpl
def rewriter_passes():
    return [Wrong()]
'''


@pytest.fixture
def plugin(workplace: Path, few_calls: str) -> Path:
    path = workplace / "wrong.py"
    path.write_text(few_calls + WRONG, encoding="utf-8")
    return path


def test_a_wrong_site_is_rolled_back_and_named(cli, plugin, workplace):
    arguments = ("apply", BERT, "-o", "out.py", "--plugin", plugin, "--passes", "wrong", "--verify")
    run = cli(*arguments, "--strict")
    line = next(n for n, text in enumerate(BERT.read_text().splitlines(), start=1) if SCALE in text)
    assert run.code == 1
    assert "wrong: 2 sites rewritten" in run.out
    assert f"wrong rolled back at {BERT}:{line}: a scale" in run.out
    assert "BertModel last_hidden_state" in run.out
    assert "max abs error" in run.out
    assert "case BertModel/" in run.out
    assert run.out.strip().splitlines()[-1].startswith("identical")
    text = (workplace / "out.py").read_text(encoding="utf-8")
    assert SCALE in text
    assert text.count("input_tensor + hidden_states") == 2
    assert cli("verify", BERT, "out.py", "--plugin", plugin).code == 0

    run = cli(*arguments, "--json")
    document = json.loads(run.out)
    assert run.code == 0
    sites = document["files"][0]["sites"]
    assert sorted(site["outcome"] for site in sites) == ["rewritten", "rewritten", "rolled back"]
    (evidence,) = [site["evidence"] for site in sites if site["outcome"] == "rolled back"]
    assert evidence["maximum_absolute"] > 0.1
    assert evidence["case"].startswith("BertModel/")
    assert document["verdicts"][0]["ok"] is True


class TestInPlace:
    """`--in-place --verify`: a copy is proved first."""

    @pytest.fixture
    def package(self, workplace, monkeypatch):
        """A copy of the bundled models, for a file that may be changed."""
        import shutil

        shutil.copytree(ROOT / "models", workplace / "copied", ignore=shutil.ignore_patterns("__pycache__"))
        return workplace / "copied" / "bert" / "modeling_bert.py"

    def test_what_is_proved_is_written(self, cli, plugin, package):
        run = cli("apply", package, "--in-place", "--plugin", plugin, "--passes", "wrong", "--verify")
        assert run.code == 0
        text = package.read_text(encoding="utf-8")
        assert text.count("input_tensor + hidden_states") == 2
        assert SCALE in text
        assert cli("undo", package).code == 0
        assert package.read_bytes() == BERT.read_bytes()

    def test_what_nothing_is_known_of_is_left(self, cli, toy):
        before = toy.read_bytes()
        run = cli("apply", toy, "--in-place", "--verify")
        assert run.code == 1
        assert "left as it was" in run.out
        assert "adapter" in run.err
        assert toy.read_bytes() == before


def test_what_cannot_be_verified_is_written_with_a_warning(cli, toy):
    run = cli("apply", toy, "--verify")
    assert run.code == 1
    assert "nothing could be verified" in run.out
    assert "adapter" in run.err
    assert toy.with_name("modeling_toy_rewritten.py").exists()
