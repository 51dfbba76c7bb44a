"""GELU by a faster division and by a sigmoid: how exact they are, when they are used, and what they leave alone."""

import inspect
from statistics import NormalDist

import mindspore
import numpy as np
import pytest
from layer_pairs import graph_of, imported
from mindspore import Tensor

from models.common import activations
from rewriter import Outcome
from rewriter.runtime import mindnlp_compat

TEXT = """\
from mindspore import nn

from models.common.activations import ACT2FN


class Intermediate(nn.Cell):
    def __init__(self, name):
        super().__init__()
        self.act = ACT2FN[name]

    def construct(self, states):
        return self.act(states)
"""
LITERAL = TEXT.replace("ACT2FN[name]", 'ACT2FN["{}"]')

by_division = pytest.mark.parametrize("name", ["gelu"], indirect=True)
by_sigmoid = pytest.mark.parametrize("name", ["gelu-sigmoid"], indirect=True)


@pytest.fixture(scope="module", params=["gelu", "gelu-sigmoid"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def intermediate(rewrite, name, tmp_path_factory):
    result = rewrite(TEXT, name, device="cpu")
    return imported(result.text, tmp_path_factory.mktemp("gelu") / "gelu_rewritten.py").Intermediate


def values():
    """Return numbers close together where GELU bends, and some far away."""
    far = np.logspace(1, 30, 1000)
    return np.concatenate([np.linspace(-10, 10, 200_001), -far, far, [0.0, -0.0]]).astype(np.float32)


def exact(x):
    wide = x.astype(np.float64)
    return wide * np.vectorize(NormalDist().cdf, otypes=[np.float64])(wide)


@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_gelu_within_single_precision(intermediate, compiled):
    """As exact, for numbers around 1, as the formula with the error function, and everywhere finite."""
    cell = intermediate("gelu").set_train(False)
    x = values()
    found = graph_of(cell)(Tensor(x)).asnumpy() / 2 if compiled else cell(Tensor(x)).asnumpy()  # a graph doubles it
    assert np.isfinite(found).all()
    assert (np.abs(found - exact(x)) / np.maximum(1, np.abs(x))).max() < 6e-7


def test_the_layer_stays_what_it_is(intermediate):
    cell = intermediate("gelu")
    assert isinstance(cell.act, activations.GELUActivation)
    assert type(cell.act) is not activations.GELUActivation
    assert type(activations.ACT2FN["gelu"]) is activations.GELUActivation  # others get theirs as before


def test_another_activation_is_left_alone(intermediate):
    for name in ("gelu_new", "quick_gelu", "relu"):
        assert type(intermediate(name).act) is type(activations.ACT2FN[name])


@pytest.fixture(scope="module")
def divided(intermediate):
    """The original's GELU and the one with another division."""
    cell = intermediate("gelu")
    assert "RealDiv" in inspect.getsource(type(cell.act))
    return activations.ACT2FN["gelu"], cell


def told(tensor):
    """Return single numbers with one NaN for all, and zeros for those below the normal ones.

    Some threads of MindSpore compute with those and some do not, so its own GELU answers now so, now so.
    """
    array = tensor.asnumpy()
    assert array.dtype == np.float32
    array = np.where(np.isnan(array), np.float32(np.nan), array)
    return np.where(np.abs(array) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), array), array)


@by_division
@pytest.mark.parametrize("compiled", [False, True])
def test_another_division_has_the_same_bits(divided, compiled):
    """Of any bits at all; where it is no number, it is none after."""
    drawn = np.random.default_rng(0).integers(0, 2**32, 400_000, dtype=np.uint32).view(np.float32)
    x = Tensor(np.concatenate([values(), drawn]))
    old, new = (told(graph_of(act)(x) if compiled else act(x)).view(np.uint32) for act in divided)
    assert np.array_equal(old, new)


@by_division
def test_gradients_by_another_division_have_the_same_bits(divided):
    x = Tensor(values())
    old, new = (told(mindspore.grad(act)(x)) for act in divided)
    assert np.array_equal(old, new, equal_nan=True)


@by_sigmoid
def test_other_precisions_take_the_original_way(intermediate):
    x = Tensor(np.linspace(-6, 6, 1001).astype(np.float32))
    old, new = activations.ACT2FN["gelu"], intermediate("gelu").set_train(False)
    assert not np.array_equal(new(x).asnumpy(), old(x).asnumpy())  # so the comparison below can fail
    half = x.astype(mindspore.float16)
    assert np.array_equal(new(half).asnumpy(), old(half).asnumpy())


@by_division
@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_other_precisions_divide_as_before(divided, kind):
    """With float64 it would be the root in float32 that divides."""
    x = Tensor(np.linspace(-6, 6, 1001).astype(kind))
    old, new = (act(x).asnumpy() for act in divided)
    assert np.array_equal(old, new)


@by_sigmoid
def test_the_sigmoid_is_not_for_training(intermediate):
    x = Tensor(np.linspace(-6, 6, 1001).astype(np.float32))
    old, new = activations.ACT2FN["gelu"], intermediate("gelu")
    new.set_train(True)
    assert np.array_equal(new(x).asnumpy(), old(x).asnumpy())
    one, other = (mindspore.grad(act)(x).asnumpy() for act in (old, new))
    assert np.array_equal(one, other)
    new.set_train(False)
    assert not np.array_equal(new(x).asnumpy(), old(x).asnumpy())  # so the comparison above can fail


def test_names_that_are_written_out(rewrite, name):
    assert rewrite(LITERAL.format("gelu"), name, device="cpu").changed
    assert not rewrite(LITERAL.format("tanh"), name, device="cpu").sites


def test_not_for_devices_that_were_not_measured(rewrite, name):
    for device in ("ascend", "gpu"):
        result = rewrite(TEXT, name, device=device)
        assert [site.outcome for site in result.sites] == [Outcome.SKIPPED]
        assert not result.changed


def test_a_portable_file_asks_where_it_runs(rewrite, name, tmp_path, monkeypatch):
    made = imported(rewrite(TEXT, name, device="portable").text, tmp_path / "gelu_portable.py").Intermediate
    assert type(made("gelu").act) is not activations.GELUActivation
    monkeypatch.setattr(mindspore, "get_context", lambda key: {"device_target": "Ascend"}[key])
    assert type(made("gelu").act) is activations.GELUActivation


def test_a_table_of_the_files_own_is_no_table_of_activations(rewrite, name):
    text = TEXT.replace("from models.common.activations import ACT2FN", "ACT2FN = {}")
    assert not rewrite(text, name, device="cpu").sites


def test_who_asks_for_the_sigmoid_gets_it(rewrite):
    assert rewrite(TEXT, "gelu", "gelu-sigmoid").text == rewrite(TEXT, "gelu-sigmoid").text


def test_mindnlps_table(rewrite, name, tmp_path):
    assert mindnlp_compat.apply()
    from mindnlp.core import nn

    text = (
        TEXT.replace("models.common", "mindnlp.common")
        .replace("mindspore import nn", "mindnlp.core import nn")
        .replace("nn.Cell", "nn.Module")
        .replace("construct", "forward")
    )
    result = rewrite(text, name, device="cpu")
    made = imported(result.text, tmp_path / "gelu_mindnlp.py").Intermediate
    x = values()
    module = made("gelu")
    module.train(False)
    assert isinstance(module.act, nn.GELU)
    assert (np.abs(module(Tensor(x)).asnumpy() - exact(x)) / np.maximum(1, np.abs(x))).max() < 6e-7
    assert type(made("gelu_fast").act) is nn.GELU  # by the tanh formula
