"""Scores divided at the query: the same bits where the root is a power of two, and only where nothing reads them."""

import mindspore
import numpy as np
import pytest
from layer_pairs import graph_of, imported
from mindspore import Tensor

from rewriter import Outcome

TEXT = """\
import math

from mindspore import nn, ops


class Attention(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def construct(self, query):
        key = query * 2.0
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        if self.size > 20:
            scores = scores + query.sum() + 1.0
        else:
            scores += 0.5
        scores = scores / math.sqrt(self.size)
        return ops.softmax(scores, -1)
"""


@pytest.fixture(scope="module")
def pair(rewrite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("query_scale")
    result = rewrite(TEXT, "query-scale")
    assert [site.outcome for site in result.sites] == [Outcome.REWRITTEN]
    texts = {"query_scale_old": TEXT, "query_scale_new": result.text}
    return [imported(text, folder / f"{name}.py").Attention for name, text in texts.items()]


def states(size, dtype=np.float32):
    return Tensor(np.random.default_rng(size).normal(size=(2, 3, 5, size)).astype(dtype))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("size", [64, 16, 7, 80])
def test_the_same_bits(pair, size, compiled):
    old, new = (graph_of(kind(size)) if compiled else kind(size) for kind in pair)
    assert np.array_equal(old(states(size)).asnumpy(), new(states(size)).asnumpy())


@pytest.mark.parametrize("size", [16, 7])
def test_gradients(pair, size):
    def gradient(layer):
        return mindspore.grad(lambda x: (layer(x) ** 2).sum())(states(size))

    old, new = (gradient(kind(size)) for kind in pair)
    assert np.allclose(old.asnumpy(), new.asnumpy(), rtol=0, atol=2e-6 * float(np.abs(old.asnumpy()).max()))


@pytest.mark.parametrize(
    ("size", "dtype", "place"), [(16, np.float32, "query"), (7, np.float32, "scores"), (16, np.float16, "scores")]
)
def test_where_it_divides(pair, size, dtype, place):
    """Half precision keeps the order of the original: a query below its smallest normal number would lose bits."""
    divided = vars(__import__(pair[1].__module__))["_divided_once"]
    x = states(size, dtype)
    at_query, at_scores = (divided(x, size**0.5, x, of_query) is not x for of_query in (True, False))
    assert (at_query, at_scores) == (place == "query", place == "scores")


LINE = "        scores = scores / math.sqrt(self.size)\n"
READ = "something else than a sum reads them before"
REFUSED = {
    READ: [
        "scores = scores - query",
        "scores = query + scores",
        "scores = scores + scores",
        "print(scores)",
        "if scores.sum() > 0:\n            pass",
        "for _ in range(2):\n            scores = scores + query",
        "scores = ops.relu(scores)",
        "kept = scores",
    ],
    "the query or the root is another one by then": ["query = query * 2.0", "self = query"],
    "a function inside reads them": ["again = lambda: scores"],
}


@pytest.mark.parametrize(("reason", "line"), [(reason, line) for reason, lines in REFUSED.items() for line in lines])
def test_what_is_left_alone(reason, line, rewrite):
    result = rewrite(TEXT.replace(LINE, f"        {line}\n{LINE}"), "query-scale")
    assert not result.changed
    assert [site.reason for site in result.sites] == [reason]


def test_scores_from_elsewhere(rewrite):
    result = rewrite(TEXT.replace("ops.matmul(query, key.swapaxes(-1, -2))", "self.scores(query, key)"), "query-scale")
    assert [site.reason for site in result.sites] == ["the product that they come from is not seen before it"]


def test_it_runs_on_request_only(rewrite):
    assert "_divided_once" not in rewrite(TEXT).text
    assert "_divided_once" in rewrite(TEXT, "query-scale", "scale").text


SITES = {"mindnlp/bert": 1, "mindnlp/clip": 0, "models/bert": 1, "models/clip": 0}


def test_real_files(real_file, rewrite):
    """CLIP multiplies its query by the scale already."""
    result = rewrite(real_file.read_bytes(), "query-scale")
    where = ("mindnlp/" if "mindnlp" in real_file.parts else "models/") + real_file.parent.name
    assert sum(site.outcome is Outcome.REWRITTEN for site in result.sites) == SITES[where] == len(result.sites)
    assert rewrite(result.data, "query-scale").data == result.data
