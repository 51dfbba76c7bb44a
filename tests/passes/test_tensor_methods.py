"""Methods that graphs take otherwise than plain Python: written so that both answer alike."""

from __future__ import annotations

import importlib.util
import sys

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

import rewriter

SOURCE = """\
from mindspore import mint, nn


class Small(nn.Cell):
    def construct(self, table, states):
        exchanged = table.transpose(0, 1)
        query, key = states.transpose(-1, -2).chunk(2, dim=1)
        places = query.max(-1, keepdim=True)[1]
        hit = mint.zeros_like(query).scatter_(-1, places, 1.0)
        return exchanged, mint.matmul(query, key.transpose(1, 2)), hit
"""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Return the class as it is written, and as it is rewritten."""
    folder, found = tmp_path_factory.mktemp("small"), []
    rewritten = rewriter.rewrite(SOURCE, target="cpu")
    assert not [site for site in rewritten.sites if site.missing]
    for name, text in (("small_original", SOURCE), ("small_rewritten", rewritten.text)):
        path = folder / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append(module.Small)
    return found


def inputs(seed):
    random = np.random.default_rng(seed)
    shapes = (3, 4), (2, 5, 6)
    return [Tensor(random.standard_normal(shape).astype(np.float32)) for shape in shapes]


def arrays(found):
    return [one.asnumpy() for one in found]


def expected(table, states):
    first, second = np.split(states.asnumpy().swapaxes(1, 2), 2, 1)
    hit = first == first.max(-1, keepdims=True)
    return [table.asnumpy().T, first @ second.swapaxes(1, 2), hit.astype(np.float32)]


@pytest.mark.parametrize("is_graph", [False, True])
def test_plain_python_and_graphs_agree(kinds, is_graph):
    model = kinds[1]()
    run = mindspore.jit(model.construct, fullgraph=True) if is_graph else model
    for seed in (1, 2):
        given = inputs(seed)
        for found, wanted in zip(arrays(run(*given)), expected(*given), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_why_two_axes_are_not_left():
    """The reason for the pass: when this fails, STRICT exchanges the axes by itself."""

    def exchange(table):
        return table.transpose(0, 1)

    (table, _) = inputs(1)
    assert exchange(table).shape == (4, 3)
    assert mindspore.jit(exchange, fullgraph=True)(table).shape == (3, 4)
