"""Width and depth, element by element, on models so small that the numbers can be written down."""

import numpy as np
import pytest
from rewriter_passes.weights.aki import Aki
from rewriter_passes.weights.average import Average
from rewriter_passes.weights.fpi import Fpi
from rewriter_passes.weights.identity import Identity
from rewriter_passes.weights.interleave import Interleave
from rewriter_passes.weights.stack import Stack
from small import BERT, GPT2

from rewriter.errors import RewriterError
from rewriter.weights import FILL, MEAN, Axis, Choices
from rewriter.weights.drawing import draw
from rewriter.weights.execute import tensor
from rewriter.weights.expand import make_plan, plan_alone

TWO = {**BERT, "hidden_size": 2, "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 2}
TWO_GPT2 = {**GPT2, "n_embd": 2, "n_head": 1, "n_layer": 1, "n_inner": 2}
FIRST, BIAS = np.float32([[1, 2], [3, 4]]), np.float32([5, 6])


def made(item, config, key, value, choices=None, parts=(), **changes):
    """Return what a pass makes of a tensor."""
    drawn = draw(config, parts=parts)
    plan = plan_alone(item, drawn.view, {**config, **changes}, choices or Choices())
    source = {**drawn.weights, key: np.asarray(value, np.float32)}
    return tensor(plan.recipes[key], source.__getitem__)


@pytest.mark.parametrize(
    ("part", "value", "wanted"),
    [
        ("attention.self.value.weight", FIRST, [[0.5, 1, 0.5, 1], [1.5, 2, 1.5, 2]] * 2),
        ("attention.self.value.bias", BIAS, [5, 6, 5, 6]),
        ("output.dense.weight", FIRST, [[1, 2], [3, 4]] * 2),
        ("intermediate.dense.weight", FIRST, [[0.5, 1, 0.5, 1], [1.5, 2, 1.5, 2]]),
        ("output.LayerNorm.weight", BIAS, [5, 6, 5, 6]),
    ],
)
def test_outputs_are_copied_and_inputs_shared_out(part, value, wanted):
    found = made(Fpi(), TWO, f"encoder.layer.0.{part}", value, hidden_size=4, num_attention_heads=2)
    assert found.tolist() == np.float32(wanted).tolist()


def test_intermediate_units_of_any_number():
    """Three copies of two: the first unit twice, so that each of its copies has half of what is read of it."""
    found = made(Fpi(), TWO, "encoder.layer.0.output.dense.weight", FIRST, intermediate_size=3)
    assert found.tolist() == [[0.5, 2, 0.5], [1.5, 4, 1.5]]


def test_queries_of_larger_heads_are_scaled_and_keys_are_not():
    larger = {"hidden_size": 4, "num_attention_heads": 1}
    root = np.float32(2**0.5 / 2)  # sqrt(4 / 2) times the share
    query = made(Fpi(), TWO, "encoder.layer.0.attention.self.query.bias", BIAS, **larger)
    key = made(Fpi(), TWO, "encoder.layer.0.attention.self.key.bias", BIAS, **larger)
    assert query.tolist() == (np.float32([5, 6, 5, 6]) * root).tolist()
    assert key.tolist() == [5, 6, 5, 6]


def test_queries_keys_and_values_of_gpt2_are_mapped_each_by_itself():
    value = [[1, 2, 3, 4, 5, 6]]
    found = made(Fpi(), TWO_GPT2, "h.0.attn.c_attn.weight", value * 2, n_embd=4, n_head=2)
    assert found.tolist() == [[0.5, 1, 0.5, 1, 1.5, 2, 1.5, 2, 2.5, 3, 2.5, 3]] * 4


def test_queries_of_larger_heads_of_gpt2_are_scaled_and_keys_and_values_are_not():
    found = made(Fpi(), TWO_GPT2, "h.0.attn.c_attn.weight", [[2] * 6] * 2, n_embd=4, n_head=1)
    assert found.tolist() == [[np.float32(2**0.5 / 2)] * 4 + [1] * 8] * 4


def test_the_norm_before_a_tied_decoder_carries_the_share():
    tied = made(Fpi(), TWO_GPT2, "ln_f.weight", BIAS, n_embd=4, n_head=2)
    untied = made(Fpi(), {**TWO_GPT2, "tie_word_embeddings": False}, "ln_f.weight", BIAS, n_embd=4, n_head=2)
    inside = made(Fpi(), TWO_GPT2, "h.0.ln_2.weight", BIAS, n_embd=4, n_head=2)
    assert tied.tolist() == [2.5, 3, 2.5, 3]
    assert untied.tolist() == inside.tolist() == [5, 6, 5, 6]


def test_a_classifier_reads_the_norm_of_gpt2_as_it_is():
    found = made(Fpi(), TWO_GPT2, "ln_f.weight", BIAS, parts=("score.",), n_embd=4, n_head=2)
    assert found.tolist() == [5, 6, 5, 6]


def test_the_norm_before_a_tied_mlm_decoder_carries_the_share():
    key, parts = "cls.predictions.transform.LayerNorm.bias", ("cls.predictions.",)
    untied = {**TWO, "tie_word_embeddings": False}
    assert made(Fpi(), TWO, key, BIAS, parts=parts, hidden_size=4).tolist() == [2.5, 3, 2.5, 3]
    assert made(Fpi(), untied, key, BIAS, parts=parts, hidden_size=4).tolist() == [5, 6, 5, 6]


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("wpe.weight", [[1, 3]] * 7, [[4, 12, 8, 8, 8, 8, 8, 8]] * 7),
        ("h.0.ln_1.weight", [1, 3], [0.5, 1.5, 1, 1, 1, 1, 1, 1]),
        ("h.0.ln_1.bias", [1, 3], [1, 3, 0, 0, 0, 0, 0, 0]),
        ("h.0.mlp.c_fc.weight", FIRST, [[1, 2], [3, 4], *[[0, 0]] * 6]),
        ("h.0.mlp.c_proj.weight", FIRST, [[2, 4, *[3] * 6], [6, 8, *[7] * 6]]),
        ("ln_f.weight", [1, 3], [0.25, 0.75, *[0.5] * 6]),
        ("ln_f.bias", [1, 3], [0.5, 1.5, *[0] * 6]),
    ],
)
def test_means_of_gpt2(key, value, wanted):
    """Four times the width: what writes the stream is doubled, gamma is halved, what reads it sees no further units."""
    scale = 2 if key == "wpe.weight" else 1  # 1, 3 doubled is 2, 6
    found = made(Average(), TWO_GPT2, key, np.float32(value) * scale, n_embd=8, n_head=1)
    assert found.tolist() == np.float32(wanted).tolist()


def test_means_of_bert():
    larger = {"hidden_size": 8, "num_attention_heads": 1}
    norm = "encoder.layer.0.output.LayerNorm"
    assert made(Average(), TWO, f"{norm}.weight", [1, 3], **larger).tolist() == [0.5, 1.5, *[0] * 6]
    assert made(Average(), TWO, f"{norm}.bias", [1, 3], **larger).tolist() == [1, 3, *[2] * 6]


def test_layers_of_a_deeper_model():
    drawn = draw(BERT | {"num_hidden_layers": 3})
    bias = "encoder.layer.{}.intermediate.dense.bias"
    for item, wanted in ((Stack(), [0, 1, 2, 0, 1, 2, 1, 2]), (Interleave(), [0, 0, 0, 1, 1, 1, 2, 2])):
        plan = plan_alone(item, drawn.view, {**BERT, "num_hidden_layers": 8}, Choices())
        assert [plan.recipes[bias.format(n)].sources for n in range(8)] == [(bias.format(n),) for n in wanted]


def test_silent_layers_of_bert_move_gamma_and_beta_behind_them():
    norm = "encoder.layer.{}.{}output.LayerNorm.weight"
    drawn = draw(BERT)
    plan = plan_alone(Identity(), drawn.view, {**BERT, "num_hidden_layers": 5}, Choices())
    found = [[plan.recipes[norm.format(n, block)].sources or "ones" for block in ("attention.", "")] for n in range(5)]
    first, second = norm.format(0, ""), norm.format(1, "")
    assert found == [
        [(norm.format(0, "attention."),), "ones"],
        ["ones", "ones"],
        ["ones", (first,)],
        [(norm.format(1, "attention."),), "ones"],
        ["ones", (second,)],
    ]
    assert plan.relations.layers == (0, None, None, 1, None)
    assert plan.relations.states == (0, None, None, 1, None, 2)


def test_a_moved_layer_whose_scores_are_divided_by_its_number():
    config = {**GPT2, "scale_attn_by_inverse_layer_idx": True}
    drawn = draw(config)
    plan = plan_alone(Identity(), drawn.view, {**config, "n_layer": 4}, Choices())
    moved = plan.recipes["h.2.attn.c_attn.bias"]
    assert [moved.origin((n,)).factor for n in (0, 7, 8, 23)] == [1.5, 1.5, 1, 1]
    assert plan.recipes["h.0.attn.c_attn.bias"].origin((0,)).factor == 1


@pytest.mark.parametrize("width", [Fpi(), Aki()], ids=lambda item: item.name)
def test_wider_and_deeper_at_once(width):
    """Larger heads scale queries by sqrt(8 / 4) / 2, the move from place 1 to 2 by 3 / 2; relations go through both."""
    config = {**GPT2, "n_layer": 3, "scale_attn_by_inverse_layer_idx": True}
    target = {**config, "n_embd": 16, "n_layer": 6}
    plan = make_plan(draw(config).view, target, width, Identity())
    moved = plan.recipes["h.2.attn.c_attn.bias"]
    query = 2**0.5 / 2 * 1.5
    assert [moved.origin((n,)).factor for n in (0, 4, 15, 16, 47)] == pytest.approx([query] * 3 + [1] * 2)
    assert plan.method == f"{width.name}+identity"
    assert plan.relations.layers == (0, None, 1, None, 2, None)
    assert plan.relations.states == (0, 1, 1, 2, 2, None, 3)
    assert plan.relations.last_hidden.index.tolist() == [*range(8), *range(8)]
    assert plan.relations.last_hidden.scale.tolist() == [0.5] * 16
    assert plan.relations.head_units.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_layers_need_a_pass_that_makes_them():
    with pytest.raises(RewriterError, match="4 layers of 2: name a pass"):
        make_plan(draw(GPT2).view, {**GPT2, "n_layer": 4}, Fpi())


def test_axes_follow_each_other():
    """Two steps in one: the same numbers as one after the other."""
    values = np.arange(6.0).reshape(2, 3)
    inner = Axis(np.array([2, 0, 1, 0, MEAN, FILL]), np.array([1, 0.5, 2, 0.5, 3, 1]))
    outer = Axis(np.array([5, 4, 3, 3, 0, FILL]), np.array([2, 2, 2, 3, 1, 1.0]))
    assert outer.after(inner).apply(values).tolist() == outer.apply(inner.apply(values)).tolist()


def test_a_mean_of_what_are_no_plain_copies_is_refused():
    mean = Axis(np.array([0, 1, MEAN]))
    assert mean.after(Axis.whole(2)).index.tolist() == [0, 1, MEAN]
    with pytest.raises(ValueError, match="not plain copies"):
        mean.after(Axis(np.array([0, 0, 1])))
