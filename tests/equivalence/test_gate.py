"""`rewriter.equivalence.gate`: wrong passes on the bundled BERT, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from rewriter_passes import rewriter_passes

from rewriter import Outcome, Pass, RewriterError, pipeline, source
from rewriter.equivalence.gate import prove
from rewriter.equivalence.text_like import TextLike
from rewriter.targets import Target
from rewriter.tree import find, replace

pytestmark = pytest.mark.slow  # many small models, most of them compiled

SUM = "hidden_states + input_tensor"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"
WEIGHT = "ops.matmul(attention_probs, value_layer)"
RESULT = "(attention_output,) + self_outputs[1:]"
CASES = ("BertModel/mask=none/batch=3/seq=5", "BertModel/mask=left-padded/batch=1/seq=5")


class Few(TextLike):
    """Two calls of one model."""

    name = "few"

    def models(self, module):
        return ["BertModel"]

    def cases(self, model_class, level, seed):
        return [case for case in super().cases(model_class, "full", seed) if case.scenario == "call"][:2]


class Replacing(Pass):
    """Replace expressions by others."""

    def __init__(self, name: str, edits: dict[str, str], *, use: str = "", before: tuple[str, ...] = ()) -> None:
        self.name, self.edits, self.use, self.before = name, edits, use, before  # type: ignore[misc]

    def rewrite(self, context):
        found = {}
        for node in find(context.tree, (cst.BinaryOperation, cst.Call, cst.Return)):
            new = self.edits.get(cst.Module([]).code_for_node(node))
            if new is not None:
                local = context.use(self.use) if self.use else ""
                found[node] = cst.parse_expression(new.replace("LOCAL", local))
                context.rewritten(node, "an expression", f"made {new}")
        return replace(context.tree, found)


class Raising(Pass):
    """Raise."""

    name = "raising"

    def rewrite(self, context):
        context.rewritten(context.tree.body[0], "a file", "never")
        raise ValueError("no luck")


class Adding(Pass):
    """Add statements to the end of a file."""

    name = "adding"

    def __init__(self, text: str) -> None:
        self.text = text

    def rewrite(self, context):
        context.rewritten(context.tree.body[-1], "the file", "statements added")
        return context.tree.with_changes(body=[*context.tree.body, *cst.parse_module(self.text).body])


def run(bert: Path, *passes: Pass, adapters=None):
    file = source.read(bert)

    def rewrite(gate):
        return pipeline.run(file, passes, Target(), gate=gate)

    return prove(bert, rewrite, adapters=(Few(),) if adapters is None else adapters)


def line_of(bert: Path, text: str) -> int:
    return next(n for n, line in enumerate(bert.read_text().splitlines(), start=1) if text in line)


def sites(proof, outcome=Outcome.ROLLED_BACK):
    return [site for site in proof.result.sites if site.outcome is outcome]


def test_a_right_pass_is_verified_once(bert):
    proof = run(bert, Replacing("right", {SUM: "input_tensor + hidden_states"}))
    assert proof.verdict is not None
    assert proof.verdict.ok
    assert not proof.problem
    assert len(sites(proof, Outcome.REWRITTEN)) == 2


def test_the_wrong_site_of_three_is_rolled_back(bert):
    proof = run(bert, Replacing("wrong", {SUM: "input_tensor + hidden_states", SCALE: "attention_scores"}))
    (site,) = sites(proof)
    assert (site.pass_name, site.line) == ("wrong", line_of(bert, SCALE))
    assert site.evidence is not None
    assert site.evidence.what.startswith("BertModel last_hidden_state")
    assert site.evidence.case.startswith("BertModel/")
    assert site.evidence.maximum_absolute > 0.1
    assert site.evidence.maximum_relative > 0.1
    assert len(sites(proof, Outcome.REWRITTEN)) == 2
    assert SCALE in proof.result.text
    assert proof.result.text.count("input_tensor + hidden_states") == 2
    assert proof.verdict.ok
    assert not proof.problem


def test_a_pass_that_raises_is_left_out(bert):
    proof = run(bert, Raising(), Replacing("right", {SUM: "input_tensor + hidden_states"}))
    assert [failure.pass_name for failure in proof.result.failures] == ["raising"]
    assert proof.verdict.ok


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("nothing_of_this_name()\n", "NameError"),
        ("class Broken(nothing_of_this_name):\n    pass\n", "NameError"),
    ],
)
def test_a_pass_that_breaks_the_import_is_rolled_back(bert, text, words):
    proof = run(bert, Adding(f"HARMLESS = 1\n{text}"), Replacing("right", {SUM: "input_tensor + hidden_states"}))
    (site,) = sites(proof)
    assert site.pass_name == "adding"
    assert site.evidence.what == "import"
    assert words in site.evidence.message
    assert "nothing_of_this_name" not in proof.result.text
    assert "HARMLESS = 1" in proof.result.text
    assert proof.verdict.ok


def test_two_wrong_passes(bert):
    proof = run(
        bert,
        Replacing("first", {SCALE: "attention_scores", SUM: "input_tensor + hidden_states"}),
        Replacing("second", {WEIGHT: f"({WEIGHT} * 1.01)"}),
    )
    assert [(site.pass_name, site.line) for site in sites(proof)] == [
        ("first", line_of(bert, SCALE)),
        ("second", line_of(bert, WEIGHT)),
    ]
    assert proof.verdict.ok


def test_a_fault_that_shows_only_together(bert):
    """The one scales by 2, the other by 1/2 in the first layer's place: each is switched on by a flag of the other."""
    proof = run(
        bert,
        Replacing(
            "pair",
            {
                SCALE: f"({SCALE} * (3 if vars(self).get('odd') else 1))",
                "self.transpose_for_scores(self.query(hidden_states))": (
                    "(vars(self).update(odd=True), self.transpose_for_scores(self.query(hidden_states)))[1]"
                ),
                SUM: "input_tensor + hidden_states",
            },
        ),
    )
    assert [site.line for site in sites(proof)] == [
        line_of(bert, "query_layer = self.transpose_for_scores"),
        line_of(bert, SCALE),
    ]
    assert len(sites(proof, Outcome.REWRITTEN)) == 2
    assert proof.verdict.ok


def test_an_import_that_only_the_wrong_site_used_goes_with_it(bert):
    proof = run(
        bert,
        Replacing("wrong", {SCALE: "LOCAL(attention_scores)"}, use="mindspore.mint.exp"),
        Replacing("right", {SUM: "input_tensor + hidden_states"}),
    )
    assert len(sites(proof)) == 1
    assert "mint" not in proof.result.text


def test_helpers_that_only_the_wrong_site_used_go_with_it(bert):
    class Helping(Replacing):
        def rewrite(self, context):
            tree = super().rewrite(context)
            helper = cst.parse_module("def _outer(x):\n    return _inner(x)\n\n\ndef _inner(x):\n    return 2 * x\n")
            return tree.with_changes(body=[*tree.body, *helper.body])

    proof = run(bert, Helping("wrong", {SCALE: f"_outer({SCALE})", SUM: "input_tensor + hidden_states"}))
    assert [site.line for site in sites(proof)] == [line_of(bert, SCALE)]
    assert "_outer" not in proof.result.text
    assert "_inner" not in proof.result.text


def test_nothing_is_left(bert):
    proof = run(bert, Replacing("wrong", {SCALE: "attention_scores"}))
    assert "every change was rolled back" in proof.problem
    assert not proof.result.changed
    assert len(sites(proof)) == 1


def test_what_no_adapter_knows_is_not_verified(bert, tmp_path):
    path = tmp_path / "modeling_strange.py"
    path.write_text(
        "from mindspore import nn\n\n\nclass A(nn.Cell):\n    def construct(self, x):\n        return x + 1\n"
    )
    file = source.read(path)
    proof = prove(path, lambda gate: pipeline.run(file, [Replacing("a", {"x + 1": "1 + x"})], Target(), gate=gate))
    assert isinstance(proof.error, RewriterError)
    assert "adapter" in str(proof.error)
    assert proof.result.changed
    assert not proof.problem


def test_an_original_that_cannot_be_imported_is_not_the_passes_fault(tmp_path):
    path = tmp_path / "modeling_gone.py"
    path.write_text(
        "import nothing_of_this_name\nfrom mindspore import nn\n\n\nclass A(nn.Cell):\n"
        "    def construct(self, x):\n        return x + 1\n"
    )
    file = source.read(path)
    proof = prove(path, lambda gate: pipeline.run(file, [Replacing("a", {"x + 1": "1 + x"})], Target(), gate=gate))
    assert "nothing_of_this_name" in str(proof.error)
    assert not proof.problem


@pytest.mark.slow
def test_a_second_run_changes_nothing(bert, tmp_path):
    """What a rollback leaves is a file that the same passes would rewrite and roll back alike."""
    passes = Replacing("wrong", {SUM: "input_tensor + hidden_states", SCALE: "attention_scores"})
    first = run(bert, passes)
    again = run(bert, passes)
    assert first.result.data == again.result.data


@pytest.mark.slow
def test_a_pass_that_strict_refuses(bert):
    """It computes the same, so only the compiler minds; the pass is blamed, not the one that compiles."""
    refused = Replacing(
        "refused",
        {
            RESULT: "[item for item in ((attention_output,) + self_outputs[1:],) if isinstance(item, tuple)][-1]",
            SUM: "input_tensor + hidden_states",
        },
        before=("flatten",),
    )
    refused.edits[WEIGHT] = f"(print('', end='', flush=True), {WEIGHT})[1]"
    graph = [item for item in rewriter_passes() if item.name in ("flatten", "jit", "module-loops", "define-names")]
    proof = run(bert, refused, *graph)
    assert {site.pass_name for site in sites(proof)} == {"refused"}
    assert all(site.evidence.what == "STRICT" for site in sites(proof))
    assert proof.verdict.ok
    assert proof.verdict.methods
    assert proof.result.text.count("input_tensor + hidden_states") == 2
