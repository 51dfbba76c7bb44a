"""`rewriter.equivalence.bisection`: delta debugging, on faults that are made up."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter.equivalence.bisection import culprits, smallest


@pytest.mark.parametrize("guilty", [{0}, {7}, {3, 4}, {0, 7}, {1, 3, 6}, set(range(8))])
def test_the_smallest_part_that_fails(guilty):
    assert set(smallest(range(8), lambda some: guilty <= set(some))) == guilty


def test_one_of_several_causes_is_enough():
    assert smallest(range(9), lambda some: 2 in some or 7 in some) in ([2], [7])


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(st.integers(1, 12), st.sets(st.sets(st.integers(0, 11), min_size=1, max_size=3).map(frozenset), max_size=3))
def test_what_is_found_is_minimal_by_one(size, causes):
    causes = [cause for cause in causes if cause <= set(range(size))] or [frozenset({size - 1})]

    def fails(some):
        return any(cause <= set(some) for cause in causes)

    found = smallest(range(size), fails)
    assert fails(found)
    assert not any(fails([other for other in found if other != item]) for item in found)


def test_what_cannot_be_tried_is_no_failure():
    """Half of a pair raises another error; only the pair shows the fault."""

    def fails(some):
        if {1, 2} <= set(some):
            return True
        return None if {1, 2} & set(some) else False

    assert smallest(range(6), fails) == [1, 2]


def test_it_takes_few_tries():
    tries = []
    assert smallest(range(256), lambda some: tries.append(1) or 77 in some) == [77]
    assert len(tries) < 30


def wrong(causes, pairs=()):
    """Symptoms of changes: each cause has its own; half of a pair fails in yet another way."""

    def symptoms(some):
        found = {name for name, cause in causes.items() if cause <= set(some)}
        return frozenset(found | {f"half of {pair}" for pair in pairs if len(set(pair) & set(some)) == 1})

    return symptoms


def test_every_fault_is_found():
    found = culprits(range(10), wrong({"value": {2}, "error": {5, 6}, "import": {9}}))
    assert sorted(found.groups) == [(2,), (5, 6), (9,)]
    assert found.kept == (0, 1, 3, 4, 7, 8)
    assert found.equal


def test_two_causes_of_one_symptom_are_two_groups():
    def symptoms(some):
        return frozenset({"value"} if {1, 8} & set(some) else ())

    assert sorted(culprits(range(10), symptoms).groups) == [(1,), (8,)]


def test_what_belongs_together_is_not_blamed_for_failing_apart():
    found = culprits(range(6), wrong({"value": {5}}, pairs=[(2, 3)]))  # the pair is the first to be parted
    assert found.groups == ((5,),)
    assert found.kept == (0, 1, 2, 3, 4)


def test_what_cannot_do_without_the_guilty_goes_too():
    """The pair's second half is guilty; the first alone fails as well, in its own way."""
    found = culprits(range(6), wrong({"value": {1}}, pairs=[(0, 1)]))
    assert set(itertools.chain(*found.groups)) == {0, 1}
    assert found.equal


def test_nothing_wrong():
    assert culprits(range(3), wrong({})).groups == ()


def test_additions_are_always_made():
    seen = []

    def symptoms(some):
        seen.append(list(some))
        return frozenset({"value"} if 3 in some else ())

    found = culprits(range(6), symptoms, harmless=lambda item: item < 2)
    assert found.groups == ((3,),)
    assert all({0, 1} <= set(some) for some in seen)


def test_additions_that_do_harm_are_searched_too():
    found = culprits(range(6), wrong({"import": {1}, "value": {4}}), harmless=lambda item: item < 3)
    assert sorted(found.groups) == [(1,), (4,)]
    assert culprits(range(3), wrong({"import": {1}}), harmless=lambda item: True).groups == ((1,),)


def test_an_original_that_fails_by_itself():
    found = culprits(range(2), lambda some: frozenset({"value"}))
    assert not found.equal
    assert found.kept == ()
