"""Scores times a reciprocal: always the same bits, and only where tensors are scaled in place."""

import numpy as np
import pytest
from layer_pairs import graph_of, imported
from mindspore import Tensor

TEXT = """\
import math

from mindspore import nn


class Attention(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def construct(self, scores):
        scores = scores / math.sqrt(self.size)
        return scores
"""


@pytest.fixture(scope="module")
def pair(rewrite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    texts = {"scale_old": TEXT, "scale_new": rewrite(TEXT, "scale").text}
    assert "scores = _divided(scores, math.sqrt(self.size))" in texts["scale_new"]
    return [imported(text, folder / f"{name}.py").Attention for name, text in texts.items()]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("size", [64, 16, 1, 80, 7, 96, 1024])
def test_the_same_bits(pair, size, dtype, compiled):
    x = np.random.default_rng(size).normal(size=2000).astype(dtype)
    old, new = (graph_of(kind(size)) if compiled else kind(size) for kind in pair)
    assert np.array_equal(old(Tensor(x)).asnumpy(), new(Tensor(x)).asnumpy())


@pytest.mark.parametrize(("size", "is_product"), [(64, True), (16, True), (80, False), (0.25, False)])
def test_it_multiplies_where_that_is_exact(pair, size, is_product):
    class Number(float):
        def __truediv__(self, other):
            return "divided"

    assert (pair[1](size).construct(Number(3)) != "divided") is is_product


@pytest.mark.parametrize(
    "line",
    [
        "other = scores / math.sqrt(self.size)",
        "scores = scores / self.size",
        "scores = math.sqrt(self.size) / scores",
        "scores = scores // math.sqrt(self.size)",
        "scores = scores * math.sqrt(self.size)",
        "scores = self.scores / math.sqrt(self.size)",
    ],
)
def test_what_is_left_alone(line, rewrite):
    text = TEXT.replace("scores = scores / math.sqrt(self.size)", line)
    assert not rewrite(text, "scale").sites


def test_another_sqrt(rewrite):
    assert not rewrite(TEXT.replace("import math", "from numpy import emath as math"), "scale").sites
