"""Modules of mindnlp inside a graph: the compiler reads their forward, and not the code for hooks around it."""

import numpy as np
import pytest
from layer_pairs import imported
from mindspore import Tensor

from rewriter.runtime import mindnlp_compat

TEXT = """\
from mindnlp.core import nn


class Own(nn.Module):
    def __call__(self, x):
        return x * 3.0


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.own = Own()

    def forward(self, x):
        for layer in self.layers:
            x = self.own(layer(x))
        return x
"""


@pytest.fixture(scope="module")
def model(rewrite, tmp_path_factory):
    assert mindnlp_compat.apply()
    text = rewrite(TEXT, "flatten", "module-loops", "define-names", "jit", "imports").text
    return imported(text, tmp_path_factory.mktemp("calls") / "calls_in_graphs.py").Encoder()


@pytest.fixture
def read(monkeypatch):
    """What the compiler has read, by its qualified name."""
    from mindspore._extends.parse import parser

    found, init = [], parser.Parser.__init__

    def noted(self, fn, *args, **named):
        found.append(getattr(fn, "__qualname__", ""))
        init(self, fn, *args, **named)

    monkeypatch.setattr(parser.Parser, "__init__", noted)
    return found


def state(model):
    return [dict(vars(module)) for module in model.modules()]


def test_the_code_for_hooks_is_not_read(model, read):
    x = Tensor(np.ones((2, 4), np.float32))
    before = state(model)
    answer = model(x)
    assert not model._graphs.refused
    assert read.count("Linear.forward") == 2
    assert read.count("Own.__call__") >= 1
    assert not [name for name in read if name.startswith("Module.")]
    after = state(model)
    assert "_graphs" in after[0].keys() - before[0].keys()
    assert [set(table) - {"_graphs"} for table in after] == [set(table) for table in before]  # no mark is left
    expected = model.layers[1](model.layers[0](x) * 3.0) * 3.0
    assert np.allclose(answer.asnumpy(), expected.asnumpy(), rtol=0, atol=2e-6)


def test_nothing_is_left_where_the_compiler_refuses(model):
    """The wrong size: it raises in the graph, and then in Python."""
    before = state(model)
    with pytest.raises(Exception):  # noqa: B017
        model(Tensor(np.ones((2, 3), np.float32))).asnumpy()
    assert [set(table) for table in state(model)] == [set(table) for table in before]


def test_hooks_run(model):
    seen = []
    handle = model.layers[0].register_forward_hook(lambda module, args, output: seen.append(1))
    model(Tensor(np.ones((2, 4), np.float32)))
    handle.remove()
    assert seen == [1]
