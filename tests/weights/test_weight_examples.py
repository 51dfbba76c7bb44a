"""The examples of every weight pass, and that a wrong one is noticed."""

from dataclasses import replace
from pathlib import Path

import pytest
from rewriter_passes.weights.fpi import Fpi

from rewriter import plugins
from rewriter.passes import Kind, Safety
from rewriter.weights import WeightExample, plan
from rewriter.weights.examples import check

PASSES = [item for _, item in plugins.load((str(Path(__file__).with_name("blockwise.py")),)).weight_passes()]
EXAMPLES = [(item, example) for item in PASSES for example in item.examples]
TWICE = Fpi.examples[0]


@pytest.mark.parametrize(("item", "example"), EXAMPLES, ids=lambda one: getattr(one, "name", getattr(one, "title", "")))
def test_examples(item, example):
    check(item, example)


def test_all_are_there_and_documented():
    assert [item.name for item in PASSES] == ["aki", "average", "blockwise", "fpi", "identity", "interleave", "stack"]
    for item in PASSES:
        assert item.kind is Kind.WEIGHTS and item.safety in Safety and item.summary and item.examples


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exact": False}, "the plan is exact, and the example says that it is not"),
        ({"target": {"hidden_size": 12, "num_attention_heads": 3}, "elements": {}}, "the plan is not"),
        (
            {"elements": {"pooler.dense.bias[9]": "pooler.dense.bias[2]"}},
            "pooler.dense.bias[9] is pooler.dense.bias[1]",
        ),
        ({"target": {"vocab_size": 12}}, "the pass refuses"),
    ],
)
def test_a_wrong_example_is_noticed(change, message):
    with pytest.raises(AssertionError) as failure:
        check(Fpi(), replace(TWICE, **change))
    assert message in str(failure.value)


class Unshared(Fpi):
    """Copies inputs and does not share them out: what it makes is not the source's function."""

    name = "unshared"

    def plan(self, source, target, choices):
        made = super().plan(source, target, choices)
        return replace(made, recipes={key: _unshared(recipe) for key, recipe in made.recipes.items()})


def _unshared(recipe: plan.Recipe) -> plan.Recipe:
    pieces = (replace(piece, axes=tuple(replace(axis, scale=None) for axis in piece.axes)) for piece in recipe.pieces)
    return replace(recipe, pieces=tuple(pieces))


def test_a_wrong_pass_that_says_it_is_exact_is_noticed():
    example = WeightExample("twice", TWICE.source, TWICE.target)
    check(Fpi(), example)
    with pytest.raises(AssertionError, match="the outputs are not the source's"):
        check(Unshared(), example)
