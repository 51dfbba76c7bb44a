"""GELU by a sigmoid: how exact it is, when it is used, and what it leaves alone."""

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


@pytest.fixture(scope="module")
def intermediate(rewrite, tmp_path_factory):
    result = rewrite(TEXT, "gelu", device="cpu")
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


def test_training_and_other_precisions_take_the_original_way(intermediate):
    x = Tensor(np.linspace(-6, 6, 1001).astype(np.float32))
    old, new = activations.ACT2FN["gelu"], intermediate("gelu")
    new.set_train(True)
    assert np.array_equal(new(x).asnumpy(), old(x).asnumpy())
    one, other = (mindspore.grad(act)(x).asnumpy() for act in (old, new))
    assert np.array_equal(one, other)
    new.set_train(False)
    assert not np.array_equal(new(x).asnumpy(), old(x).asnumpy())  # so the comparison above can fail
    half = x.astype(mindspore.float16)
    assert np.array_equal(new(half).asnumpy(), old(half).asnumpy())


def test_names_that_are_written_out(rewrite):
    assert rewrite(LITERAL.format("gelu"), "gelu", device="cpu").changed
    assert not rewrite(LITERAL.format("tanh"), "gelu", device="cpu").sites


def test_on_a_cpu_only(rewrite):
    for device in ("portable", "ascend", "gpu"):
        result = rewrite(TEXT, "gelu", device=device)
        assert [site.outcome for site in result.sites] == [Outcome.SKIPPED]
        assert not result.changed


def test_a_table_of_the_files_own_is_no_table_of_activations(rewrite):
    text = TEXT.replace("from models.common.activations import ACT2FN", "ACT2FN = {}")
    assert not rewrite(text, "gelu", device="cpu").sites


def test_mindnlps_table(rewrite, tmp_path):
    assert mindnlp_compat.apply()
    from mindnlp.core import nn

    text = (
        TEXT.replace("models.common", "mindnlp.common")
        .replace("mindspore import nn", "mindnlp.core import nn")
        .replace("nn.Cell", "nn.Module")
        .replace("construct", "forward")
    )
    result = rewrite(text, "gelu", device="cpu")
    made = imported(result.text, tmp_path / "gelu_mindnlp.py").Intermediate
    x = values()
    module = made("gelu")
    module.train(False)
    assert isinstance(module.act, nn.GELU)
    assert (np.abs(module(Tensor(x)).asnumpy() - exact(x)) / np.maximum(1, np.abs(x))).max() < 6e-7
    assert type(made("gelu_fast").act) is nn.GELU  # by the tanh formula
