"""The axes: masks, the pairwise cover, ids, and choosing cases by id."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter.equivalence.cases import MASKS, Case, attention_mask, pairwise, random_for, select, square_mask
from rewriter.errors import RewriterError

AXES = st.dictionaries(
    st.sampled_from("abcdef"), st.integers(1, 5).map(lambda count: tuple(range(count))), min_size=1, max_size=5
)


@given(AXES)
@settings(max_examples=60, deadline=None)
def test_pairwise_covers_every_pair_with_few_points(axes):
    points = pairwise(axes)
    assert points == pairwise(axes)
    for one, other in itertools.combinations(axes, 2):
        wanted = set(itertools.product(axes[one], axes[other]))
        assert {(point[one], point[other]) for point in points} == wanted
    assert all(set(point) == set(axes) for point in points)
    everything = int(np.prod([len(values) for values in axes.values()]))
    two_longest = sorted((len(values) for values in axes.values()), reverse=True)[:2]
    assert len(points) <= min(everything, 2 * int(np.prod(two_longest)) + 3)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("length", [1, 2, 5, 16])
@pytest.mark.parametrize("kind", MASKS)
def test_masks_have_the_shape_and_are_what_they_are_called(kind, batch, length):
    mask = attention_mask(kind, batch, length, np.random.default_rng(0))
    if kind == "none":
        assert mask is None
        return
    assert mask is not None
    assert (mask.shape, mask.dtype) == ((batch, length), np.int64)
    assert set(np.unique(mask)) <= {0, 1}
    rows = [row.tolist() for row in mask]
    if kind == "ones":
        assert mask.all()
    elif kind == "right-padded":
        assert all(row == sorted(row, reverse=True) and row[0] for row in rows)
    elif kind == "left-padded":
        assert all(row == sorted(row) and row[-1] for row in rows)
    elif kind == "holed":
        assert all(row[0] and row[-1] for row in rows)
    elif kind == "first-masked":
        assert not mask[:, 0].any()
        assert mask[:, 1:].all()
    elif kind == "row-masked":
        assert not mask[-1].any()
        assert mask[:-1].all()
    if length >= 5 and kind in ("right-padded", "left-padded", "holed"):
        assert all(0 in row for row in rows)


def test_the_kinds_of_masks_differ_from_each_other():
    masks = [attention_mask(kind, 3, 5, np.random.default_rng(0)) for kind in MASKS if kind != "none"]
    assert len({mask.tobytes() for mask in masks if mask is not None}) == len(masks)


def test_a_square_mask_leaves_no_position_without_anything_to_attend_to():
    mask = square_mask(3, 4, 7, np.random.default_rng(0))
    assert mask.shape == (3, 4, 7)
    assert mask.any(axis=-1).all()
    assert not mask.all()


def test_inputs_depend_on_the_id_and_the_seed_only():
    draw = [random_for(name, seed).random() for name, seed in (("a", 0), ("a", 0), ("b", 0), ("a", 1))]
    assert draw[0] == draw[1]
    assert len(set(draw)) == 3


def test_cases_are_chosen_by_id_or_pattern_in_their_own_order():
    cases = [Case(f"Model/{name}", "Model") for name in ("x", "y", "z=1")]
    assert [case.id for case in select(cases, ["Model/z=1", "Model/x"])] == ["Model/x", "Model/z=1"]
    assert len(select(cases, ["Model/*"])) == 3
    with pytest.raises(RewriterError, match="no case Model/w"):
        select(cases, ["Model/x", "Model/w"])
