"""Query, key and value by one product: the numbers of three, and three where the layers are not alike."""

import sys

import mindspore
import numpy as np
import pytest
from layer_pairs import both, close, gradients, imported
from mindspore import Tensor

from rewriter import Outcome
from rewriter.runtime import mindnlp_compat

MINDNLP = """\
from mindnlp.core import nn


class Attention(nn.Module):
    def __init__(self, size, heads=6, groups=6, bias=True):
        super().__init__()
        self.query = nn.Linear(size, heads, bias=bias)
        self.key = nn.Linear(size, groups, bias=bias)
        self.value = nn.Linear(size, groups, bias=bias)

    def forward(self, states, other=None):
        mixed = self.query(states)
        if other is not None:
            key = self.key(other)
            value = self.value(other)
        else:
            key = self.key(states)
            value = self.value(states)
        return mixed.mean() * 0.125 + key * 0.25 + value * 0.125


class Encoder(nn.Module):
    def __init__(self, *args):
        super().__init__()
        self.layers = nn.ModuleList([Attention(*args) for _ in range(2)])

    def forward(self, states, other=None):
        for layer in self.layers:
            states = layer(states, other)
        return states
"""
MINDSPORE = (
    MINDNLP.replace("mindnlp.core", "mindspore")
    .replace("nn.ModuleList", "nn.CellList")
    .replace("nn.Module", "nn.Cell")
    .replace("nn.Linear", "nn.Dense")
    .replace("bias=bias", "has_bias=bias")
    .replace("def forward", "def construct")
)
TEXTS = {"mindnlp": MINDNLP, "mindspore": MINDSPORE}
PASSES = ("fused-projections", "linear", "flatten", "module-loops", "define-names", "jit", "imports")


@pytest.fixture(scope="module", params=list(TEXTS))
def pair(request, rewrite, tmp_path_factory):
    """An encoder as it is written, and compiled with one product."""
    assert mindnlp_compat.apply()
    folder = tmp_path_factory.mktemp(f"projections_{request.param}_")
    result = rewrite(TEXTS[request.param], *PASSES, device="cpu")
    assert not result.failures
    files = {f"{folder.name}_old": TEXTS[request.param], f"{folder.name}_new": result.text}
    yield [imported(text, folder / f"{name}.py").Encoder for name, text in files.items()]
    for name in files:
        sys.modules.pop(name, None)


def states(*shape):
    return Tensor(np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32))


def joined_by(model, x, *more):
    """Return what the compiled model answers, and of which layers the compiler was told that they project alike."""
    kind = type(model.layers[0])
    alike, asked = kind._projects_alike, {}
    kind._projects_alike = property(lambda self: asked.setdefault(id(self), alike.fget(self)))
    try:
        answer = model(x, *more)
    finally:
        kind._projects_alike = alike
    assert not model._graphs.refused
    return answer, [asked[id(layer)] for layer in model.layers if id(layer) in asked]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_one_product_in_a_graph(pair, bias):
    old, new = both(pair, 6, 6, 6, bias)
    answer, joined = joined_by(new, states(2, 7, 6))
    assert joined == [True, True]
    close(answer, old(states(2, 7, 6)))


def test_states_of_an_encoder(pair):
    old, new = both(pair, 6, 6, 6, True)
    x, other = states(2, 7, 6), states(2, 5, 6)
    mixed, joined = joined_by(new, x, other)
    assert joined == []
    close(mixed, old(x, other))


def test_layers_of_unequal_sizes(pair):
    """Fewer heads for keys and values, as in grouped attention."""
    old, new = both(pair, 6, 12, 6, True)
    answer, joined = joined_by(new, states(2, 7, 6))
    assert joined == [False, False]
    close(answer, old(states(2, 7, 6)))


def test_gradients(pair):
    old, new = both(pair, 6, 6, 6, True)
    ours, theirs = gradients(new, states(2, 7, 6)), gradients(old, states(2, 7, 6))
    assert len(ours) == 13
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(np.abs(other.asnumpy()).max()))
        assert np.allclose(one.asnumpy(), other.asnumpy(), rtol=0, atol=1e-5 * scale)


def test_weights_that_change_later(pair):
    """Assigned, and in place: the address stays, so no copy of the weights may be kept."""
    old, new = both(pair, 6, 6, 6, True)
    x = states(2, 7, 6)
    close(new(x), old(x))
    before = new(x).asnumpy()
    for change in (lambda one: one.assign_value(one * 0.5), lambda one: mindspore.ops.assign(one, one * 3.0)):
        for model in (old, new):
            change(model.layers[0].value.weight)
        close(new(x), old(x))
        assert not np.allclose(new(x).asnumpy(), before)


ADAPTER = """\
from mindnlp.core import nn


class Low(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias) * 2.0
"""
ADAPTERS = {
    "Linear": ADAPTER,
    "Dense": ADAPTER.replace("mindnlp.core import nn", "mindspore import nn, ops")
    .replace("nn.functional.linear", "ops.dense")
    .replace("Linear", "Dense")
    .replace("forward", "construct"),
}


def test_an_adapter_in_the_place_of_a_layer(pair, tmp_path):
    """It is a linear layer by its class, and computes something else."""
    old, new = both(pair, 6, 6, 6, True)
    x = states(2, 7, 6)
    new(x)
    kind = "Dense" if isinstance(old, mindspore.nn.Cell) else "Linear"
    low = imported(ADAPTERS[kind], tmp_path / f"adapters_{kind}.py").Low
    for model in (old, new):
        layer = model.layers[1].key
        made = low(6, 6)
        made.weight, made.bias = layer.weight, layer.bias
        model.layers[1].key = made
    answer, joined = joined_by(new, x)
    assert joined == [True, False]
    close(answer, old(x))


def test_the_keys_of_the_weights(pair):
    old, new = both(pair, 6, 6, 6, True)
    named = "state_dict" if hasattr(old, "state_dict") else "parameters_dict"
    assert list(getattr(old, named)()) == list(getattr(new, named)())


LEFT = {
    "three of its layers are not seen to take the same tensor": ("self.value(states)", "self.value(states + 1.0)"),
    "the file has a class of such layers, which may compute something else": (
        "class Encoder",
        "class Low(nn.Linear):\n    pass\n\n\nclass Encoder",
    ),
    "the class has an attribute of the name that would be needed": ("mixed = ", "mixed = self._projected = "),
}


@pytest.mark.parametrize("reason", LEFT)
def test_what_is_left_alone(reason, rewrite):
    text = MINDNLP.replace(*LEFT[reason])
    if "mixed" in LEFT[reason][0]:
        text = text.replace("        if other", "        self._projected = 1\n        if other").replace(
            "mixed = self._projected = ", "mixed = "
        )
    result = rewrite(text, "fused-projections", device="cpu")
    assert not result.changed
    assert [site.reason for site in result.sites] == [reason]


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ("        if other is not None:\n", "        kept = mixed * 2.0\n        if other is not None:\n"),
        ("        if other is not None:\n", "        states = states * 2.0\n        if other is not None:\n"),
        ("        if other is not None:\n", "        if mixed is not None:\n"),
        ("        mixed = self.query(states)\n", "        # The query.\n        mixed = self.query(states)\n"),
        (
            "            key = self.key(states)\n",
            "            states = states * 2.0\n            key = self.key(states)\n",
        ),
    ],
)
def test_a_query_that_cannot_move(line, new, rewrite):
    result = rewrite(MINDNLP.replace(line, new), "fused-projections", device="cpu")
    assert not result.changed
    assert [site.outcome for site in result.sites] == [Outcome.SKIPPED]


def test_it_runs_on_request_only(rewrite):
    assert "_projected" not in rewrite(MINDNLP, device="cpu").text


SITES = {"mindnlp/bert": [1, 0], "mindnlp/clip": [1, 0], "models/bert": [0, 1], "models/clip": [1, 0]}
"""Places rewritten and left: the bundled BERT chooses the states of key and value by an expression."""


def test_real_files(real_file, rewrite):
    result = rewrite(real_file.read_bytes(), "fused-projections")
    where = ("mindnlp/" if "mindnlp" in real_file.parts else "models/") + real_file.parent.name
    outcomes = [site.outcome for site in result.sites]
    assert [outcomes.count(Outcome.REWRITTEN), outcomes.count(Outcome.SKIPPED)] == SITES[where]
    assert rewrite(result.data, "fused-projections").data == result.data
