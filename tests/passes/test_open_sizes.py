"""`--dynamic`: graphs that serve tensors of any size, how often they are compiled, and what they cannot hold."""

from itertools import product
from pathlib import Path

import mindspore
import numpy as np
import pytest
from mindspore import Tensor
from sampling import breadth_but

import rewriter

BERT = Path(__file__).parents[2] / "models" / "bert" / "modeling_bert.py"

MODEL = '''\
import mindspore
from mindspore import nn, ops


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(2)])

    def construct(self, x, mask, return_dict=None):
        for layer in self.layers:
            x = ops.tanh(layer(x)) * mask
        return (x,)


class Model(nn.Cell):
    """Computes the sizes of its input before the first call of the framework, so its graph takes them as arguments."""

    def __init__(self):
        super().__init__()
        self.positions = ops.arange(24, dtype=mindspore.float32).reshape(1, 24, 1) / 24
        self.encoder = Encoder()

    def construct(self, x, mask=None, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        if x is None:
            raise ValueError("no input")
        shape = x.shape[:-1]
        batch, length = shape
        if mask is None:
            mask = ops.ones((batch, length), mindspore.float32)
        x = x + self.positions[:, :length] + ops.ones(shape + (1,), mindspore.float32) * length
        outputs = self.encoder(x, mask.reshape(batch, length, 1))
        first = outputs[0][:, 0].reshape(batch, 4)
        return (outputs[0], first)
'''
CLOSED = MODEL.replace("self.positions[:, :length]", "ops.narrow(self.positions, 1, 0, length)")
"""`ops.narrow` checks its bounds by Python code that needs to know them."""

LATE = MODEL.replace("mask.reshape(batch, length, 1)", "mask").replace("(batch, length),", "(batch, length, 1),")
"""A wrong mask meets a layer here that has run, which leaves marks on it that no graph left."""

SIZES = [(2, 5), (3, 7), (2, 9), (4, 4), (1, 6), (5, 1)]


@pytest.fixture
def make(import_file):
    """A function that gives a model of a text and one of its rewriting, with the same weights."""

    def pair(text=MODEL, **options):
        old, new = import_file(text).Model(), import_file(rewriter.rewrite(text, **options).text).Model()
        mindspore.load_param_into_net(new, {p.name: p for p in old.get_parameters()})
        return old.set_train(False), new.set_train(False)

    return pair


def x(batch, length):
    return Tensor(np.random.default_rng(batch * 100 + length).standard_normal((batch, length, 4)).astype(np.float32))


def same(one, two):
    return all(
        a.shape == b.shape and np.allclose(a.asnumpy(), b.asnumpy(), atol=1e-6) for a, b in zip(one, two, strict=True)
    )


def uncompiled(model):
    return [why for graph in vars(model)["_graphs"] for why in graph.refused.values()]


class TestModel:
    def test_three_compilations_serve_all_sizes(self, make, compiled):
        old, new = make(dynamic=True)
        assert all(same(new(x(*size), return_dict=False), old(x(*size))) for size in [*SIZES, *SIZES])
        assert not uncompiled(new)
        assert len(compiled()) <= 3

    @pytest.mark.slow
    def test_without_it_each_set_of_sizes_is_compiled(self, make, compiled):
        old, new = make()
        assert all(same(new(x(*size), return_dict=False), old(x(*size))) for size in SIZES)
        assert len(compiled()) == len(SIZES)

    def test_sizes_that_look_alike_are_told_apart(self, make, compiled):
        """Of a square input, the length could be read from either axis."""
        old, new = make(dynamic=True)
        sizes = [(3, 3), (5, 5), (6, 6), (2, 7), (4, 4), (7, 2), (1, 1), (4, 8), (8, 4)]
        assert all(same(new(x(*size), return_dict=False), old(x(*size))) for size in sizes)
        assert not uncompiled(new)
        assert len(compiled()) <= 6

    @pytest.mark.slow
    def test_another_kind_of_call_has_graphs_of_its_own(self, make, compiled):
        old, new = make(dynamic=True)
        for batch, length in SIZES:
            mask = Tensor(np.tri(batch, length, dtype=np.float32))
            half = mindspore.ops.cast(mask, mindspore.float16)
            for given in (None, mask, half):
                assert same(new(x(batch, length), given, return_dict=False), old(x(batch, length), given))
        assert not uncompiled(new)
        assert len(compiled()) <= 9

    @pytest.mark.slow
    @pytest.mark.parametrize("text", [MODEL, LATE], ids=["early", "late"])
    def test_a_wrong_call_raises_as_before_and_leaves_sizes_open(self, text, make, compiled):
        old, new = make(text, dynamic=True)
        short = Tensor(np.ones((2, 4), np.float32))
        for size in SIZES[:3]:
            new(x(*size), return_dict=False)
        for model in (old, new):
            with pytest.raises(ValueError):
                model(x(2, 5), short, return_dict=False)
        expected = old(x(2, 11))
        compiled()
        assert same(new(x(2, 11), return_dict=False), expected)
        assert compiled() == []
        assert not uncompiled(new)

    @pytest.mark.slow
    def test_new_weights_are_used(self, make):
        old, new = make(dynamic=True)
        for size in SIZES[:4]:
            new(x(*size), return_dict=False)
        for model in (old, new):
            model.encoder.layers[0].weight.set_data(Tensor(np.full((4, 4), 0.25, np.float32)))
        assert all(same(new(x(*size), return_dict=False), old(x(*size))) for size in SIZES)

    @pytest.mark.slow
    def test_gradients(self, make):
        old, new = make(dynamic=True)
        for size in SIZES:
            mine, others = (
                mindspore.value_and_grad(
                    lambda data, net=net: net(data, return_dict=False)[1].sum(), None, net.trainable_params()
                )(x(*size))
                for net in (new, old)
            )
            assert np.allclose(mine[0].asnumpy(), others[0].asnumpy(), rtol=1e-5)
            for one, two in zip(mine[1], others[1], strict=True):
                assert np.allclose(one.asnumpy(), two.asnumpy(), rtol=1e-4, atol=1e-5)
        assert not uncompiled(new)


class TestWhatCannotBeOpen:
    @pytest.mark.slow
    def test_it_is_compiled_for_each_set_of_sizes_and_that_is_said_once(self, make, compiled, monkeypatch):
        told = []
        monkeypatch.setattr(mindspore.log, "warning", lambda message, *values: told.append(message % values))
        old, new = make(CLOSED, dynamic=True)
        assert all(same(new(x(*size), return_dict=False), old(x(*size))) for size in SIZES)
        assert [line.partition(",")[0] for line in told] == ["sizes cannot be open"]
        assert not uncompiled(new)
        compiled()
        assert same(new(x(2, 12), return_dict=False), old(x(2, 12)))
        assert len(compiled()) == 1

    def test_slices_leaves_slices_to_mindspore(self):
        closed, opened = (rewriter.rewrite(MODEL, target="cpu", dynamic=dynamic) for dynamic in (False, True))
        assert "_narrow(self.positions" in closed.text
        assert "self.positions[:, :length]" in opened.text
        reasons = {site.reason for site in opened.sites if site.pass_name == "slices"}
        assert "a graph for tensors of any size has no min and max of sizes" in reasons


class TestText:
    def test_the_option_changes_only_the_graph(self):
        closed, opened = (rewriter.rewrite(MODEL, dynamic=dynamic).text.splitlines() for dynamic in (False, True))
        lost = [line for line in closed if line not in opened]
        start, stop = opened.index("class _Open:"), opened.index("class Encoder(nn.Cell):")
        assert [line for line in opened[:start] + opened[stop:] if line not in closed] == [
            "        self.graph, self.point_to = _Open(graph, module, method, layout), point_to"
        ]
        graph = "_Bounded(mindspore.jit(graph, fullgraph=True), module, method, layout)"
        assert lost == [f"        self.graph, self.point_to = {graph}, point_to"]

    def test_the_report_names_the_call(self):
        sites = [site for site in rewriter.rewrite(MODEL, dynamic=True).sites if site.pass_name == "jit"]
        assert {site.reason for site in sites} == {
            "compiled under STRICT by mindspore.jit(graph, fullgraph=True, dynamic=1)"
        }

    @pytest.mark.parametrize("name", ["_Open", "_where", "_read", "_kind_of_sizes"])
    def test_names_that_are_taken(self, name, import_file):
        text = rewriter.rewrite(f"{name} = 1\n{MODEL}", dynamic=True).text
        assert f"{name}_2(" in text
        assert getattr(import_file(text), name) == 1

    def test_a_second_run_adds_nothing(self):
        first = rewriter.rewrite(MODEL, dynamic=True)
        assert rewriter.rewrite(first.text, dynamic=True).data == first.data

    def test_a_version_without_it(self):
        with pytest.raises(rewriter.RewriterError, match="has no graphs for tensors of any size") as caught:
            rewriter.rewrite(MODEL, mindspore="2.6", dynamic=True)
        assert "needs MindSpore 2.7.0" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "dynamic"),
    breadth_but(product(["BertModel", "BertForSequenceClassification"], [True, False]), ("BertModel", True)),
)
def test_bert(name, dynamic, import_file, compiled):
    """The bundled BERT, for a CPU: `ops.narrow`, which it takes its positions by, is `mint.narrow` there."""
    from models.bert import modeling_bert as old

    new = import_file(rewriter.rewrite(BERT, target="cpu", dynamic=dynamic).text)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    models = [getattr(module, name)(module.BertConfig(**sizes)) for module in (old, new)]
    mindspore.load_param_into_net(models[1], {p.name: p for p in models[0].get_parameters()})
    for model in models:
        model.set_train(False)
    random = np.random.default_rng(0)
    lengths = (5, 8, 13, 16, 31, 40)
    for length in (lengths[0], *lengths):  # the first call learns what is returned
        ids = Tensor(random.integers(3, 900, (2, length)))
        mask = np.ones((2, length), np.int64)
        mask[1, -2:] = 0
        expected, found = (model(ids, Tensor(mask)) for model in models)
        assert list(found) == list(expected)
        for key in expected:
            one, two = found[key].asnumpy(), expected[key].asnumpy()
            assert np.allclose(one, two, rtol=0, atol=1e-6)
            assert np.array_equal(one.argmax(-1), two.argmax(-1))
    assert not uncompiled(models[1])
    assert len(compiled()) == (3 if dynamic else len(lengths))
