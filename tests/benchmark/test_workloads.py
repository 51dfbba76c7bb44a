"""What is measured: models and shapes of the bundled files; and the hand recipe on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rewriter.benchmark import contenders, workloads
from rewriter.benchmark.runners import Local
from rewriter.equivalence import weights
from rewriter.errors import RewriterError
from rewriter.runtime import loader

MODELS = Path(__file__).resolve().parents[2] / "models"
TINY = {"size": "tiny", "batches": (1,), "lengths": (7,)}


@pytest.fixture(scope="module")
def bert():
    return loader.load(MODELS / "bert" / "modeling_bert.py")


@pytest.fixture(scope="module")
def clip():
    return loader.load(MODELS / "clip" / "modeling_clip.py")


def titles(groups):
    return [[workload.title for workload in group] for group in groups]


def test_every_batch_and_length(bert):
    found = titles(workloads.workloads(bert, size="tiny", batches=(1, 8), lengths=(16, 9), models=("BertModel",)))
    shapes = ["batch 1, length 16", "batch 1, length 9", "batch 8, length 16", "batch 8, length 9"]
    assert found == [[f"BertModel, {shape}, tiny" for shape in shapes]]


def test_a_model_of_each_kind_of_input_and_no_length_above_its_own(clip):
    groups = list(workloads.workloads(clip, size="tiny", batches=(2,), lengths=(16, 77, 500)))
    assert {workload.model for group in groups for workload in group} >= {"CLIPTextModel", "CLIPVisionModel"}
    by_model = {group[0].model: [(workload.batch, workload.length) for workload in group] for group in groups}
    assert by_model["CLIPTextModel"] == [(2, 16), (2, 77)]  # 500 is 77 again
    assert by_model["CLIPVisionModel"] == [(2, 0)]  # images have no length


def test_inputs_have_the_shapes_of_the_title(bert):
    ((workload,),) = workloads.workloads(bert, **TINY, models=("BertModel",))
    assert {name: value.shape for name, value in workload.inputs.items()} == {
        "input_ids": (1, 7),
        "attention_mask": (1, 7),
    }
    shorter = workloads.with_length(workload, 3)
    assert np.array_equal(shorter["input_ids"], workload.inputs["input_ids"][:, :3])


def test_a_model_that_there_is_not(bert):
    with pytest.raises(RewriterError, match="NoSuchModel"):
        list(workloads.workloads(bert, **TINY, models=("NoSuchModel",)))


def built(module, model):
    ((workload,),) = workloads.workloads(module, **TINY, models=(model,))
    made = workloads.build(module, workload)
    weights.load(made, weights.draw(made, 0))
    return workload, made


def test_encoders_are_found_by_their_lists_of_layers(bert, clip):
    for module, model, names in (
        (bert, "BertModel", ["BertEncoder"]),
        (clip, "CLIPVisionModel", ["CLIPEncoder"]),
        (clip, "CLIPModel", ["CLIPEncoder", "CLIPEncoder"]),
    ):
        found = contenders.encoders(built(module, model)[1])
        assert [type(encoder).__name__ for encoder in found] == names


def test_the_hand_recipe_computes_what_the_original_does(bert):
    outputs = []
    for kind in ("original", "hand"):
        workload, model = built(bert, "BertModel")
        runner = Local(contenders.make(kind, model))
        runner.give(workload.inputs)
        assert runner.call() > 0
        outputs.append(runner.output())
        runner.close()
    assert outputs[0].shape == (1, 7, 32)
    assert np.max(np.abs(outputs[0] - outputs[1])) < 1e-5


def test_a_model_without_layers_has_no_hand_recipe():
    from mindspore import nn

    with pytest.raises(ValueError, match="recipe"):
        contenders.by_hand(nn.Dense(2, 2))
