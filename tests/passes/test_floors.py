"""A floor at the least finite number: the graph compiler drops `maximum`, and keeps `clamp`."""

from __future__ import annotations

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

import rewriter
from rewriter.runtime import mindnlp_compat

mindnlp_compat.apply()

FILES = {
    "mindnlp": ("from mindnlp.core import nn, ops", "nn.Module", "forward", "ops.finfo(scores.dtype)"),
    "mindspore": (
        "import mindspore\nimport numpy as np\nfrom mindspore import nn, ops",
        "nn.Cell",
        "construct",
        "np.finfo(mindspore.dtype_to_nptype(scores.dtype))",
    ),
}
GIVEN = np.array([-np.inf, np.finfo(np.float32).min, -1.0, 0.0, 2.0, np.inf], np.float32)
EXPECTED = np.array([np.finfo(np.float32).min, np.finfo(np.float32).min, -1.0, 0.0, 2.0, np.inf], np.float32)


@pytest.fixture(params=FILES)
def attention(request, import_file):
    """The class of a file, and of its rewriting."""
    imports, base, forward, finfo = FILES[request.param]
    text = f"{imports}\n\n\nclass Attention({base}):\n    def {forward}(self, scores):\n"
    text += f"        return ops.maximum(scores, float({finfo}.min))\n"
    done = rewriter.rewrite(text, passes=["floors", "finfo", "imports"])
    assert "clamp(scores, min=" in done.text
    return import_file(text).Attention, import_file(done.text).Attention


def as_graph(module):
    forward = getattr(module, "construct" if isinstance(module, mindspore.nn.Cell) else "forward")

    @mindspore.jit(fullgraph=True)
    def graph(scores):
        return forward(scores)

    return graph


def test_eager_and_in_a_graph(attention):
    old, new = attention
    assert np.array_equal(old()(Tensor(GIVEN)).asnumpy(), EXPECTED)
    assert np.array_equal(new()(Tensor(GIVEN)).asnumpy(), EXPECTED)
    assert np.array_equal(as_graph(new())(Tensor(GIVEN)).asnumpy(), EXPECTED)


def test_half_precision_keeps_its_type(attention):
    given = Tensor(np.array([-np.inf, 1.0], np.float16))
    outputs = [cls()(given) for cls in attention]
    assert outputs[0].dtype == outputs[1].dtype
    assert np.array_equal(outputs[0].asnumpy(), outputs[1].asnumpy())


def test_a_graph_drops_the_floor_as_it_was():
    """The reason for the pass: should a later MindSpore keep it, the pass can go."""

    @mindspore.jit(fullgraph=True)
    def graph(scores):
        return mindspore.ops.maximum(scores, -3.4028234663852886e38)

    assert graph(Tensor(GIVEN)).asnumpy()[0] == -np.inf
