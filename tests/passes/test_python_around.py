"""Python around what is computed, which no graph can hold: moved out of its sight, and the answers are the same."""

from __future__ import annotations

import textwrap

import mindspore
import numpy as np
import pytest
from layer_pairs import both, close, parameters, written_and_rewritten
from mindspore import Tensor

from rewriter import Outcome
from rewriter.equivalence import compiled

HEAD = """\
from functools import partial

import mindspore
from mindnlp.core import nn, no_grad, ops


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.scales = (0.5, 2.0)
        self.mix = partial(ops.cat, dim=-1)

    def forward(self, x, at=1):
        for layer in self.layers:
            x = self.step(layer(x), at)
        return x

"""
STEPS = {
    "tries": """
        def step(self, x, at):
            try:
                scale = self.scale(at)
            except IndexError as error:
                raise ValueError("no such scale") from error
            return x * scale

        def scale(self, at):
            return self.scales[at]
        """,
    "no-grad": """
        def step(self, x, at):
            # learned elsewhere
            with no_grad():
                offset = self.layers[0].weight * 2.0
            return x + offset[0]
        """,
    "procedures": """
        def step(self, x, at):
            x = x + 1.0
            self._hide(x, at)
            return x

        def _hide(self, x, at):
            x[:, :at] = 0.0
        """,
    "partials": """
        def step(self, x, at):
            return self.mix((x, x))[:, :4]
        """,
    "counts": """
        def step(self, x, at):
            masks = (None,) * at + (x,)
            return x * masks.count(None)
        """,
    "no-del": """
        def step(self, x, at):
            y = x * 2.0
            # not needed any more
            del x
            return y
        """,
    "einsum": """
        def step(self, x, at):
            return ops.einsum("bnid,bijd->bnij", (x[None, None], ops.cat([x[None, None]] * x.shape[0], 1)))[0, 0, :, :4]
        """,
}
AROUND = ("flatten", "module-loops", "define-names", "jit", "imports")
X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)


def text_of(step: str, head: str = HEAD) -> str:
    step, _, other = textwrap.dedent(step).strip("\n").partition("\n\n\n")
    return head + textwrap.indent(step, "    ") + "\n" + (f"\n\n{other}\n" if other else "")


@pytest.fixture(params=STEPS)
def pair(request, rewrite, tmp_path):
    """A model as it is written and as it is rewritten, with the same weights."""
    text = text_of(STEPS[request.param])
    with written_and_rewritten(rewrite, tmp_path, text, "Encoder", request.param, *AROUND) as classes:
        yield request.param, *both(classes)


def gradients(model):
    of_input, of_weights = mindspore.grad(lambda x: model(x).sum(), 0, weights=parameters(model))(Tensor(X))
    return [of_input, *of_weights]


def test_a_graph_answers_and_learns_as_the_original(pair):
    name, old, new = pair
    for _ in range(2):
        close(new(Tensor(X)), old(Tensor(X)))
    assert vars(new)["_graphs"], name
    assert not vars(new)["_graphs"].refused
    for one, other in zip(gradients(new), gradients(old), strict=True):
        close(one, other)
    assert not vars(new)["_graphs"].refused


@pytest.mark.parametrize("pair", ["tries"], indirect=True)
def test_an_error_is_the_one_that_was_raised(pair):
    _, old, new = pair
    for model in (old, new):
        with pytest.raises(ValueError, match="no such scale") as caught:
            model(Tensor(X), 7)
        assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize("pair", ["tries"], indirect=True)
def test_what_stands_for_another_method_is_not_taken_for_compiled(pair):
    """The check of equality would bypass it, or count it as a graph."""
    _, old, new = pair
    import sys

    modules = (sys.modules[type(model).__module__] for model in (new, old))
    assert [method.name for method in compiled.find(*modules)] == ["_forward_flat"]


TWINS = {
    "a handler that goes on": (
        "def step(self, x, at):\n    try:\n        y = self.mix((x,))\n    except ValueError:\n        y = x\n"
        "    return y",
        "tries",
        "a handler goes on",
    ),
    "a handler that reads what may be bound": (
        "def step(self, x, at):\n    try:\n        y = self.mix((x,))\n        z = y + 1\n    except ValueError:\n"
        "        raise TypeError(y)\n    return z",
        "tries",
        "may be unbound",
    ),
    "a return": (
        "def step(self, x, at):\n    try:\n        return self.mix((x,))\n    except ValueError:\n        raise",
        "tries",
        "more than bind names",
    ),
    "a finally": (
        "def step(self, x, at):\n    try:\n        y = self.mix((x,))\n    except ValueError:\n        raise\n"
        "    finally:\n        x = 0\n    return y",
        "tries",
        "`finally`",
    ),
    "one way only": (
        "def step(self, x, at):\n    y = x\n    with no_grad():\n        if at:\n            y = x + 1\n    return y",
        "no-grad",
        "read elsewhere",
    ),
    "with in a branch": (
        "def step(self, x, at):\n    y = x\n    if at:\n        with no_grad():\n            y = x + 1\n    return y",
        "no-grad",
        "inside another statement",
    ),
    "a helper that returns something": (
        "def step(self, x, at):\n    x = x + 1\n    self._hide(x)\n    return x\n\n"
        "def _hide(self, x):\n    x[:, 0] = 0\n    return 1",
        "procedures",
        "returns something",
    ),
    "a helper whose value is another one": (
        "def step(self, x, at):\n    x = x + 1\n    y = self._hide(x)\n    return x + y\n\n"
        "def _hide(self, x):\n    x[:, 0] = 0\n    return x.sum()",
        "procedures",
        "not bound to that name",
    ),
    "a helper for others": (
        "def step(self, x, at):\n    x = x + 1\n    self.hide(x)\n    return x\n\ndef hide(self, x):\n    x[:, 0] = 0",
        "procedures",
        "for others",
    ),
    "the caller's tensor": (
        "def step(self, x, at):\n    self._hide(x)\n    return x\n\ndef _hide(self, x):\n    x[:, 0] = 0",
        "procedures",
        "another name may hold",
    ),
    "a helper of another class has its name": (
        "def step(self, x, at):\n    x = x + 1\n    self._hide(x)\n    return x\n\n"
        "def _hide(self, x):\n    x[:, 0] = 0\n\n\n"
        "class Other(nn.Module):\n    def forward(self, x):\n        return x\n\n"
        "    def _hide(self, x):\n        return x",
        "procedures",
        "several functions",
    ),
    "keywords for a partial": ("def step(self, x, at):\n    return self.mix((x,), out=None)", "partials", "plain"),
}


@pytest.mark.parametrize("name", TWINS)
def test_left_alone_and_said_why(name, rewrite):
    step, which, reason = TWINS[name]
    result = rewrite(text_of(step), which)
    assert not result.changed
    assert [site.outcome for site in result.sites] == [Outcome.SKIPPED]
    assert reason in result.sites[0].reason


@pytest.mark.parametrize("name", ["the caller's tensor", "a helper whose value is another one"])
def test_no_graph_where_a_change_would_be_lost(name, rewrite):
    """It would compile, and go on with the numbers as they were."""
    step, which, _ = TWINS[name]
    result = rewrite(text_of(step), which, "flatten", "jit")
    assert not result.changed
    assert "`_hide` changes `x` in place" in " ".join(site.reason for site in result.sites)


BOUND = """
    def step(self, x, at):
        x = self._hide(x + 1)
        x = self._hide(x)
        return x + self._made(x)

    def _hide(self, x):
        x[:, 0] = 0
        return x

    def _made(self, x):
        x = ops.zeros_like(x) + 1
        x[:, 0] = 0
        return x
    """


def test_a_graph_where_no_change_is_lost(rewrite):
    """What is bound again, or made by the helper itself, is nobody else's."""
    assert "_forward_flat" in rewrite(text_of(BOUND), "procedures", "flatten", "jit").text


def test_a_class_that_does_not_come_to_it_has_its_graph(rewrite):
    step = TWINS["a helper whose value is another one"][0]
    other = text_of("def step(self, x, at):\n    return x").partition("\n\n\n")[2]
    text = text_of(step) + other.replace("Encoder", "Other")
    result = rewrite(text, "procedures", "flatten", "jit")
    assert result.text.index("_forward_flat") > result.text.index("class Other")
    assert "`_hide` changes `x` in place" in " ".join(site.reason for site in result.sites)


def test_a_function_of_the_file_counts_too(rewrite):
    text = text_of("def step(self, x, at):\n    x = x + 1\n    _hide(x)\n    return x")
    text = text.replace("class Encoder", "def _hide(x):\n    x[:, 0] = 0\n\n\nclass Encoder")
    result = rewrite(text, "procedures")
    assert "x = _hide(x)" in result.text
    assert "    x[:, 0] = 0\n    return x\n" in result.text


def test_a_list_that_is_read_and_gone_may_move(rewrite):
    """Beside a loop; what a name is bound to may not be a list."""
    loop = "        for layer in self.layers:\n            x = self.step(layer(x), at)\n"
    moved = loop + "        x = x[:, [0, 2]] + ops.cat([x, x])[:1, :2]\n"
    kept = loop + "        sizes = [x, x]\n"
    step = "def step(self, x, at):\n    return x"
    assert moved.replace("        return", "") in _flat(
        rewrite(text_of(step, HEAD.replace(loop, moved)), "flatten").text
    )
    assert "sizes" not in _flat(
        rewrite(text_of(step, HEAD.replace(loop, kept).replace("return x\n", "return x, sizes\n")), "flatten").text
    )


def _flat(text: str) -> str:
    return text[text.index("def _forward_flat") :]
