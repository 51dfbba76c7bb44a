"""Products with a transposed matrix: which are taken, and that they give what was written."""

import itertools

import mindspore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_pairs import close, imported
from mindspore import Tensor, mint, ops

from rewriter import Outcome

HEAD = """\
from mindspore import mint, nn, ops


class Attention(nn.Cell):
    def construct(self, q, k, n=2):
        return {}
"""


@pytest.fixture
def products(rewrite):
    """Run the pass alone on an expression; return what it becomes, and the reasons of what was left."""

    def run(expression, device="cpu"):
        result = rewrite(HEAD.format(expression), "products", device=device)
        assert not result.failures
        assert rewrite(result.text, "products", device=device).text == result.text
        new = result.text.rpartition("        return ")[2].strip()
        return new, [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED]

    return run


REWRITTEN = {
    "ops.matmul(q, k.swapaxes(-1, -2))": "_times_transposed(ops.matmul, q, k, -1, -2)",
    "ops.matmul(q, k.swapaxes(-2, -1)) / 8.0": "_times_transposed(ops.matmul, q, k, -2, -1) / 8.0",
    "ops.bmm(q, k.swapaxes(1, 2))": "_times_transposed(ops.bmm, q, k, 1, 2)",
    "ops.matmul(q, k.transpose(-1, -2))": "_times_transposed(ops.matmul, q, k, -1, -2)",
    "ops.matmul(q, k.transpose(1, 2))": "_times_transposed(ops.matmul, q, k, 1, 2)",
    "ops.matmul(q, ops.swapaxes(k, 2, 3))": "_times_transposed(ops.matmul, q, k, 2, 3)",
    "mint.matmul(q, mint.transpose(k, -2, -1))": "_times_transposed(mint.matmul, q, k, -2, -1)",
    "(mint.bmm(q + 1, mint.transpose(k[0], 1, 2)))": "(_times_transposed(mint.bmm, q + 1, k[0], 1, 2))",
    "ops.matmul(ops.matmul(q, k.swapaxes(1, 2)), q.swapaxes(1, 2))": (
        "_times_transposed(ops.matmul, _times_transposed(ops.matmul, q, k, 1, 2), q, 1, 2)"
    ),
}


@pytest.mark.parametrize("expression", REWRITTEN)
@pytest.mark.parametrize("device", ["cpu", "portable"])
def test_rewritten(expression, device, products):
    assert products(expression, device) == (REWRITTEN[expression], [])


AXES, NAMED = "the axes are not two numbers", "its arguments are not given by position"
COUNT = "whether it swaps two axes depends on how many there are"
LEFT = {
    "ops.matmul(q, k.swapaxes(-1, n))": AXES,
    "ops.matmul(q, k.transpose(0, 2, 1))": AXES,
    "ops.matmul(q, k.swapaxes(*n))": NAMED,
    "ops.matmul(q, ops.swapaxes(k, axis0=1, axis1=2))": NAMED,
    "ops.bmm(input_x=q, mat2=k.swapaxes(1, 2))": NAMED,
    "ops.matmul(q, k.transpose(-2, -1))": COUNT,
    "ops.matmul(q, k.transpose(0, 1))": COUNT,
    "ops.matmul(\n            q,  # scores\n            k.swapaxes(1, 2),\n        )": "a comment stands in it",
}


@pytest.mark.parametrize("expression", LEFT)
def test_left_alone_and_said_why(expression, products):
    assert products(expression) == (expression, [LEFT[expression]])


@pytest.mark.parametrize(
    "expression", ["ops.matmul(q, k)", "ops.matmul(q.swapaxes(1, 2), k)", "n(q, k.swapaxes(1, 2))"]
)
def test_no_site_at_all(expression, products):
    assert products(expression) == (expression, [])


@pytest.mark.parametrize("device", ["gpu", "ascend"])
def test_other_devices(device, products):
    expression = "ops.matmul(q, k.swapaxes(-1, -2))"
    assert products(expression, device) == (expression, [f"what it would become was not measured for {device}"])


def test_a_name_that_is_taken(rewrite):
    text = HEAD.format("ops.bmm(q, k.swapaxes(1, 2))").replace("\n\nclass", "\n\n_times_transposed = 1\n\n\nclass", 1)
    new = rewrite(text, "products").text
    assert "return _times_transposed_2(ops.bmm, q, k, 1, 2)" in new
    assert rewrite(new, "products").text == new


def test_every_pass_leaves_it_as_it_is(rewrite):
    for device in ("cpu", "portable"):
        alone = rewrite(HEAD.format("ops.matmul(q, k.swapaxes(-1, -2))"), "products", device=device).text
        assert rewrite(alone, device=device).text == alone


class TestRealFiles:
    SITES = {"bert": 1, "clip": 1}

    def test_the_scores_and_nothing_else(self, real_file, rewrite):
        result = rewrite(real_file.read_bytes(), "products")
        assert sum(site.outcome is Outcome.REWRITTEN for site in result.sites) == self.SITES[real_file.parent.name]
        assert [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED] == []
        assert rewrite(result.data, "products").data == result.data


def random(*shape):
    return Tensor(np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32))


class TestTheHelper:
    """Against the product with a transposed matrix as it was written."""

    @pytest.fixture(scope="class")
    def times(self, rewrite, tmp_path_factory):
        text = rewrite(HEAD.format("ops.matmul(q, k.swapaxes(-1, -2))"), "products", device="cpu").text
        return imported(text, tmp_path_factory.mktemp("products") / "products_helper.py")._times_transposed

    @settings(derandomize=True, database=None, deadline=None, max_examples=60)
    @given(
        leading=st.lists(st.integers(1, 3), max_size=2),
        rows=st.integers(1, 5),
        columns=st.integers(1, 5),
        inner=st.integers(1, 9),
        broadcast=st.booleans(),
        product=st.sampled_from([ops.matmul, mint.matmul]),
    )
    def test_eager(self, times, leading, rows, columns, inner, broadcast, product):
        a = random(*leading, rows, inner)
        b = random(*([1] * len(leading) if broadcast else leading), columns, inner)
        close(times(product, a, b, -1, -2), product(a, b.swapaxes(-1, -2)))

    @pytest.mark.parametrize(("dim0", "dim1"), list(itertools.permutations((0, 1, 2, -1, -2, -3), 2)))
    def test_any_axes(self, times, dim0, dim1):
        a, b = random(3, 3, 3), random(3, 3, 3) * 2.0
        close(times(ops.matmul, a, b, dim0, dim1), ops.matmul(a, b.swapaxes(dim0, dim1)))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ((2, 3, 4, 5), (2, 3, 6, 5)),
            ((4, 5), (6, 5)),
            ((2, 4, 5), (6, 5)),
            ((2, 4, 5), (1, 6, 5)),
            ((5,), (2, 6, 5)),
        ],
        ids=str,
    )
    def test_graph(self, times, one, other):
        a, b = random(*one), random(*other)

        def graph(a, b):
            return times(ops.matmul, a, b, -1, -2)

        close(mindspore.jit(graph, fullgraph=True)(a, b), ops.matmul(a, b.swapaxes(-1, -2)))

    def test_a_graph_for_any_shape(self, times):
        def graph(a, b):
            return times(ops.matmul, a, b, -1, -2)

        compiled = mindspore.jit(graph, fullgraph=True, dynamic=1)
        for one, other in (
            ((1, 4, 5), (1, 6, 5)),
            ((2, 4, 5), (2, 6, 5)),
            ((3, 4, 5), (3, 7, 5)),
            ((3, 2, 5), (3, 7, 5)),
        ):
            a, b = random(*one), random(*other)
            close(compiled(a, b), ops.matmul(a, b.swapaxes(-1, -2)))

    @pytest.mark.parametrize("leading", [(2, 3), (1, 3)])
    def test_gradients(self, times, leading):
        a, b = random(2, 3, 4, 5), random(*leading, 6, 5)

        def written(a, b):
            return ops.sin(ops.matmul(a, b.swapaxes(-1, -2))).sum()

        def rewritten(a, b):
            return ops.sin(times(ops.matmul, a, b, -1, -2)).sum()

        wanted = mindspore.grad(written, (0, 1))(a, b)
        for function in (rewritten, mindspore.jit(rewritten, fullgraph=True)):
            for one, other in zip(mindspore.grad(function, (0, 1))(a, b), wanted, strict=True):
                close(one, other)

    @pytest.mark.parametrize("dtype", [mindspore.float16, mindspore.float64, mindspore.int32])
    def test_another_dtype_is_multiplied_as_written(self, times, dtype):
        a, b = (random(2, 4, 5) * 3.0).astype(dtype), (random(2, 6, 5) * 3.0).astype(dtype)
        ours, theirs = times(ops.matmul, a, b, 1, 2), ops.matmul(a, b.swapaxes(1, 2))
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours.asnumpy(), theirs.asnumpy())

    def test_the_error_of_bmm(self, times):
        """`bmm` takes equal leading axes only, and goes on refusing others."""
        with pytest.raises(ValueError):
            times(ops.bmm, random(2, 4, 5), random(3, 6, 5), 1, 2).asnumpy()
