"""Whole models as one graph: what is moved, what is left, and what comes back packed as before."""

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

from rewriter import Outcome

MODEL = '''\
import logging
from collections import OrderedDict, namedtuple

import mindspore
from mindspore import nn, ops

logger = logging.getLogger(__name__)
Pair = namedtuple("Pair", "first second")
SHOWN = []


class Answer(OrderedDict):
    """What the models return: a `ModelOutput` in miniature."""

    def __init__(self, **fields):
        super().__init__((key, value) for key, value in fields.items() if value is not None)

    def __getattr__(self, name):
        return self.get(name)

    def __getitem__(self, key):
        return list(self.values())[key] if isinstance(key, (int, slice)) else super().__getitem__(key)


class Encoder(nn.Cell):
    def __init__(self, size=2):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(size)])

    def construct(self, x, mask, keep=False, return_dict=True):
        states = () if keep else None
        for layer in self.layers:
            if keep:
                states = states + (x,)
            x = layer(x) * mask
        if not return_dict:
            return tuple(item for item in [x, states] if item is not None)
        return Answer(last=x, states=states)


class Model(nn.Cell):
    def __init__(self, pooling=True):
        super().__init__()
        self.encoder = Encoder()
        self.pooler = nn.Dense(4, 4) if pooling else None
        self.drop = nn.Dropout(p=0.5)

    def warn(self, x):
        if 0 in x.asnumpy():
            SHOWN.append("zero")

    def construct(self, x, mask=None, keep=False, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        if x is None:
            raise ValueError("no input")
        self.warn(x)
        if mask is None:
            mask = ops.ones(x.shape[:1] + (1,), mindspore.float32)
        outputs = self.encoder(x, mask, keep=keep, return_dict=return_dict)
        last = self.drop(outputs[0])
        pooled = self.pooler(last) if self.pooler is not None else None
        if not return_dict:
            return (last, pooled) + outputs[1:]
        return Answer(last=last, pooled=pooled, states=outputs.states)


class Info:
    kind = None


class Head(nn.Cell):
    def __init__(self):
        super().__init__()
        self.model = Model()
        self.head = nn.Dense(4, 2)
        self.info = Info()

    def construct(self, x, mask=None, keep=False, labels=None, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        outputs = self.model(x, mask, keep, return_dict=return_dict)
        logits = self.head(outputs[1])
        loss = None
        if labels is not None:
            self.info.kind = "regression"
            loss = ((logits - labels) ** 2).mean()
        if not return_dict:
            output = (logits,) + outputs[2:]
            return ((loss,) + output) if loss is not None else output
        return Answer(loss=loss, logits=logits, inner=outputs, states=outputs.states)
'''


@pytest.fixture(scope="module")
def result(rewrite):
    return rewrite(MODEL)


def sites(result, outcome):
    return {
        site.what: site.reason for site in result.sites if site.pass_name == "whole-graph" and site.outcome is outcome
    }


def method(text, name):
    """The text of the method called `name` of the last class that has one."""
    return text.rpartition(f"def {name}(")[2].partition("\n\n    def ")[0].partition("\n\n\nclass ")[0]


@pytest.fixture
def pair(import_file, result):
    """The module as it was and as it is, and a function that gives a model of each with the same weights."""
    old, new = import_file(MODEL), import_file(result.text)

    def make(name, *args):
        models = [getattr(module, name)(*args) for module in (old, new)]
        mindspore.load_param_into_net(models[1], {p.name: p for p in models[0].get_parameters()})
        for model in models:
            model.set_train(False)
        return models

    return make


def x(rows=3, seed=0):
    return Tensor(np.random.default_rng(seed).standard_normal((rows, 4)).astype(np.float32))


def arrays(value):
    """The same structure with arrays in the place of tensors, and with the names of classes."""
    if isinstance(value, Tensor):
        return value.asnumpy().tolist()
    if isinstance(value, dict):
        return type(value).__name__, [(key, arrays(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [arrays(item) for item in value]
    return value


def ask(model, *args, **keywords):
    """What the graph answers: the first call of a kind runs as plain Python, and a call may leave another state."""
    for _ in range(3):
        answer = model(*args, **keywords)
    assert not graphs(model).learned
    return answer


def graphs(model):
    return vars(model).get("_graphs", [])


class TestText:
    def test_what_computes_moves_and_what_packs_stays(self, result):
        assert sites(result, Outcome.REWRITTEN) == {
            "Model.construct": "what it computes became _construct_flat",
            "Head.construct": "what it computes became _construct_flat",
        }
        flat = result.text.partition("class Model(")[2].partition("def _construct_flat(")[2].partition("class Head(")[0]
        assert "mask = ops.ones(" in flat or "mask = mint.ones(" in flat
        assert "pooled = self.pooler(last)" in flat
        assert "return outputs, last, pooled" in flat
        assert "raise" not in flat
        assert "Answer(" not in flat

    def test_a_call_for_effect_is_left_out_of_graphs(self, result):
        assert "        if _in_python():\n            self.warn(x)\n" in result.text
        assert result.text.count("def _in_python():") == 1

    def test_what_sets_an_attribute_stays_outside(self, result):
        flat = result.text.partition("class Head(")[2].partition("def _construct_flat(")[2]
        assert "logits = self.head(outputs[1])" in flat
        assert "self.info" not in flat

    def test_a_second_time_nothing_changes(self, result, rewrite):
        assert rewrite(result.text).text == result.text

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (
                "return_dict=None):\n        return_dict = return_dict if",
                "as_dict=None):\n        return_dict = as_dict if",
            ),
            ("        outputs = self.encoder(", "        outputs = yield self.encoder("),
            ("        outputs = self.encoder(", "        self.last = outputs = self.encoder("),
            ("outputs = self.encoder(x, mask, keep=keep, return_dict=return_dict)", "outputs = super().construct(x)"),
        ],
        ids=["not asked by return_dict", "a generator", "sets an attribute", "calls no module that the class keeps"],
    )
    def test_twins_that_stay(self, old, new, rewrite):
        model = MODEL.partition("class Model(")[2].partition("class Head(")[0]
        text = MODEL.partition("class Model(")[0] + "class Model(" + model.replace(old, new)
        assert old in model
        found = rewrite(text)
        assert "Model.construct" not in sites(found, Outcome.REWRITTEN) or "self.encoder" not in method(
            found.text, "_construct_flat"
        )

    def test_the_scope_encoder_leaves_models_alone(self, tmp_path):
        import rewriter

        text = rewriter.rewrite(MODEL, scope="encoder").text
        assert "_in_python" not in text
        assert text.count("@_compiled") == 1

    @pytest.mark.parametrize("name", ["Encoder", "Model"])
    def test_the_second_of_two_classes_with_one_name_stays(self, name, rewrite):
        copy = MODEL.partition(f"class {name}(")[2].partition("\n\n\nclass ")[0]
        found = rewrite(f"{MODEL}\n\nclass {name}({copy}\n")
        assert "_flat" not in found.text.rpartition(f"class {name}(")[2]
        told = {site.reason for site in found.sites if site.what == f"{name}.construct"}
        assert "an earlier class has the same name" in told

    def test_names_that_are_taken(self, rewrite):
        text = rewrite(MODEL.replace("SHOWN", "_in_python")).text
        assert "if _in_python_2():" in text
        assert "_in_python_2.__wrapped__ = _in_graph" in text


class TestRuns:
    @pytest.mark.parametrize("name", ["Model", "Head"])
    @pytest.mark.parametrize("keep", [False, True])
    @pytest.mark.parametrize("return_dict", [None, False])
    def test_the_same_answer_packed_in_the_same_way(self, name, keep, return_dict, pair):
        old, new = pair(name)
        for seed in (0, 1, 2):
            arguments = {"keep": keep, "return_dict": return_dict}
            assert arrays(new(x(seed=seed), **arguments)) == arrays(old(x(seed=seed), **arguments))
        assert len(graphs(new)) == 1
        assert not graphs(new).refused

    def test_plain_python_is_asked_once_for_each_form(self, pair, monkeypatch):
        _, new = pair("Model")
        calls = []
        module = type(new).__init__.__globals__
        form = module["_form"]
        monkeypatch.setitem(module, "_form", lambda value: calls.append(type(value).__name__) or form(value))
        for keep in (False, True, False, True):
            new(x(rows=2), keep=keep)
            new(x(rows=3), keep=keep)
        assert calls.count("tuple") >= 2
        shapes = [kept.forms for kept in graphs(new)]
        assert sum(map(len, shapes)) == 2

    def test_the_first_call_of_a_kind_runs_as_plain_python(self, pair, monkeypatch):
        _, new = pair("Model")
        ran = []
        plain = type(new.pooler).construct
        monkeypatch.setattr(type(new.pooler), "construct", lambda cell, value: ran.append(1) or plain(cell, value))
        new(x())
        # Two layers and the pooler, once by name and once as a tuple.
        assert (len(ran), graphs(new).learned) == (6, True)

    def test_no_pooler_is_none_in_the_tuple_and_absent_in_the_answer(self, pair):
        old, new = pair("Model", False)
        assert arrays(ask(new, x())) == arrays(old(x()))
        assert "pooled" not in ask(new, x())
        assert arrays(ask(new, x(), return_dict=False)) == arrays(old(x(), return_dict=False))

    def test_a_wrong_call_raises_as_before(self, pair):
        _, new = pair("Model")
        with pytest.raises(ValueError, match="no input"):
            new(None)
        assert not graphs(new)

    def test_the_head_with_labels_keeps_its_side_effect(self, pair):
        old, new = pair("Head")
        labels = Tensor(np.ones((3, 2), np.float32))
        assert arrays(ask(new, x(), labels=labels)) == arrays(old(x(), labels=labels))
        assert new.info.kind == "regression"

    def test_warnings_come_from_plain_python_only(self, pair):
        _, new = pair("Model")
        shown = type(new).__init__.__globals__["SHOWN"]
        zero = Tensor(np.zeros((3, 4), np.float32))
        new(zero)
        new(zero)
        assert shown == ["zero", "zero"]  # what is before the graph runs in every call

    @pytest.mark.parametrize(
        "change",
        [
            lambda model: model.set_train(True),
            lambda model: model.pooler.weight.set_data(Tensor(np.ones((4, 4), np.float32))),
            lambda model: mindspore.load_param_into_net(
                model,
                {"encoder.layers.0.weight": mindspore.Parameter(Tensor(np.ones((4, 4), np.float32)), name="w")},
            ),
            lambda model: setattr(model, "pooler", None),
            lambda model: (
                setattr(model.encoder.layers[1], "bias", None) or setattr(model.encoder.layers[1], "has_bias", False)
            ),
        ],
        ids=["train", "set_data", "load_param_into_net", "a module removed", "an attribute"],
    )
    def test_what_changes_after_the_first_call_is_seen(self, change, pair):
        old, new = pair("Model")
        new(x())
        for model in (old, new):
            model.drop.p = 0.0
            change(model)
        wanted, found = arrays(old(x())), arrays(ask(new, x()))
        assert found == wanted

    def test_a_layer_wrapped_as_adapters_do_is_used(self, pair):
        from mindspore import nn

        class Adapted(nn.Cell):
            def __init__(self, base):
                super().__init__()
                self.base = base
                self.down, self.up = nn.Dense(4, 1), nn.Dense(1, 4)

            def construct(self, value):
                return self.base(value) + self.up(self.down(value))

        _, new = pair("Model")
        before = arrays(ask(new, x()))
        new.pooler = Adapted(new.pooler)
        after = arrays(ask(new, x()))
        assert after != before
        assert graphs(new).refused == ""
        new.pooler = new.pooler.base
        assert arrays(ask(new, x())) == before

    def test_a_hook_is_called(self, pair):
        _, new = pair("Model")
        new(x())
        seen = []
        handle = new.pooler.register_forward_hook(lambda *_: seen.append(1) or None)
        new(x())
        assert seen
        handle.remove()
        seen.clear()
        new(x())
        assert not seen

    def test_gradients(self, pair):
        found = []
        for model in pair("Head"):
            weights = model.trainable_params()
            labels = Tensor(np.ones((3, 2), np.float32))
            run = mindspore.value_and_grad(lambda value, m=model, y=labels: m(value, labels=y)["loss"], None, weights)
            run(x())  # learns what is returned
            loss, grads = run(x())
            found.append([loss.asnumpy(), *(grad.asnumpy() for grad in grads)])
        for one, other in zip(*found, strict=True):
            assert np.allclose(one, other, rtol=1e-6, atol=1e-7)

    def test_gradients_where_the_graph_is_refused(self, rewrite, import_file):
        """MindSpore refuses a class that sets an attribute of its own anywhere in its `construct`."""
        text = MODEL.replace("self.info.kind = ", "self.kind = ")
        found = []
        for module in (import_file(text), import_file(rewrite(text).text)):
            mindspore.set_seed(1)
            model = module.Head()
            model.set_train(False)
            for at, weight in enumerate(model.trainable_params()):
                weight.set_data(Tensor(np.random.default_rng(at).standard_normal(weight.shape).astype(np.float32)))
            labels = Tensor(np.ones((3, 2), np.float32))
            run = mindspore.value_and_grad(
                lambda value, m=model, y=labels: m(value, labels=y)["loss"], None, model.trainable_params()
            )
            found.append([run(x()) for _ in range(3)])
        assert graphs(model).refused
        for (loss, grads), (other, others) in zip(*found, strict=True):
            assert np.allclose(loss.asnumpy(), other.asnumpy(), rtol=1e-6)
            for one, two in zip(grads, others, strict=True):
                assert np.allclose(one.asnumpy(), two.asnumpy(), rtol=1e-5, atol=1e-6)

    @pytest.mark.slow
    def test_the_graph_used_last_is_kept_longest(self, pair):
        _, new = pair("Head")
        new.info.kind = None
        new(x())
        home = graphs(new)[-1]
        for kind in range(9):
            new.info.kind = kind
            new(x())
            new.info.kind = None
            new(x())
            assert graphs(new)[-1] is home
        assert len(graphs(new)) == 8


ORDERED = (
    MODEL.partition("class Encoder")[0]
    + """\
class Inner(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(2)])
        self.drop = nn.Dropout(p=0.5)

    def construct(self, x, return_dict=True):
        first = x
        for layer in self.layers:
            first = self.drop(layer(first))
        second = first * 2
        if not return_dict:
            return (first, second)
        return Answer(second=second, first=first)


class Model(nn.Cell):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.dense = nn.Dense(4, 4)

    def construct(self, x, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        outputs = self.inner(x, return_dict=return_dict)
        dense = self.dense(outputs.first if return_dict else outputs[0])
        if not return_dict:
            return (dense,) + outputs
        return Answer(dense=dense, second=outputs.second, first=outputs.first)
"""
)


@pytest.fixture
def ordered(rewrite, import_file):
    """A model of a file that returns two tensors of one shape in another order by name, before and after."""

    def make(text=ORDERED):
        old, new = (module.Model() for module in (import_file(text), import_file(rewrite(text).text)))
        mindspore.load_param_into_net(new, {p.name: p for p in old.get_parameters()})
        return old.set_train(False), new.set_train(False)

    return make


class TestAnotherOrderByName:
    """MindSpore's graphs return tuples: what is packed of them must not follow the order of the tuple."""

    def test_every_value_comes_under_its_name(self, ordered):
        old, new = ordered()
        for return_dict in (True, False, True):
            for seed in range(2):
                found, wanted = (arrays(model(x(seed=seed), return_dict=return_dict)) for model in (new, old))
                assert found == wanted
        assert not graphs(new).refused

    def test_what_is_learned_in_training_is_learned_without_dropout(self, ordered):
        _, new = ordered()
        new.set_train(True)
        for _ in range(3):
            found = new(x())
            np.testing.assert_array_equal(found.second.asnumpy(), found.first.asnumpy() * 2)
        assert new.training and new.inner.drop.training
        assert not graphs(new).learned
        assert not graphs(new).refused

    def test_where_other_values_come_by_name_nothing_is_compiled(self, ordered):
        old, new = ordered(ORDERED.replace("Answer(second=second, first", "Answer(second=second + 1, first"))
        for _ in range(3):
            assert arrays(new(x())) == arrays(old(x()))
        assert "cannot be told from the tuple" in graphs(new).refused
        assert arrays(new(x(), return_dict=False)) == arrays(old(x(), return_dict=False))
        assert not graphs(new).refused
