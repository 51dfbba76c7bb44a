"""`warm_up`: what it compiles, that requests afterwards compile nothing, and that nothing else changes."""

from __future__ import annotations

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

import rewriter
from models.bert import modeling_bert
from models.clip import modeling_clip
from rewriter.errors import RewriterError

BERT = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 12,
}
IMAGE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def bert(**settings):
    return modeling_bert.BertModel(modeling_bert.BertConfig(**{**BERT, **settings})).set_train(False)


def ids(batch, length):
    return Tensor(np.random.default_rng(length).integers(1, 49, (batch, length)))


def test_after_it_requests_compile_nothing(compiled):
    """Each bucket is compiled; beyond the model's maximum of 12 tokens there is nothing to compile."""
    model = rewriter.optimize(rewriter.bucketed(bert(), (4, 16)))
    compiled()
    spent = rewriter.warm_up(model)
    assert list(spent) == [(1, 4), (1, 12)]
    assert all(seconds > 0 for seconds in spent.values())
    assert len(compiled()) == 2
    for length in (1, 3, 4, 7, 12):
        model(ids(1, length))
        model(ids(1, length), attention_mask=Tensor(np.ones((1, length), np.int64)))
    assert compiled() == []


@pytest.mark.slow
def test_flags_are_those_of_the_requests(compiled):
    model = rewriter.optimize(bert())
    rewriter.warm_up(model, lengths=(4,), batches=(2,), output_attentions=True)
    compiled()
    mask = Tensor(np.ones((2, 4), np.int64))
    model(ids(2, 4), attention_mask=mask, output_attentions=True)
    assert compiled() == []
    model(ids(2, 4), attention_mask=mask)  # another kind of call
    model(ids(2, 4), attention_mask=mask)
    assert len(compiled()) == 1


@pytest.mark.parametrize("mode", [True, False])
def test_the_model_is_left_as_it_was(mode):
    model = bert(hidden_dropout_prob=0.5).set_train(mode)
    weights = {name: value.asnumpy().copy() for name, value in model.parameters_dict().items()}
    model(ids(1, 3))  # MindSpore leaves marks on a cell that runs for the first time
    attributes = dict(vars(model))
    rewriter.warm_up(model, lengths=(3, 4))
    assert model.training is mode
    assert {name: value for name, value in vars(model).items() if value is not attributes.get(name)} == {}
    for name, value in model.parameters_dict().items():
        np.testing.assert_array_equal(value.asnumpy(), weights[name])


def test_images_have_no_length():
    config = modeling_clip.CLIPVisionConfig(**IMAGE, image_size=8, patch_size=4)
    model = modeling_clip.CLIPVisionModel(config).set_train(False)
    assert list(rewriter.warm_up(model, batches=(1, 2))) == [(1, 0), (2, 0)]


def test_several_choices():
    model = modeling_bert.BertForMultipleChoice(modeling_bert.BertConfig(**BERT)).set_train(False)
    assert list(rewriter.warm_up(model, lengths=(4,))) == [(1, 4)]


def test_nothing_is_printed(capfd):
    rewriter.warm_up(bert(), lengths=(3,))
    assert "warm_up" not in "".join(capfd.readouterr())


def test_without_lengths():
    with pytest.raises(RewriterError, match="how many"):
        rewriter.warm_up(bert())


@pytest.mark.parametrize("what", [3, modeling_bert.BertModel, mindspore.nn.Dense(2, 2)])
def test_what_no_adapter_knows(what):
    with pytest.raises(RewriterError):
        rewriter.warm_up(what, lengths=(3,))
