"""Stand-ins answer as PyTorch does, call by call, and leave alone what has a kernel. PyTorch itself is not needed."""

from __future__ import annotations

from itertools import groupby

import mindspore
import numpy as np
import pytest
from mindspore import Tensor, mint, nn
from stand_in_cases import Case, arguments_of, function_of, gradient_problem, load, problem, tensors

import rewriter
from rewriter.runtime.stand_ins import patching
from rewriter.runtime.stand_ins.kernels import settle

CASES = {name: list(group) for name, group in groupby(sorted(load(), key=lambda one: one.name), lambda one: one.name)}

DRAWN = ("randn", "rand", "randn_like", "rand_like", "randint", "randperm", "normal", "multinomial", "bernoulli")
"""What no stored answer can be compared with; `TestDrawing` looks at how it is distributed."""

NOT_IN_GRAPHS = {"mint.sort", "mint.argsort", "mint.median", "mint.unique", "mint.bincount"}
"""What NumPy computes."""


@pytest.fixture(scope="module")
def standing_in():
    with rewriter.stand_ins() as names:
        yield names
    settle()


def without(name: str) -> str:
    """Return a name as the fixture has it: under `mindspore`, and a layer in the place of its method."""
    return name.removeprefix("mindspore.").removesuffix(".construct")


@pytest.mark.parametrize("name", CASES)
def test_answers_are_pytorch_s(name, standing_in):
    """Negative axes, empty tensors, whole numbers, float16, broadcasting: values, shapes and types."""
    found = [problem(case) for case in CASES[name]]
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if any(case.gradients for case in CASES[name])])
def test_gradients_are_pytorch_s(name, standing_in):
    found = [gradient_problem(case) for case in CASES[name] if case.gradients]
    assert not any(found), "\n".join(filter(None, found))


def test_every_stand_in_is_compared():
    compared = {*CASES, *(f"mint.{name}" for name in DRAWN), "mint.nn.functional.dropout", "ops.einsum"}
    compared |= {"Tensor.normal_", "Tensor.uniform_", "Tensor.set_data"}
    assert {without(name) for name in patching.all_stand_ins()} - compared == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("Tensor.")])
def test_graphs_answer_alike(name, standing_in):
    """Compiled under STRICT. Methods of tensors are looked up elsewhere there, and are not stood in for."""
    case = next(one for one in CASES[name] if all(np.size(array) for array in arrays(one)))
    found = problem(case, lambda function: mindspore.jit(function, fullgraph=True))
    if name in NOT_IN_GRAPHS:
        assert "asnumpy" in found
        settle()
    else:
        assert found == ""


def arrays(case: Case) -> list[np.ndarray]:
    args, kwargs = arguments_of(case)
    return [one for one in (*args, *kwargs.values()) if isinstance(one, np.ndarray)]


class TestInPlace:
    def test_a_view_writes_into_what_it_is_a_view_of(self, standing_in):
        w = mindspore.Parameter(Tensor(np.ones((3, 2), np.float32)), name="w")
        w[1].zero_()
        assert w.asnumpy().tolist() == [[1, 1], [0, 0], [1, 1]]
        w[:, 1].fill_(4)
        assert w.asnumpy().tolist() == [[1, 4], [0, 4], [1, 4]]
        w[2].masked_fill_(w[2] > 2, -1)
        assert w.asnumpy().tolist() == [[1, 4], [0, 4], [1, -1]]

    def test_what_data_gives_sets_the_parameter(self, standing_in):
        """As mindone's `zeros_(module.bias.data)` counts on; values that are still to be drawn are drawn."""
        w = mindspore.Parameter(Tensor(np.ones((3, 2), np.float32)), name="w")
        w.data.set_data(mindspore.common.initializer.initializer("zeros", (3, 2), mindspore.float16))
        assert w.dtype == mindspore.float32
        assert not w.asnumpy().any()
        w.data.fill_(4)
        assert w.asnumpy().tolist() == [[4, 4]] * 3

    def test_functions_that_may_write_into_their_input(self, standing_in):
        for function in (mint.nn.functional.relu6, mint.nn.functional.hardtanh):
            x = Tensor(np.array([-9, 0.5, 9], np.float32))
            assert function(x, inplace=True) is x
            assert x.asnumpy().tolist() == function(Tensor(np.array([-9, 0.5, 9], np.float32))).asnumpy().tolist()
        x = Tensor(np.ones(9, np.float32))
        assert mint.nn.functional.dropout(x, 1.0, inplace=True) is x
        assert not x.asnumpy().any()


class TestLayers:
    def test_the_row_of_the_padding_is_not_trained(self, standing_in):
        layer = mint.nn.Embedding(4, 2, padding_idx=-1)
        ids = Tensor([[0, 3, 3]])
        found = mindspore.value_and_grad(lambda: layer(ids).sum(), None, layer.trainable_params())()[1][0].asnumpy()
        assert found.tolist() == [[1, 1], [0, 0], [0, 0], [0, 0]]

    def test_long_rows_are_shortened_in_place(self, standing_in):
        weight = mindspore.Parameter(Tensor(np.array([[3, 4], [6, 8], [0.3, 0.4]], np.float32)), name="weight")
        found = mint.nn.functional.embedding(Tensor([0, 2]), weight, max_norm=1.0).asnumpy()
        np.testing.assert_allclose(found, [[0.6, 0.8], [0.3, 0.4]], atol=1e-5)
        np.testing.assert_allclose(weight.asnumpy(), [[0.6, 0.8], [6, 8], [0.3, 0.4]], atol=1e-5)

    def test_training_moves_the_running_values(self, standing_in):
        layer = mint.nn.BatchNorm1d(2).set_train()
        layer(Tensor(np.array([[1, 10], [3, 30]], np.float32)))
        np.testing.assert_allclose(layer.running_mean.asnumpy(), [0.2, 2.0], rtol=1e-5)
        np.testing.assert_allclose(layer.running_var.asnumpy(), [0.9 + 0.2, 0.9 + 20], rtol=1e-5)


class TestDrawing:
    @pytest.fixture(autouse=True)
    def seeded(self, standing_in):
        mindspore.set_seed(11)

    @pytest.mark.parametrize("make", [lambda: mint.nn.Dropout(0.25).set_train(), lambda: mint.nn.functional.dropout])
    @pytest.mark.parametrize("kind", [np.float32, np.float16])
    def test_dropout(self, make, kind):
        layer, x = make(), Tensor(np.ones(20_000, kind))
        dropped = layer(x).asnumpy() if isinstance(layer, nn.Cell) else layer(x, 0.25).asnumpy()
        assert dropped.dtype == kind
        assert set(np.unique(dropped)) == {kind(0), kind(1) / kind(0.75)}
        assert abs((dropped == 0).mean() - 0.25) < 0.02

    def test_dropout_of_nothing_and_of_all(self):
        x = Tensor(np.ones(50, np.float32))
        dropout = mint.nn.functional.dropout
        assert dropout(x, 0.5, training=False) is x
        assert dropout(x, 0.0).asnumpy().tolist() == [1] * 50
        assert dropout(x, 1.0).asnumpy().tolist() == [0] * 50
        assert (dropout(x, 0.5).asnumpy() != dropout(x, 0.5).asnumpy()).any()
        assert dropout(Tensor(np.ones((0, 3), np.float32)), 0.5).shape == (0, 3)

    def test_dropout_lets_gradients_through_where_it_lets_values(self):
        def dropped(x):
            y = mint.nn.functional.dropout(x)
            return y.sum(), y

        run = mindspore.value_and_grad(dropped, 0, None, has_aux=True)
        (_, value), gradient = run(Tensor(np.ones(50, np.float32)))
        assert gradient.asnumpy().tolist() == value.asnumpy().tolist()

    def test_normal_numbers(self):
        for found in (mint.randn(100, 200), mint.randn_like(mint.zeros((100, 200))), mint.normal(0.0, 1.0, (100, 200))):
            found = found.asnumpy()
            assert (found.shape, found.dtype) == ((100, 200), np.float32)
            assert abs(found.mean()) < 0.05
            assert abs(found.std() - 1) < 0.05
        assert mint.randn((2, 0), dtype=mindspore.float16).asnumpy().dtype == np.float16

    @pytest.mark.parametrize("kind", [mindspore.float32, mindspore.float16])
    def test_even_numbers(self, kind):
        for found in (mint.rand(100, 200, dtype=kind), mint.rand_like(mint.zeros((100, 200), dtype=kind))):
            assert found.dtype == kind
            found = found.asnumpy().astype(np.float64)
            assert found.min() >= 0
            assert found.max() < 1
            assert abs(found.mean() - 0.5) < 0.02

    def test_whole_numbers(self):
        found = mint.randint(-2, 3, (1000,)).asnumpy()
        assert set(found.tolist()) == {-2, -1, 0, 1, 2}
        assert mint.randint(3, (4,), dtype=mindspore.int32).dtype == mindspore.int32
        assert sorted(mint.randperm(9).asnumpy().tolist()) == list(range(9))

    def test_choices(self):
        weights = Tensor(np.array([[0, 1, 3], [2, 0, 2]], np.float32))
        found = mint.multinomial(weights, 4000, replacement=True).asnumpy()
        assert (found.shape, found.dtype) == ((2, 4000), np.int64)
        assert abs((found[0] == 2).mean() - 0.75) < 0.03
        assert not (found[0] == 0).any()
        assert sorted(mint.multinomial(Tensor(np.array([1.0, 2, 0, 4], np.float32)), 3).asnumpy().tolist()) == [0, 1, 3]
        assert abs(mint.bernoulli(Tensor(np.full(9000, 0.3, np.float32))).asnumpy().mean() - 0.3) < 0.03

    def test_a_seed_gives_the_same_numbers(self):
        drawn = []
        for _ in range(2):
            mindspore.set_seed(4)
            drawn.append(mint.randn(3).asnumpy().tolist())
        assert drawn[0] == drawn[1]

    def test_a_generator_is_refused(self):
        with pytest.raises(NotImplementedError, match="generator"):
            mint.randn(2, generator=mindspore.Generator())
        layer, x = Tensor(np.ones(100, np.float32)), Tensor(np.zeros(100, np.float32))
        assert 0.2 < layer.uniform_().asnumpy().mean() < 0.8
        assert x.normal_(5.0, 0.1).asnumpy().min() > 4


class TestRefusals:
    """What a stand-in does not do it says; what is wrong by the documentation raises."""

    @pytest.mark.parametrize(
        ("call", "error"),
        [
            (lambda x: mint.norm(x, "nuc"), NotImplementedError),
            (lambda x: mint.linalg.norm(x, 2), NotImplementedError),
            (lambda x: mint.nn.functional.max_pool2d(x[None], 2, return_indices=True), NotImplementedError),
            (lambda x: mint.nn.functional.gelu(x, approximate="erf"), ValueError),
            (lambda x: mint.arange(0, 3, -1), ValueError),
            (lambda x: mint.einsum("ij,jk->ik", x), ValueError),
            (lambda x: mint.einsum("ijk->i", x), ValueError),
            (lambda x: mint.einsum("ij,ij->ij", x, x[:, :1].repeat(3, 1)[:, :2]), ValueError),
            (lambda x: mint.nn.functional.pad(x, (3, 0), "reflect"), ValueError),
            (lambda x: mint.nn.functional.layer_norm(x, (2,)), ValueError),
            (lambda x: mint.nn.functional.mse_loss(x, x, "most"), ValueError),
            (lambda x: mint.argmax(x[:0], 0), IndexError),
            (lambda x: x.repeat(2), ValueError),
        ],
    )
    def test_refusals(self, call, error, standing_in):
        with pytest.raises(error):
            call(Tensor(np.ones((3, 3), np.float32)))
        settle()


def test_functions_take_their_arguments_by_name(standing_in):
    """Every case is called as PyTorch is; the names of the parameters are MindSpore's."""
    x = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert mint.argmax(input=x, dim=-1, keepdim=True).shape == (2, 1)
    assert mint.nn.functional.one_hot(tensor=Tensor([0, 2]), num_classes=3).shape == (2, 3)
    assert mint.repeat_interleave(input=x, repeats=2, dim=0).shape == (4, 3)
    assert mint.linalg.vector_norm(x=x, ord=2, dim=1).shape == (2,)
    assert function_of(CASES["mint.argmax"][0]) is mint.argmax
    assert tensors(np.float32([1])).dtype == mindspore.float32
