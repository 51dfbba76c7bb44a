"""Every element is its source times the factor that its recipe tells, rounded: for all dtypes, by every way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter.weights import FILL, MEAN, Axis, Piece, Recipe
from rewriter.weights.dtypes import numpy_dtype
from rewriter.weights.execute import tensor
from rewriter.weights.explain import value

DTYPES = ("float64", "float32", "float16", "bfloat16")


def by_element(recipe, read):
    """The slow way: one element after the other, by the rule in the docstring of `recipe`."""
    found = np.empty(recipe.shape, numpy_dtype(recipe.dtype))
    for place in np.ndindex(*recipe.shape):
        origin = recipe.origin(place)
        exact = origin.factor if origin.source is None else value(origin, read) * origin.factor
        found[place] = np.float64(exact).astype(found.dtype)
    return found


def drawn_axis(draw, size):
    units = st.integers(0, size - 1) | st.sampled_from([FILL])
    index = np.array(draw(st.lists(units, min_size=1, max_size=9)))
    scale = st.sampled_from([1.0, 0.5, 1 / 3, 2**0.5])
    return Axis(index, np.array([draw(scale) for _ in index]) if draw(st.booleans()) else None)


@st.composite
def recipes(draw):
    axes = tuple(drawn_axis(draw, size) for size in (4, 5))
    dtype = draw(st.sampled_from(DTYPES))
    factor = draw(st.sampled_from([1.0, 0.25, 1 / 3]))
    fill = draw(st.sampled_from([0.0, 1.0]))
    shape = tuple(map(len, axes))
    along = draw(st.sampled_from([0, 1]))
    own = np.array([draw(st.booleans()) for _ in range(shape[along])])
    pieces = tuple(
        Piece(name, tuple(axis.at(at) if n == along else axis for n, axis in enumerate(axes)), factor, fill, at)
        for name, at in (("a", np.flatnonzero(own)), ("b", np.flatnonzero(~own)))
        if len(at)
    )
    return Recipe(shape, dtype, pieces, along)


@given(recipes())
@settings(max_examples=150, deadline=None)
def test_all_at_once_is_element_by_element(recipe):
    drawn = np.random.default_rng(0)
    source = {name: drawn.standard_normal((4, 5)).astype(numpy_dtype(recipe.dtype)) for name in "ab"}
    found = tensor(recipe, source.__getitem__)
    assert found.dtype == numpy_dtype(recipe.dtype)
    assert found.tobytes() == by_element(recipe, source.__getitem__).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [None, 0.5, 1 / 3])
def test_units_in_any_order(dtype, scale):
    """Too many stretches to copy one by one: units are gathered, in chunks."""
    index = np.random.default_rng(1).permutation(700)
    axis = Axis(index, None if scale is None else np.full(700, scale))
    recipe = Recipe((700, 3), dtype, (Piece("a", (axis, Axis.whole(3)), 0.1),))
    source = np.random.default_rng(2).standard_normal((700, 3)).astype(numpy_dtype(dtype))
    wanted = (source.astype(np.float64) * (0.1 * (1.0 if scale is None else scale))).astype(source.dtype)[index]
    assert tensor(recipe, {"a": source}.__getitem__).tobytes() == wanted.tobytes()
    both = Recipe((3, 700), dtype, (Piece("a", (Axis.whole(3), axis), 0.1),))
    across = tensor(both, {"a": np.ascontiguousarray(source.T)}.__getitem__)
    assert across.tobytes() == np.ascontiguousarray(wanted.T).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("many", [False, True])
def test_means_and_constants(many, dtype):
    """Means are taken in float64, in stretches and in chunks, along rows and columns."""
    units = np.concatenate([np.arange(500)[::-1] if many else np.arange(500), [MEAN, FILL, MEAN]])
    source = np.random.default_rng(3).standard_normal((2, 500)).astype(numpy_dtype(dtype))
    wide = source.astype(np.float64)
    recipe = Recipe((2, 503), dtype, (Piece("a", (Axis.whole(2), Axis(units)), 3.0, 7.0),))
    across = Recipe((503, 2), dtype, (Piece("b", (Axis(units), Axis.whole(2)), 3.0, 7.0),))
    for found in (tensor(recipe, {"a": source}.__getitem__), tensor(across, {"b": source.T.copy()}.__getitem__).T):
        assert np.allclose(found[:, 500].astype(np.float64), wide.mean(axis=1) * 3, rtol=1e-2, atol=1e-3)
        exact = (wide.mean(axis=1) * 3).astype(source.dtype)
        assert dtype == "float64" or found[:, 500].tobytes() == found[:, 502].tobytes() == exact.tobytes()
        assert found[:, 501].tolist() == [7, 7]
        assert found[:, :500].tobytes() == (wide[:, units[:500]] * 3).astype(source.dtype).tobytes()


def test_many_means_of_columns():
    """More rows than are made at a time, all of them the mean of the source's, by a factor that rounds."""
    source = np.random.default_rng(4).standard_normal((3, 500)).astype(np.float32)
    recipe = Recipe((400, 500), "float32", (Piece("a", (Axis(np.full(400, MEAN)), Axis.whole(500)), 1 / 3),))
    wanted = (source.mean(axis=0, dtype=np.float64) * (1 / 3)).astype(np.float32)
    found = tensor(recipe, {"a": source}.__getitem__)
    assert found.tobytes() == np.tile(wanted, (400, 1)).tobytes()


def test_whole_numbers_and_scalars_are_copied():
    for value_ in (np.arange(6).reshape(1, 1, 2, 3), np.float32(-1e4).reshape(())):
        axes = tuple(map(Axis.whole, value_.shape))
        recipe = Recipe(value_.shape, value_.dtype.name, (Piece("a", axes),))
        found = tensor(recipe, {"a": value_}.__getitem__)
        assert found.dtype == value_.dtype and found.tolist() == value_.tolist()


def test_no_such_element():
    recipe = Recipe((2, 2), "float32", (Piece("a", (Axis.whole(2), Axis.whole(2))),))
    for place in ((2, 0), (0,), (0, -1)):
        with pytest.raises(IndexError, match="no element"):
            recipe.origin(place)
