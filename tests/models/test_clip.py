"""CLIP against what PyTorch answered, and what callers of a HuggingFace model rely on."""

import numpy as np
import pytest
from mindspore import Tensor, ops
from safetensors.numpy import load_file

from models.clip.configuration_clip import CLIPConfig, CLIPTextConfig, CLIPVisionConfig
from models.clip.modeling_clip import (
    CLIPForImageClassification,
    CLIPModel,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionModel,
)


def same(left, right, tolerance=0.0):
    return float(np.abs(left.asnumpy() - right.asnumpy()).max()) <= tolerance


def test_matches_pytorch(clip, clip_case, flatten, record_property):
    model, inputs = clip.build(clip_case), clip.inputs(clip_case)
    call = model if clip_case["call"] == "forward" else getattr(model, clip_case["call"])
    outputs = call(**inputs, **clip_case["flags"])
    outputs = {"features": outputs} if isinstance(outputs, Tensor) else outputs
    record_property("max_abs_error", clip.check(clip_case, flatten(outputs)))


def test_the_two_rules_for_the_end_of_a_text_disagree_here(clip):
    pooled = {name: clip.part(clip.cases[name], "out")["pooler_output"] for name in ("text", "text_eos_2")}
    assert np.abs(pooled["text"] - pooled["text_eos_2"]).max() > 0.1


@pytest.mark.parametrize("name", ["text", "vision_projection", "both_loss", "single_label"])
@pytest.mark.slow
def test_tuple_has_the_fields_of_the_output_in_order(clip, flatten, name):
    case = clip.cases[name]
    model, inputs = clip.build(case), clip.inputs(case)
    packed = model(**inputs, **case["flags"])
    plain = model(**inputs, **case["flags"], return_dict=False)
    assert type(plain) is tuple
    left, right = flatten(packed.to_tuple()), flatten(plain)
    assert left.keys() == right.keys()
    assert all(np.array_equal(left[key], right[key]) for key in left)


def test_parameter_names_are_the_keys_of_the_checkpoint(clip):
    model = CLIPModel.from_pretrained(clip.directory)
    assert set(model.parameters_dict()) == set(load_file(clip.directory / "model.safetensors"))


@pytest.mark.slow
def test_round_trip(clip, tmp_path):
    case = clip.cases["both_loss"]
    model, inputs = CLIPModel.from_pretrained(clip.directory), clip.inputs(case)
    model.save_pretrained(tmp_path)
    again = CLIPModel.from_pretrained(tmp_path)
    assert again.config == model.config
    assert same(model(**inputs, return_loss=True).loss, again(**inputs, return_loss=True).loss)
    text = CLIPTextModelWithProjection.from_pretrained(tmp_path)
    text.save_pretrained(tmp_path / "text")
    alone = CLIPTextModelWithProjection.from_pretrained(tmp_path / "text")
    assert same(text(inputs["input_ids"]).text_embeds, alone(inputs["input_ids"]).text_embeds)


def test_errors_of_loading_say_what_is_wrong(clip, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        CLIPModel.from_pretrained(tmp_path)
    CLIPVisionModel.from_pretrained(clip.directory).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lacks weights of CLIPTextModel: text_model\.embeddings"):
        CLIPTextModel.from_pretrained(tmp_path, config=CLIPTextConfig.from_pretrained(clip.directory))
    with pytest.raises(ValueError, match=r"position_embedding\.weight: \(17, 32\) in the file, \(65, 32\) here"):
        CLIPVisionModel.from_pretrained(clip.directory, image_size=64)
    with pytest.raises(TypeError, match="needs a CLIPTextConfig"):
        CLIPTextModel(CLIPVisionConfig())


def test_wrong_inputs_are_refused(clip):
    model = CLIPModel.from_pretrained(clip.directory)
    pixels, ids = ops.ones((1, 3, 32, 32)), Tensor(np.full((1, 4), 100))
    with pytest.raises(ValueError, match="32 x 32 pixels, got 40 x 32"):
        model.get_image_features(ops.ones((1, 3, 40, 32)))
    with pytest.raises(ValueError, match="at most 20 tokens, got 21"):
        model.get_text_features(Tensor(np.full((1, 21), 100)))
    with pytest.raises(ValueError, match="input_ids are missing"):
        model(pixel_values=pixels)
    with pytest.raises(ValueError, match="pixel_values are missing"):
        model(ids)


def test_resizing_tokens(clip):
    model = CLIPModel.from_pretrained(clip.directory)
    ids = clip.inputs(clip.cases["text"])["input_ids"]
    names, before = list(model.parameters_dict()), model.get_text_features(ids)
    model.resize_token_embeddings(130)
    assert model.config.text_config.vocab_size == 130
    assert list(model.parameters_dict()) == names
    assert same(before, model.get_text_features(ids))
    with pytest.raises(NotImplementedError, match="no token embeddings"):
        CLIPVisionModel.from_pretrained(clip.directory).resize_token_embeddings(10)


def test_dropout_works_in_training_only(clip):
    model = CLIPTextModel.from_pretrained(clip.directory, attention_dropout=0.5)
    ids = clip.inputs(clip.cases["text"])["input_ids"]
    assert same(model(ids)[0], model(ids)[0])
    model.set_train(True)
    assert not same(model(ids)[0], model(ids)[0], 1e-3)


def test_new_weights_have_the_published_spread():
    tower = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128, "num_hidden_layers": 2}
    config = CLIPConfig(text_config={**tower, "vocab_size": 200}, vision_config={**tower, "image_size": 64})
    model = CLIPModel(config)
    attention = model.text_model.encoder.layers[0].self_attn
    spread = {
        0.02: model.text_model.embeddings.token_embedding.weight,
        64**-0.5 / 2: attention.q_proj.weight,
        64**-0.5: attention.out_proj.weight,
        128**-0.5: model.text_model.encoder.layers[0].mlp.fc1.weight,
    }
    for expected, parameter in spread.items():
        assert parameter.asnumpy().std() == pytest.approx(expected, rel=0.1)
    assert not attention.q_proj.bias.asnumpy().any()
    assert float(model.logit_scale.asnumpy()) == pytest.approx(2.6592)


def test_labels_settle_the_problem_type(clip):
    model = CLIPForImageClassification.from_pretrained(clip.directory, num_labels=3)
    model(ops.ones((2, 3, 32, 32)), labels=ops.ones((2, 3)))
    assert model.config.problem_type == "multi_label_classification"


def test_config_of_both_towers(tmp_path):
    config = CLIPConfig.from_text_vision_configs(CLIPTextConfig(hidden_size=48), CLIPVisionConfig(patch_size=16))
    config.save_pretrained(tmp_path)
    assert CLIPConfig.from_pretrained(tmp_path) == config
    assert CLIPTextConfig.from_pretrained(tmp_path).hidden_size == 48
    assert CLIPVisionConfig.from_pretrained(tmp_path, image_size=96).image_size == 96
    legacy = CLIPConfig(text_config={"hidden_size": 1}, text_config_dict={"hidden_size": 64})
    assert legacy.text_config.hidden_size == 64
