"""The order of passes follows from their names and constraints, and from nothing else."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter import Pass
from rewriter.errors import PassOrderError
from rewriter.ordering import ordered


def make(name, **constraints):
    kind = type(name, (Pass,), {"name": name, "rewrite": lambda self, context: context.tree, **constraints})
    return kind()


def order(*passes):
    return [item.name for item in ordered(passes)]


def test_ties_go_by_name_whatever_the_order_of_registration():
    passes = [make("c"), make("a"), make("b")]
    assert {tuple(order(*some)) for some in itertools.permutations(passes)} == {("a", "b", "c")}


def test_after_before_and_requires():
    assert order(make("a", after=("z",)), make("z")) == ["z", "a"]
    assert order(make("z", before=("a",)), make("a")) == ["z", "a"]
    assert order(make("a", requires=("z",)), make("z")) == ["z", "a"]


def test_names_of_passes_that_are_not_there_do_not_matter():
    assert order(make("b", after=("x",), before=("y",)), make("a")) == ["a", "b"]


def test_a_required_pass_that_is_missing_is_named():
    with pytest.raises(PassOrderError, match="'a' requires 'z'") as error:
        order(make("a", requires=("z",)))
    assert "--passes" in error.value.hint


def test_two_passes_of_one_name():
    with pytest.raises(PassOrderError, match="two passes are called 'a'"):
        order(make("a"), make("a"))


def test_a_cycle_is_named_in_running_order():
    passes = [make("a", after=("c",)), make("b", after=("a",)), make("c", after=("b",)), make("d")]
    with pytest.raises(PassOrderError) as error:
        order(*passes)
    names = error.value.message.rpartition(": ")[2].split(" → ")
    assert names[0] == names[-1]
    assert set(names) == {"a", "b", "c"}
    follows = {("a", "b"), ("b", "c"), ("c", "a")}
    assert set(itertools.pairwise(names)) == follows


def test_a_pass_after_itself_is_a_cycle():
    with pytest.raises(PassOrderError, match="cycle"):
        order(make("a", after=("a",)))


def test_before_and_after_that_contradict():
    with pytest.raises(PassOrderError, match="cycle"):
        order(make("a", before=("b",), after=("b",)), make("b"))


@settings(derandomize=True, database=None, max_examples=100, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))), st.randoms(use_true_random=False))
def test_every_constraint_holds_or_a_cycle_is_reported(edges, random):
    """Edges always go from the smaller to the larger number, so there is no cycle; `before` and `after` are mixed."""
    edges = {(min(e), max(e)) for e in edges if e[0] != e[1]}
    # Numbers are named backwards, so that the alphabet always disagrees with the constraints.
    name = {number: "fedcba"[number] for number in range(6)}
    passes = [
        make(
            name[n],
            after=tuple(name[a] for a, b in edges if b == n and (a + b) % 2),
            before=tuple(name[b] for a, b in edges if a == n and not (a + b) % 2),
        )
        for n in range(6)
    ]
    first = order(*passes)
    for a, b in edges:
        assert first.index(name[a]) < first.index(name[b])
    random.shuffle(passes)
    assert order(*passes) == first


def test_the_built_in_passes_can_be_ordered(builtin_passes):
    names = order(*builtin_passes)
    assert names == order(*reversed(builtin_passes))
    assert names.index("flatten") < names.index("module-loops") < names.index("jit")
