"""A graph is compiled for a few sets of shapes at a time: what is dropped, what is said, and that answers are right."""

import ctypes
import gc
import types

import mindspore
import numpy as np
import pytest
from mindspore import Tensor
from mindspore.common import api

import rewriter

MODEL = """\
from mindspore import nn, ops


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(2)])

    def construct(self, x, scale=1, extra=None):
        for layer in self.layers:
            x = ops.tanh(layer(x)) * scale
            if extra is not None:
                x = x + extra[0] + extra[1]
        return x
"""
MOST = 8


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """What was warned of."""
    lines = []
    monkeypatch.setattr(mindspore.log, "warning", lambda message, *values: lines.append(message % values))
    yield lines


@pytest.fixture
def warnings(told):
    """A function that returns what was said of compiling again and again."""
    return lambda: [line for line in told if "beyond" in line]


@pytest.fixture
def make(import_file):
    """A function that gives a model, and one of its rewriting with the same weights and at most so many graphs."""

    def pair(most=MOST, **options):
        old, file = import_file(MODEL).Encoder(), import_file(rewriter.rewrite(MODEL, **options).text)
        assert file._Bounded.most == MOST
        file._Bounded.most = most
        new = file.Encoder()
        mindspore.load_param_into_net(new, {p.name: p for p in old.get_parameters()})
        return old.set_train(False), new.set_train(False)

    return pair


def x(rows):
    return Tensor(np.random.default_rng(rows).standard_normal((rows, 4)).astype(np.float32))


def kept(model):
    """How many sets of shapes each graph of a model is compiled for."""
    return [len(graph.graph.keys) for graph in vars(model)["_graphs"]]


def same(one, two):
    return one.shape == two.shape and np.allclose(one.asnumpy(), two.asnumpy(), atol=1e-6)


@pytest.mark.slow
def test_forty_shapes_leave_eight_graphs(make):
    old, new = make()
    before = set(api.ms_compile_cache)
    for rows in range(1, 41):
        assert same(new(x(rows)), old(x(rows)))
        assert len(api.ms_compile_cache - before) <= MOST
    assert kept(new) == [MOST]
    assert not any(graph.refused for graph in vars(new)["_graphs"])


def test_what_was_used_longest_ago_is_dropped_and_compiled_again_when_it_is_needed(make, compiled):
    old, new = make(most=3)
    for rows in (1, 2, 3, 1, 4):  # 2 is dropped
        new(x(rows))
    compiled()
    for rows, compilations in ((1, 0), (3, 0), (4, 0), (2, 1), (4, 0), (1, 1)):
        assert same(new(x(rows)), old(x(rows)))
        assert len(compiled()) == compilations


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's own")
def test_the_compiler_s_memory_is_given_back_before_its_graph_runs(make, monkeypatch):
    """Once for each compilation, when it is not run yet; and MindSpore stays as it was."""
    _, new = make()
    ran, given_back = [], []
    native = api._pynative_executor.grad_jit
    monkeypatch.setattr(api._pynative_executor, "grad_jit", lambda *args: ran.append(1) or native(*args), raising=False)
    before = set(api.ms_compile_cache)

    def given(pad):
        given_back.append((len(api.ms_compile_cache - before), len(ran)))

    library = types.SimpleNamespace(malloc_trim=given)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    for rows in (1, 2, 1):
        new(x(rows))
    assert given_back == [(1, 0), (2, 1)]
    assert len(ran) == 3
    assert "set_jit_compile_phase" not in vars(api._pynative_executor)


@pytest.mark.slow
def test_gradients_through_graphs_that_are_dropped_before_they_are_needed(make):
    """All forwards run before the first backward, and one graph is kept."""
    found = []
    for model in make(most=1):

        def loss(model=model):
            return sum((model(x(rows)) ** 2).sum() for rows in (1, 2, 3, 4, 1, 2))

        found.append([mindspore.value_and_grad(loss, None, model.trainable_params())() for _ in range(2)])
    for (one, ones), (other, others) in zip(*found, strict=True):
        assert np.allclose(one.asnumpy(), other.asnumpy(), rtol=1e-5)
        assert all(
            np.allclose(a.asnumpy(), b.asnumpy(), rtol=1e-4, atol=1e-5) for a, b in zip(ones, others, strict=True)
        )


def test_a_graph_for_gradients_counts(make):
    _, new = make(most=2)
    new(x(1))
    mindspore.value_and_grad(lambda: new(x(1)).sum(), None, new.trainable_params())()
    assert kept(new) == [2]
    new(x(2))
    assert kept(new) == [2]


def test_one_warning_for_a_module_says_what_varies(make, warnings):
    _, new = make(most=2)
    for rows in (3, 1):
        new(x(rows))
    assert not warnings()
    for rows in (2, 5, 7):
        new(x(rows))
    (line,) = warnings()
    assert line.startswith("Encoder._construct_flat is compiled for shapes beyond 2 sets of them;")
    assert "What varies: x on axis 0 (1, 2, 3). " in line
    assert "bucketed()" in line
    assert "--dynamic" in line
    new.layers[0].weight.set_data(Tensor(np.ones((4, 4), np.float32)))  # another graph of the same module
    for rows in (2, 5, 7):
        new(x(rows))
    assert len(warnings()) == 1


HALF = Tensor(np.ones((2, 4), np.float16))


@pytest.mark.parametrize(
    ("calls", "what"),
    [
        ([(x(1), 1), (x(1), 2), (x(1), 3)], "scale. "),
        ([(x(2), 1, [x(2), x(2)]), (x(2), 1, [HALF, x(2)]), (x(2), 2, [x(2), x(2)])], "scale, extra. "),
        (
            [(x(2), 1, [x(1), x(2)]), (x(2), 1, [x(1), x(1)]), (x(2), 1, [x(2), x(1)])],
            "extra on axis 0 (1, 2), extra on",
        ),
    ],
    ids=["a number", "types", "inside a list"],
)
def test_what_else_may_vary(make, warnings, calls, what):
    _, new = make(most=2)
    for call in calls:
        new(*call)
    assert f"What varies: {what}" in warnings()[0]


def test_what_a_model_leaves_behind_is_dropped_with_the_next_compilation(make):
    """MindSpore would keep the graphs, and with them the weights, until the process ends."""
    _, new = make()
    before = set(api.ms_compile_cache)
    for rows in (1, 2, 3):
        new(x(rows))
    graph = vars(new)["_graphs"][0]
    keys = set().union(*graph.graph.keys.values())
    assert keys <= api.ms_compile_cache
    assert len(keys) == 3
    other = type(new)()
    del new, graph
    gc.collect()
    other(x(1))
    assert not keys & api.ms_compile_cache
    assert len(api.ms_compile_cache - before) == 1


@pytest.mark.slow
def test_what_was_dropped_behind_our_back_is_compiled_again(make):
    old, new = make(most=2)
    new(x(1))
    mindspore.ms_memory_recycle()
    for rows in (1, 2, 3, 1):
        assert same(new(x(rows)), old(x(rows)))


@pytest.mark.slow
def test_where_sizes_cannot_be_open_the_number_is_bounded_too(import_file):
    text = MODEL.replace("x = ops.tanh(layer(x))", "x = ops.narrow(ops.tanh(layer(x)), 0, 0, x.shape[0])")
    old, new = import_file(text).Encoder(), import_file(rewriter.rewrite(text, dynamic=True).text).Encoder()
    mindspore.load_param_into_net(new, {p.name: p for p in old.get_parameters()})
    before = set(api.ms_compile_cache)
    for rows in range(1, 14):
        assert same(new(x(rows)), old(x(rows)))
    assert len(vars(new)["_graphs"][0].graph.closed.keys) == MOST
    assert len(api.ms_compile_cache - before) <= MOST + 3
