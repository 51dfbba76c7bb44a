"""`optimize`: the same model on rewritten classes."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sampling import slow_but

import rewriter
from rewriter.equivalence.policy import policy
from rewriter.errors import RewriterError
from rewriter.runtime import hook, loader

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "models" / "bert" / "modeling_bert.py"
MINDNLP = "mindnlp.transformers.models.bert.modeling_bert"
SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
}

ADD_ATTRIBUTE = """\
import libcst as cst
from rewriter import Pass, hookimpl


class AddAttribute(Pass):
    \"\"\"Let the encoder's code use an attribute that it sets when it is built.\"\"\"

    name = "add-attribute"

    def rewrite(self, context):
        text = context.tree.code.replace("self.encoder = ", "self.added = 1\\n        self.encoder = ")
        context.rewritten(context.tree, "file", "attribute added")
        return cst.parse_module(text)


@hookimpl
def rewriter_passes():
    return [AddAttribute()]
"""


def tensor(values, dtype="float32"):
    import mindspore

    return mindspore.Tensor(np.asarray(values), getattr(mindspore, dtype))


class Case:
    """A small BERT that was run, optimized and run again, and a second one that nobody touched."""

    def __init__(self, module) -> None:
        self.module = module
        config = module.BertConfig(**SMALL)
        self.model = module.BertModel(config)
        self.other = module.BertModel(config)
        self.model.set_train(False)
        self.other.set_train(False)
        self.ids = tensor(np.arange(1, 11).reshape(2, 5), "int64")
        self.mask = tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], "int64")
        self.parameters = self.named_parameters()
        self.before = self.outputs()
        self.result = rewriter.optimize(self.model)

    def named_parameters(self) -> dict[str, object]:
        if hasattr(self.model, "named_parameters"):
            return dict(self.model.named_parameters())
        return dict(self.model.parameters_dict())

    def outputs(self) -> list[np.ndarray]:
        output = self.model(self.ids, attention_mask=self.mask)
        return [output[0].asnumpy(), output[1].asnumpy()]

    def graphs(self):
        return vars(self.model)["_graphs"]


@pytest.fixture(scope="module", params=slow_but(["bundled", "mindnlp"], "bundled"))
def bert(request) -> Case:
    return Case(loader.load(BUNDLED if request.param == "bundled" else MINDNLP))


def test_a_model_stays_the_same_object_with_the_same_numbers(bert):
    assert bert.result is bert.model
    for expected, actual in zip(bert.before, bert.outputs(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert len(bert.graphs()) >= 1
    assert bert.graphs().refused == ""


def test_it_keeps_its_parameters_and_their_names(bert):
    after = bert.named_parameters()
    assert list(after) == list(bert.parameters)
    assert all(after[name] is parameter for name, parameter in bert.parameters.items())


def test_it_still_is_an_instance_of_its_classes(bert):
    assert isinstance(bert.model, bert.module.BertModel)
    assert isinstance(bert.model, bert.module.BertPreTrainedModel)
    assert isinstance(bert.model.encoder, bert.module.BertEncoder)
    assert bert.model.__class__ is bert.module.BertModel
    assert not isinstance(bert.model, bert.module.BertForMaskedLM)
    assert type(bert.model) is not bert.module.BertModel
    assert "@_compiled" in inspect.getsource(type(bert.model.encoder).__base__)


def test_weights_that_are_set_later_are_used(bert):
    weight = bert.model.encoder.layer[0].attention.self.value.weight
    kept = weight.asnumpy().copy()
    before = bert.outputs()[0]
    load = weight.set_data if hasattr(weight, "set_data") else weight.assign_value
    load(tensor(np.random.RandomState(0).randn(*kept.shape).astype(np.float32)))
    changed = bert.outputs()[0]
    load(tensor(kept))
    assert np.abs(changed - before).max() > 1e-2
    # As near as a graph is to plain Python, which the first call of all ran as.
    np.testing.assert_allclose(bert.outputs()[0], before, rtol=0, atol=policy("float32"))
    assert bert.graphs().refused == ""


def test_what_is_returned_is_learned_once_for_all_lengths(bert):
    bert.outputs()
    graph = bert.graphs()[-1]
    shapes, forms = len(graph.graph.keys), len(graph.forms)
    expected = bert.other(bert.ids[:, :4])[1].shape
    assert bert.model(bert.ids[:, :4], attention_mask=bert.mask[:, :4])[1].shape == expected
    assert (len(graph.graph.keys), len(graph.forms)) == (shapes + 1, forms)


def test_other_models_are_left_alone(bert):
    assert type(bert.other) is bert.module.BertModel
    assert type(bert.other.encoder) is bert.module.BertEncoder


def test_a_second_time_nothing_changes(bert):
    classes = [type(module) for module in (bert.model, bert.model.encoder, bert.model.pooler)]
    graphs = bert.graphs()
    assert rewriter.optimize(bert.model) is bert.model
    assert [type(module) for module in (bert.model, bert.model.encoder, bert.model.pooler)] == classes
    assert bert.graphs() is graphs


def test_a_copy_is_optimized_too(bert):
    copied = copy.deepcopy(bert.model)
    assert type(copied) is type(bert.model)
    assert type(copied.encoder) is type(bert.model.encoder)
    assert copied.encoder is not bert.model.encoder
    assert len(vars(copied).get("_graphs", ())) == 0
    assert type(copy.copy(bert.model)) is type(bert.model)
    assert type(bert.model) is not bert.module.BertModel  # it was not exchanged on the way


def test_what_it_returns_is_of_the_types_that_callers_know(bert):
    output = bert.model(bert.ids, return_dict=True)
    assert type(output) is bert.module.BaseModelOutputWithPoolingAndCrossAttentions
    twin = sys.modules[type(bert.model).__module__]
    assert twin.BertForPreTrainingOutput is bert.module.BertForPreTrainingOutput


def test_a_model_pickles_as_a_plain_one(bert):
    """Another process knows no twin."""
    try:
        pickle.dumps(bert.other)
    except TypeError as error:  # MindSpore's primitives do not pickle, and most cells hold some
        with pytest.raises(TypeError, match=re.escape(str(error))):
            pickle.dumps(bert.model)
        return
    bert.outputs()
    data = pickle.dumps(bert.model)
    assert type(bert.model).__module__.encode() not in data
    loaded = pickle.loads(data)
    assert type(loaded) is bert.module.BertModel
    assert type(loaded.encoder) is bert.module.BertEncoder
    assert "_graphs" not in vars(loaded)
    assert "_graphs" in vars(bert.model)
    np.testing.assert_array_equal(loaded(bert.ids, attention_mask=bert.mask)[0].asnumpy(), bert.before[0])


def test_a_class_gives_models_that_are_built_by_rewritten_code(toy):
    name = toy()
    module = importlib.import_module(f"{name}.modeling_toy")
    fast = rewriter.optimize(module.ToyModel)
    assert fast is not module.ToyModel
    assert fast.__name__ == "ToyModel"
    assert str(inspect.signature(fast)) == str(inspect.signature(module.ToyModel))
    assert rewriter.optimize(fast) is fast
    model = fast(layers=2)
    assert isinstance(model, fast)
    assert isinstance(model, module.ToyModel)
    assert isinstance(model.encoder, module.ToyEncoder)
    output = model(tensor([1.0]))
    assert type(output) is module.ToyOutput
    assert output.value.asnumpy().tolist() == [7.0]
    assert vars(model.encoder)["_graphs"].refused == ""
    assert rewriter.optimize(model) is model

    class Mine(fast):
        pass

    assert Mine(layers=1)(tensor([1.0])).value.asnumpy().tolist() == [3.0]


def test_other_options_take_the_place_of_earlier_ones(toy):
    module = importlib.import_module(f"{toy()}.modeling_toy")
    model = rewriter.optimize(module.ToyModel(layers=1))
    first = type(model.encoder)
    assert model(tensor([1.0])).value.asnumpy().tolist() == [3.0]
    assert "_graphs" in vars(model.encoder)
    rewriter.optimize(model, passes=["flatten", "module-loops"])
    assert type(model.encoder) is not first
    assert isinstance(model.encoder, module.ToyEncoder)
    assert "_graphs" not in vars(model.encoder)
    assert model(tensor([1.0])).value.asnumpy().tolist() == [3.0]
    assert "_graphs" not in vars(model.encoder)  # nothing was compiled: the pass `jit` was not asked for


def test_dynamic(toy):
    name = toy()
    module = importlib.import_module(f"{name}.modeling_toy")
    model = rewriter.optimize(module.ToyModel(layers=1), dynamic=True)
    assert "dynamic=1" in inspect.getsource(inspect.getmodule(type(model.encoder).__base__))
    assert [model(tensor([1.0] * size)).value.shape for size in (1, 2, 3, 4)] == [(1,), (2,), (3,), (4,)]
    assert vars(model.encoder)["_graphs"].refused == ""
    with hook.install([toy()], dynamic=True) as finder:
        assert finder.recipe.dynamic


def test_parts_from_several_modeling_files_are_all_optimized(toy, toy_text, tmp_path):
    inner = toy()
    outer_text = (
        f"from mindspore import nn\nfrom {inner}.modeling_toy import ToyEncoder\n\n\n"
        "class Outer(nn.Cell):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.inner = ToyEncoder(1)\n"
        "        self.layers = nn.CellList([ToyEncoder(1)])\n\n"
        "    def construct(self, x):\n"
        "        for layer in self.layers:\n"
        "            x = layer(x)\n"
        "        return self.inner(x)\n"
    )
    outer = importlib.import_module(f"{toy(outer_text, module='modeling_outer')}.modeling_outer")
    module = importlib.import_module(f"{inner}.modeling_toy")
    model = rewriter.optimize(outer.Outer())
    assert type(model) is not outer.Outer
    assert type(model.inner) is not module.ToyEncoder
    assert type(model.layers[0]) is type(model.inner)
    assert type(model.inner).__module__ != type(model).__module__
    assert model(tensor([1.0])).asnumpy().tolist() == [7.0]


def test_a_users_subclass_keeps_its_class_and_gets_optimized_parts(toy):
    module = importlib.import_module(f"{toy()}.modeling_toy")
    text = f"from {module.__name__} import ToyModel\n\n\nclass Mine(ToyModel):\n    pass\n"
    user = importlib.import_module(f"{toy(text, module='mine')}.mine")
    model = rewriter.optimize(user.Mine(layers=1))
    assert type(model) is user.Mine
    assert type(model.encoder) is not module.ToyEncoder
    assert model(tensor([1.0])).value.asnumpy().tolist() == [3.0]


def test_methods_that_were_replaced_before_stay_replaced(toy):
    module = importlib.import_module(f"{toy()}.modeling_toy")

    def construct(self, x):
        return x * 10

    module.ToyLayer.construct = construct
    module.ToyLayer.note = "set later"
    model = rewriter.optimize(module.ToyModel(layers=2))
    assert model(tensor([1.0])).value.asnumpy().tolist() == [100.0]
    assert model.encoder.layers[0].note == "set later"


def test_rewritten_code_that_needs_more_than_the_model_has_is_refused(toy, tmp_path):
    plugin = tmp_path / "add_attribute.py"
    plugin.write_text(ADD_ATTRIBUTE, encoding="utf-8")
    module = importlib.import_module(f"{toy()}.modeling_toy")
    model = module.ToyModel(layers=1)
    with pytest.raises(RewriterError, match=r"attributes that this model lacks \(added\)"):
        rewriter.optimize(model, plugin_files=[plugin])
    assert type(model) is module.ToyModel
    assert type(model.encoder) is module.ToyEncoder
    assert rewriter.optimize(module.ToyModel, plugin_files=[plugin])(layers=1).added == 1


def test_a_hooked_model_is_optimized_already(toy):
    name = toy()
    hook.install([name])
    module = importlib.import_module(f"{name}.modeling_toy")
    model = module.ToyModel(layers=1)
    assert rewriter.optimize(model) is model
    assert type(model) is module.ToyModel
    assert rewriter.optimize(module.ToyModel) is module.ToyModel


def test_what_is_no_model_is_refused(toy):
    from mindspore import nn

    module = importlib.import_module(f"{toy()}.modeling_toy")
    for value, message in [
        ("modeling_bert.py", "str: not a model"),
        (int, "int: not a model class"),
        (module.ToyOutput, "ToyOutput: not a model class"),
        (nn.Dense, "class of the framework"),
        (nn.Dense(2, 2), "class of the framework"),
    ]:
        with pytest.raises(RewriterError, match=message):
            rewriter.optimize(value)


def test_a_model_with_nothing_to_rewrite_is_refused_with_the_reason(toy, toy_text):
    without_loop = toy_text.replace(
        "for layer in self.layers:\n            x = layer(x)\n        return x", "return x + 1"
    )
    assert without_loop != toy_text
    module = importlib.import_module(f"{toy(without_loop)}.modeling_toy")
    model = module.ToyModel()
    with pytest.raises(RewriterError, match=r"ToyModel cannot be optimized: .*modeling_toy: no pass found") as caught:
        rewriter.optimize(model)
    assert caught.value.exit_code == 1
    assert type(model) is module.ToyModel

    class Local(module.ToyModel):
        pass

    Local.__module__ = module.__name__
    with pytest.raises(RewriterError, match="no top-level class"):
        rewriter.optimize(Local())


def test_a_class_of_the_script_itself_is_refused(toy):
    """Its file cannot be executed a second time, as its twin, without running the script again."""
    module = importlib.import_module(f"{toy()}.modeling_toy")
    model = module.ToyEncoder()
    type(model).__module__ = "__main__"
    with pytest.raises(RewriterError, match="ToyEncoder is defined by the script itself"):
        rewriter.optimize(model)
    with pytest.raises(RewriterError, match="ToyEncoder is defined by the script itself"):
        rewriter.optimize(type(model))


def test_a_model_without_any_of_the_rewritten_classes_is_refused(toy):
    module = importlib.import_module(f"{toy()}.modeling_toy")
    model = module.ToyLayer()
    with pytest.raises(RewriterError, match="only ToyEncoder can be rewritten, and is no part of it"):
        rewriter.optimize(model)
    assert type(model) is module.ToyLayer


def test_that_only_parts_are_optimized_is_said(toy, caplog):
    module = importlib.import_module(f"{toy()}.modeling_toy")
    module.ToyModel.__module__ = "__main__"
    model = rewriter.optimize(module.ToyModel(layers=1))
    assert type(model) is module.ToyModel
    assert type(model.encoder) is not module.ToyEncoder
    assert "ToyModel itself was left as it is" in caplog.text
