"""Sums of scores and a mask: always the same bits, and only where a softmax follows."""

import numpy as np
import pytest
from layer_pairs import graph_of, imported
from mindspore import Tensor

TEXT = """\
from mindspore import nn, ops


class Attention(nn.Cell):
    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def construct(self, scores):
        scores = scores + self.mask
        return ops.softmax(scores, -1)
"""
SUM = "scores = scores + self.mask"


@pytest.fixture(scope="module")
def pair(rewrite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("broadcasts")
    texts = {"sum_old": TEXT, "sum_new": rewrite(TEXT, "broadcasts").text}
    assert "scores = _plus(scores, self.mask)" in texts["sum_new"]
    return [imported(text, folder / f"{name}.py").Attention for name, text in texts.items()]


def drawn(shape, dtype=np.float32):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


MASKS = [
    drawn((2, 1, 1, 5)),
    drawn((1, 1, 4, 5)),
    drawn((2, 3, 4, 5)),
    drawn((5,)),
    drawn((6, 1, 1, 1, 5)),  # it spreads the scores
    drawn((2, 1, 1, 5), np.float16),
    np.arange(10).reshape(2, 1, 1, 5),
    0.5,
]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: str(getattr(mask, "shape", mask)))
def test_the_same_bits(pair, mask, compiled):
    scores = Tensor(drawn((2, 3, 4, 5)))
    mask = Tensor(mask) if isinstance(mask, np.ndarray) else mask
    old, new = (graph_of(kind(mask)) if compiled else kind(mask) for kind in pair)
    expected, found = old(scores).asnumpy(), new(scores).asnumpy()
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_scores_that_a_mask_spreads(pair):
    """One row of scores and two of masks: the sum has two rows, before and after."""
    mask = Tensor(drawn((2, 1, 1, 5)))
    expected, found = (graph_of(kind(mask))(Tensor(drawn((1, 3, 4, 5)))).asnumpy() for kind in pair)
    assert expected.shape == (2, 3, 4, 5)
    assert np.array_equal(found, expected)


def test_the_sum_is_one_of_equal_shapes(pair, monkeypatch):
    import mindspore

    seen = []
    spread = mindspore.ops.broadcast_to
    monkeypatch.setattr(mindspore.ops, "broadcast_to", lambda mask, shape: seen.append(shape) or spread(mask, shape))
    for mask in MASKS:
        pair[1](Tensor(mask) if isinstance(mask, np.ndarray) else mask)(Tensor(drawn((2, 3, 4, 5))))
    assert seen == [(2, 3, 4, 5)] * 2


@pytest.mark.parametrize(
    "line",
    [
        "other = scores + self.mask",
        "scores = self.mask + scores",
        "scores = scores - self.mask",
        "scores = scores.exp() + self.mask",
        "scores += self.mask",
        "scores = (scores  # why\n            + self.mask)",
    ],
)
def test_what_is_left_alone(line, rewrite):
    assert not rewrite(TEXT.replace(SUM, line), "broadcasts").sites


@pytest.mark.parametrize("line", ["ops.relu(scores)", "ops.softmax(self.mask, -1)", "ops.log_softmax(scores, -1)"])
def test_no_softmax_of_it(line, rewrite):
    assert not rewrite(TEXT.replace("ops.softmax(scores, -1)", line), "broadcasts").sites


@pytest.mark.parametrize(
    "line", ["scores.softmax(-1)", "nn.Softmax(-1)(scores)", "self.softmax(scores)", "ops.softmax(input=scores)"]
)
def test_ways_to_take_it(line, rewrite):
    assert rewrite(TEXT.replace("ops.softmax(scores, -1)", line), "broadcasts").changed


def test_a_view_of_the_scores(rewrite):
    text = rewrite(TEXT.replace(SUM, "scores = scores.view(2, 3, 4, 5) + self.mask"), "broadcasts").text
    assert "scores = _plus(scores.view(2, 3, 4, 5), self.mask)" in text
