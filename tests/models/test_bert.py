"""BERT against what PyTorch answered, and what callers of a HuggingFace model rely on."""

import json
import logging

import mindspore
import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from safetensors.numpy import load_file, save_file

from models.bert.configuration_bert import BertConfig
from models.bert.modeling_bert import (
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertLMHeadModel,
    BertModel,
)
from models.common.layers import Embedding
from models.common.modeling_outputs import BaseModelOutput
from models.common.modeling_utils import warning_once

TINY = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
}


@pytest.fixture
def ids():
    return Tensor(np.random.default_rng(0).integers(1, 50, (2, 6)), mindspore.int64)


def tiny(cls, **settings):
    mindspore.set_seed(1)
    return cls(BertConfig(**{**TINY, **settings})).set_train(False)


def same(left, right, tolerance=0.0):
    return float(np.abs(left.asnumpy() - right.asnumpy()).max()) <= tolerance


def two_steps(model, input_ids, attention_mask, **rest):
    first = model(input_ids[:, :5], attention_mask=attention_mask[:, :5], use_cache=True, **rest)
    past = first.past_key_values
    return model(input_ids[:, 5:], attention_mask=attention_mask, past_key_values=past, use_cache=True, **rest)


def gradients(model, wanted, **inputs):
    parameters = model.trainable_params()
    loss, grads = mindspore.value_and_grad(lambda: model(**inputs).loss, None, parameters)()
    by_name = {parameter.name: grad for parameter, grad in zip(parameters, grads, strict=True)}
    return {"loss": loss, **{name: by_name[name] for name in wanted}}


def test_matches_pytorch(bert, bert_case, flatten, request, record_property):
    if bert_case["name"].startswith("relative_key"):
        request.getfixturevalue("einsum")
    model, inputs = bert.build(bert_case), bert.inputs(bert_case)
    if bert_case["name"] == "pruned":
        model.prune_heads({0: [1], 1: [0, 2]})
        model.prune_heads({0: [3]})
    if bert_case["call"] == "two_steps":
        outputs = two_steps(model, **inputs)
    elif bert_case["call"] == "gradients":
        outputs = gradients(model, set(bert.part(bert_case, "out")) - {"loss"}, **inputs)
    else:
        outputs = model(**inputs, **bert_case["flags"])
    record_property("max_abs_error", bert.check(bert_case, flatten(outputs)))


@pytest.mark.parametrize("name", ["base", "pretraining", "question", "cross", "multiple_choice"])
@pytest.mark.slow
def test_tuple_has_the_fields_of_the_output_in_order(bert, flatten, name):
    case = bert.cases[name]
    model, inputs = bert.build(case), bert.inputs(case)
    packed = model(**inputs, **case["flags"])
    plain = model(**inputs, **case["flags"], return_dict=False)
    assert type(plain) is tuple
    left, right = flatten(packed.to_tuple()), flatten(plain)
    assert left.keys() == right.keys()
    assert all(np.array_equal(left[key], right[key]) for key in left)


def test_parameter_names_are_the_keys_of_the_checkpoint(bert):
    model = BertForPreTraining.from_pretrained(bert.directory)
    keys = load_file(bert.directory / "model.safetensors").keys()
    assert set(model.parameters_dict()) == set(keys)
    assert len(model.trainable_params()) == len(keys)


def test_model_without_head_from_a_checkpoint_with_head(bert, ids):
    with_head = BertForPreTraining.from_pretrained(bert.directory)
    alone = BertModel.from_pretrained(bert.directory)
    assert same(alone(ids).pooler_output, with_head.bert(ids).pooler_output)
    assert "encoder.layer.0.attention.self.query.weight" in alone.parameters_dict()


def test_model_with_head_from_a_checkpoint_without_head(bert, ids, tmp_path, caplog):
    alone = BertModel.from_pretrained(bert.directory)
    alone.save_pretrained(tmp_path)
    mindspore.set_seed(1)
    with caplog.at_level(logging.WARNING):
        classifier = BertForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    assert "classifier.weight" in caplog.text
    assert same(classifier.bert(ids).pooler_output, alone(ids).pooler_output)
    assert classifier.classifier.weight.asnumpy().std() == pytest.approx(0.02, rel=0.3)
    assert not classifier.classifier.bias.asnumpy().any()
    assert not classifier.training


def test_round_trip(tmp_path, ids):
    model = tiny(BertForMaskedLM)
    model.save_pretrained(tmp_path)
    again = BertForMaskedLM.from_pretrained(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) == set(model.parameters_dict())
    assert "cls.predictions.decoder.weight" not in model.parameters_dict()
    assert same(model(ids).logits, again(ids).logits)
    assert again.config == model.config
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["BertForMaskedLM"]


def test_untied_round_trip(tmp_path, ids):
    model = tiny(BertForMaskedLM, tie_word_embeddings=False)
    model.save_pretrained(tmp_path)
    assert "cls.predictions.decoder.weight" in load_file(tmp_path / "model.safetensors")
    assert same(model(ids).logits, BertForMaskedLM.from_pretrained(tmp_path)(ids).logits)


def test_file_that_names_a_tied_weight_by_its_other_path(tmp_path, ids):
    model = tiny(BertForMaskedLM)
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["cls.predictions.decoder.weight"] = tensors.pop("bert.embeddings.word_embeddings.weight")
    save_file(tensors, tmp_path / "model.safetensors")
    assert same(model(ids).logits, BertForMaskedLM.from_pretrained(tmp_path)(ids).logits)


def test_old_spelling_of_norm_keys(tmp_path, ids):
    model = tiny(BertModel)
    model.embeddings.LayerNorm.weight.set_data(Tensor(np.full(16, 1.5, np.float32)))
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for key, value in tensors.items()
    }
    assert old.keys() != tensors.keys()
    save_file(old, tmp_path / "model.safetensors")
    assert same(model(ids)[0], BertModel.from_pretrained(tmp_path)(ids)[0])


def test_errors_of_loading_say_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such"):
        BertModel.from_pretrained(tmp_path / "no-such")
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        BertModel.from_pretrained(tmp_path)
    tiny(BertModel).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"embeddings.word_embeddings.weight: \(50, 16\) in the file, \(60, 16\) here"):
        BertModel.from_pretrained(tmp_path, vocab_size=60)
    with pytest.raises(
        ValueError, match=r"lacks weights of BertModel: encoder\.layer\.2\.attention\.self\.query\.weight"
    ):
        BertModel.from_pretrained(tmp_path, num_hidden_layers=3)
    resized = BertModel.from_pretrained(tmp_path, vocab_size=60, ignore_mismatched_sizes=True)
    assert resized.get_input_embeddings().weight.shape == (60, 16)
    (tmp_path / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        BertModel.from_pretrained(tmp_path)
    with pytest.raises(TypeError, match="needs a BertConfig"):
        BertModel({"vocab_size": 10})


@pytest.mark.parametrize("size", [50 + 7, 50 - 7])
def test_resizing_tokens_keeps_rows_names_and_tie(ids, size):
    model = tiny(BertForMaskedLM)
    names, ids = list(model.parameters_dict()), ids % 40
    model.cls.predictions.bias.set_data(Tensor(np.arange(50, dtype=np.float32)))
    before = model(ids).logits
    embeddings = model.resize_token_embeddings(size)
    assert embeddings is model.get_input_embeddings()
    assert model.config.vocab_size == size
    assert list(model.parameters_dict()) == names
    assert model.cls.predictions.decoder.weight is embeddings.weight
    assert model.cls.predictions.bias is model.cls.predictions.decoder.bias
    after = model(ids).logits
    assert after.shape == (2, 6, size)
    common = min(size, 50)
    assert same(before[..., :common], after[..., :common], 1e-6)
    assert model.resize_token_embeddings(size) is embeddings


def test_replaced_embeddings_are_used_and_named_like_the_old(ids):
    model = tiny(BertForMaskedLM)
    names, before = list(model.parameters_dict()), model(ids).logits
    model.set_input_embeddings(Embedding(50, 16))
    assert set(model.parameters_dict()) == {*names, "cls.predictions.decoder.weight"}
    model.tie_weights()
    assert list(model.parameters_dict()) == names
    assert not same(before, model(ids).logits, 1e-3)
    head = nn.Dense(16, 50)
    model.set_output_embeddings(head)
    assert model.get_output_embeddings() is head
    assert model.cls.predictions.bias is head.bias
    assert set(model.parameters_dict()) == {*names, "cls.predictions.decoder.weight"}


def test_pruned_heads_survive_a_round_trip(tmp_path, ids):
    model = tiny(BertModel)
    names = list(model.parameters_dict())
    model.prune_heads({0: [1], 1: [0, 3]})
    assert model.config.pruned_heads == {0: [1], 1: [0, 3]}
    assert model.encoder.layer[1].attention.self.query.weight.shape == (8, 16)
    assert list(model.parameters_dict()) == names
    model.save_pretrained(tmp_path)
    assert same(model(ids)[0], BertModel.from_pretrained(tmp_path)(ids)[0])


@pytest.mark.parametrize("crossing", [pytest.param(False, marks=pytest.mark.slow), True])
def test_step_by_step_equals_one_pass(ids, crossing):
    model = tiny(BertLMHeadModel, is_decoder=True, add_cross_attention=crossing, initializer_range=0.3)
    rest = {"encoder_hidden_states": Tensor(np.ones((2, 3, 16), np.float32))} if crossing else {}
    whole = model(ids, **rest)
    past, steps = None, []
    for position in range(ids.shape[1]):
        step = model(ids[:, position : position + 1], past_key_values=past, **rest)
        past = step.past_key_values
        steps.append(step.logits)
    assert len(past) == 2
    assert len(past[0]) == (4 if crossing else 2)
    assert past[0][0].shape == (2, 4, 6, 4)
    assert same(whole.logits, ops.cat(steps, axis=1), 1e-5)


def test_cache_rows_follow_the_beams(ids):
    model = tiny(BertLMHeadModel, is_decoder=True)
    past = model(ids).past_key_values
    swapped = model._reorder_cache(past, Tensor([1, 0], mindspore.int64))
    assert len(swapped) == len(past)
    assert same(swapped[1][0][0], past[1][0][1])
    assert not same(swapped[1][0][0], past[1][0][0], 1e-3)


def test_inputs_of_a_generation_step(ids):
    model = tiny(BertLMHeadModel, is_decoder=True)
    past = model(ids[:, :4]).past_key_values
    step = model.prepare_inputs_for_generation(ids, past_key_values=past)
    assert same(step["input_ids"], ids[:, 4:])
    assert step["attention_mask"].shape == ids.shape
    newest = model.prepare_inputs_for_generation(ids[:, -1:], past_key_values=past)
    assert same(newest["input_ids"], ids[:, -1:])
    filled = tiny(BertForMaskedLM).prepare_inputs_for_generation(ids, attention_mask=ops.ones_like(ids))
    assert filled["input_ids"][:, -1].asnumpy().tolist() == [0, 0]
    assert filled["attention_mask"].asnumpy().sum() == ids.size


def test_encoder_keeps_no_cache(ids):
    assert "past_key_values" not in tiny(BertModel)(ids, use_cache=True)


def test_dropout_works_in_training_only(ids):
    model = tiny(BertModel, hidden_dropout_prob=0.5)
    assert same(model(ids)[0], model(ids)[0])
    model.set_train(True)
    assert not same(model(ids)[0], model(ids)[0], 1e-3)


def test_chunked_feed_forward_is_the_same(ids):
    model = tiny(BertModel)
    before = model(ids)[0]
    for layer in model.encoder.layer:
        layer.chunk_size_feed_forward = 2
    assert same(before, model(ids)[0], 1e-6)
    with pytest.raises(ValueError, match="5 positions"):
        model(ids[:, :5])


@pytest.mark.slow
def test_gradient_checkpointing_gives_the_same_gradients(ids):
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = tiny(BertForMaskedLM, **no_dropout).set_train(True)
    name = "bert.encoder.layer.0.attention.self.query.weight"
    before = gradients(model, [name], input_ids=ids, labels=ids)
    model.gradient_checkpointing_enable()
    assert model.bert.encoder.gradient_checkpointing
    after = gradients(model, [name], input_ids=ids, labels=ids)
    assert np.abs(before[name].asnumpy()).max() > 0
    assert same(before[name], after[name], 1e-7)


def test_labels_settle_the_problem_type(ids):
    model = tiny(BertForSequenceClassification, num_labels=3)
    model(ids)
    assert model.config.problem_type is None
    model(ids, labels=Tensor([0, 2], mindspore.int64))
    assert model.config.problem_type == "single_label_classification"


def test_warns_once_about_padding_without_a_mask(ids, caplog):
    warning_once.cache_clear()
    model = tiny(BertModel)
    padded = ops.cat([ids, ops.zeros((2, 1), dtype=mindspore.int64)], axis=1)
    with caplog.at_level(logging.WARNING):
        model(ids)
        model(padded, attention_mask=ops.ones_like(padded))
        assert not caplog.records
        model(padded)
        model(padded)
    assert len(caplog.records) == 1


def test_wrong_inputs_are_refused(ids):
    model = tiny(BertModel)
    with pytest.raises(ValueError, match="not both"):
        model(ids, inputs_embeds=ops.ones((2, 6, 16)))
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model()
    with pytest.raises(ValueError, match="2 or 3 axes"):
        model(ids, attention_mask=ops.ones((6,)))
    with pytest.raises(ValueError, match="is_decoder=True"):
        tiny(BertModel, add_cross_attention=True)
    with pytest.raises(ValueError, match="add_cross_attention=True"):
        tiny(BertModel, is_decoder=True)(ids, encoder_hidden_states=ops.ones((2, 3, 16)))
    with pytest.raises(ValueError, match="not a multiple"):
        tiny(BertModel, num_attention_heads=5)


@pytest.mark.parametrize("dtype", [mindspore.bool_, mindspore.int32, mindspore.float32])
@pytest.mark.slow
def test_masks_of_any_dtype(ids, dtype):
    model = tiny(BertModel)
    mask = Tensor(np.array([[1, 1, 1, 1, 0, 0], [1] * 6]))
    assert same(model(ids, attention_mask=mask)[0], model(ids, attention_mask=mask.astype(dtype))[0])
    decoder = tiny(BertLMHeadModel, is_decoder=True)
    assert same(decoder(ids, attention_mask=mask)[0], decoder(ids, attention_mask=mask.astype(dtype))[0])


def test_half_precision(ids):
    model = tiny(BertForMaskedLM)
    full = model(ids).logits
    half = model.half()(ids, attention_mask=Tensor(np.ones((2, 6)))).logits
    assert model.dtype == mindspore.float16
    assert half.dtype == mindspore.float16
    assert same(full, half.astype(mindspore.float32), 2e-2)


def test_output_is_dataclass_dict_and_tuple():
    output = BaseModelOutput(last_hidden_state=1, attentions=(2, 3))
    assert output.last_hidden_state == output["last_hidden_state"] == output[0] == 1
    assert list(output) == ["last_hidden_state", "attentions"]
    assert output.to_tuple() == (1, (2, 3)) == output[:]
    assert output.hidden_states is None
    assert "hidden_states" not in output
    output.last_hidden_state = 5
    output["attentions"] = 6
    assert output.to_tuple() == (5, 6)
    assert output.attentions == 6
    with pytest.raises(TypeError, match="fixed fields"):
        del output["attentions"]


def test_config_reads_what_it_wrote_and_keeps_what_it_does_not_know(tmp_path):
    config = BertConfig(hidden_size=64, num_labels=3, pruned_heads={1: [0]}, flavour="mint")
    config.save_pretrained(tmp_path)
    again = BertConfig.from_pretrained(tmp_path)
    assert again == config
    assert (again.flavour, again.num_labels, again.pruned_heads) == ("mint", 3, {1: [0]})
    assert BertConfig.from_pretrained(tmp_path, num_labels=5).num_labels == 5
    assert BertConfig().num_labels == 2
