"""Functions and layers of mint's as passes write them for a CPU: they answer as PyTorch's of the same name do."""

from __future__ import annotations

from pathlib import Path

import mindspore
import numpy as np
import pytest
from layer_pairs import imported
from mindspore import Tensor
from mint_calls import CALLS, GRADIENTS, LAYERS, weight

FIXTURE = Path(__file__).parent.parent / "fixtures" / "mint_outputs.npz"
HEAD = """\
from mindspore import mint, nn
from mindspore import float64
"""
GIVEN = ("x", "y", "far", "n", "b", "w", "image", "rows", "labels")


def spelled(call):
    return call.replace("functional.", "mint.nn.functional.").replace("layers.", "mint.nn.")


@pytest.fixture(scope="module")
def stored():
    with np.load(FIXTURE) as found:
        return dict(found)


@pytest.fixture(scope="module")
def given(stored):
    return [Tensor(stored[f"in|{name}"]) for name in GIVEN]


@pytest.fixture(scope="module")
def written(rewrite, tmp_path_factory):
    """A module with a function for each call and one that makes each layer, rewritten for a CPU."""
    lines = [HEAD, "class Calls(nn.Cell):"]
    for number, call in enumerate(CALLS):
        lines.append(f"    def call_{number}(self, {', '.join(GIVEN)}):\n        return {spelled(call)}\n")
    everything = "".join(f"            {spelled(call)},\n" for call in CALLS)
    lines.append(f"    def construct(self, {', '.join(GIVEN)}):\n        return (\n{everything}        )\n")
    for number, layer in enumerate(LAYERS):
        lines.append(f"    def layer_{number}(self):\n        return {spelled(layer)}\n")
    result = rewrite("\n".join(lines), "mint-functions", "mint-layers", "mint", device="cpu")
    assert [site for site in result.sites if site.missing] == []
    folder = tmp_path_factory.mktemp("mint_functions")
    yield imported(result.text, folder / f"{folder.name}.py")


def parts(value):
    return list(value) if isinstance(value, (tuple, list)) else [value]


def check(call, value, stored):
    for place, part in enumerate(parts(value)):
        wanted, found = stored[f"out|{call}|{place}"], part.asnumpy()
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), call
        scale = max(1.0, float(np.abs(wanted).max()))
        assert np.allclose(found, wanted, rtol=0, atol=3e-6 * scale), (call, np.abs(found - wanted).max())


@pytest.mark.parametrize("call", CALLS)
def test_a_function_answers_as_pytorch_s(call, written, given, stored):
    check(call, getattr(written.Calls(), f"call_{CALLS.index(call)}")(*given), stored)


def test_all_of_them_compile(written, given, stored):
    values = mindspore.jit(written.Calls().construct, fullgraph=True)(*given)
    for call, value in zip(CALLS, values, strict=True):
        check(call, value, stored)


@pytest.mark.parametrize("call", GRADIENTS)
def test_gradients_are_pytorch_s(call, written, given, stored):
    model = written.Calls()

    def loss(x):
        return parts(getattr(model, f"call_{CALLS.index(call)}")(x, *given[1:]))[0].square().sum()

    found = mindspore.grad(loss)(given[0]).asnumpy()
    assert np.allclose(found, stored[f"gradient|{call}"], rtol=0, atol=2e-5)


def values_of(cell):
    """Yield the name and the tensor of each parameter and buffer."""
    yield from cell.parameters_and_names()
    yield from cell.named_buffers() if hasattr(cell, "named_buffers") else ()


@pytest.fixture(scope="module")
def layers(written):
    """Each layer with the weights that the fixture was made with."""
    made = {}
    for number, layer in enumerate(LAYERS):
        cell = getattr(written.Calls(), f"layer_{number}")()
        cell.set_train(False)
        cell.update_parameters_name(f"layer_{number}.")  # a graph holds no two of one name
        for name, value in values_of(cell):
            if value.dtype == mindspore.float32:
                value.set_data(Tensor(weight(layer, name, tuple(value.shape))))
        made[layer] = cell
    return made


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_answers_as_pytorch_s(layer, layers, given, stored):
    arguments = dict(zip(GIVEN, given, strict=True))
    called = [arguments[name.strip()] for name in LAYERS[layer].split(",")]
    check(layer, layers[layer](*called), stored)


def test_all_layers_compile(layers, given, stored):
    cells = [layers[layer] for layer in LAYERS]
    places = [[GIVEN.index(name.strip()) for name in LAYERS[layer].split(",")] for layer in LAYERS]

    def graph(*values):
        found = ()
        for number in range(len(cells)):
            found = (*found, cells[number](*[values[place] for place in places[number]]))
        return found

    for layer, value in zip(LAYERS, mindspore.jit(graph, fullgraph=True)(*given), strict=True):
        check(layer, value, stored)


WEIGHED = [layer for layer in LAYERS if "Embedding" in layer or "Norm((4,))" in layer or "Conv2d(3, 6, 3, str" in layer]


@pytest.mark.parametrize("layer", WEIGHED)
def test_weights_learn_as_pytorch_s(layer, layers, given, stored):
    """The vector of the padding does not."""
    cell = layers[layer]
    called = given[GIVEN.index(LAYERS[layer])]
    found = mindspore.grad(lambda x: cell(x).square().sum(), None, cell.weight)(called).asnumpy()
    wanted = stored[f"gradient|{layer}"]
    assert np.allclose(found, wanted, rtol=0, atol=1e-5 * max(1.0, np.abs(wanted).max()))


def test_a_layer_keeps_what_its_base_class_has(written):
    """Parameters, their names, shapes and types, settings, and being an instance of it."""
    for number, layer in enumerate(LAYERS):
        mindspore.set_seed(1)
        made = getattr(written.Calls(), f"layer_{number}")()
        mindspore.set_seed(1)
        base = eval(spelled(layer), {"mint": mindspore.mint})
        assert type(made).__mro__[1] is type(base)
        assert [
            (name, one.shape, one.dtype, one.name, one.requires_grad) for name, one in made.parameters_dict().items()
        ] == [(name, one.shape, one.dtype, one.name, one.requires_grad) for name, one in base.parameters_dict().items()]
        for one, other in zip(made.get_parameters(), base.get_parameters(), strict=True):
            assert np.array_equal(one.asnumpy(), other.asnumpy()), layer
        assert str(made).partition("(")[2] == str(base).partition("(")[2]


def test_dropout_draws_anew_and_only_in_training(written):
    layer = type(getattr(written.Calls(), f"layer_{list(LAYERS).index('layers.Dropout(0.0)')}")())
    made = layer(0.5)
    x = Tensor(np.ones((64, 64), np.float32))
    made.set_train(True)
    first, second = made(x).asnumpy(), made(x).asnumpy()
    assert set(np.unique(first)) == {0.0, 2.0}
    assert 0.4 < (first > 0).mean() < 0.6
    assert not np.array_equal(first, second)
    made.set_train(False)
    assert np.array_equal(made(x).asnumpy(), x.asnumpy())


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_types_stay_what_they_are(written, dtype):
    kind = getattr(mindspore, dtype)
    norm = type(written.Calls().layer_3())((4,), dtype=kind)
    table = type(written.Calls().layer_0())(9, 4, padding_idx=2, dtype=kind)
    value = norm(Tensor(np.ones((2, 4)), kind))
    assert value.dtype == kind
    assert table(Tensor(np.array([1, 2]))).dtype == kind
