"""Twins of the right plans that go wrong where implementations do: the checker rejects each, and keeps the right one.

Each twin claims to be exact, as the plan it was made of does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from growing import bert, gpt2, plan, proved
from rewriter_passes.weights.average import Average
from rewriter_passes.weights.fpi import Fpi
from rewriter_passes.weights.identity import Identity

from rewriter.equivalence.statistics import Status
from rewriter.weights import QUERIES
from rewriter.weights import copied_axes as axes
from rewriter.weights import copied_outputs as outputs
from rewriter.weights.maps import Map, Maps
from rewriter.weights.model import Slot
from rewriter.weights.plan import Axis, Plan, Recipe
from rewriter.weights.proof.claim import Claim
from rewriter.weights.recipes import made_of


def edited(made: Plan, wanted: Callable[[Slot], bool], edit: Callable[[Slot, Recipe], Recipe]) -> Plan:
    """Return a plan with the recipes of some tensors edited; at least one has to be."""
    chosen = [slot for slot in made.target.slots.values() if wanted(slot)]
    assert chosen
    return replace(made, recipes={**made.recipes, **{slot.key: edit(slot, made.recipes[slot.key]) for slot in chosen}})


def with_axes(recipe: Recipe, change: Callable[[int, Axis], Axis]) -> Recipe:
    """Return a recipe of one piece with its axes changed."""
    (piece,) = recipe.pieces
    return replace(recipe, pieces=(replace(piece, axes=tuple(change(n, axis) for n, axis in enumerate(piece.axes))),))


def shuffled(inner: Map, seed: int) -> Map:
    """Return the map in another order: as balanced as before."""
    order = np.random.default_rng(seed).permutation(len(inner))
    return Map(inner.index[order], inner.share[order])


def drawn(inner: Map, seed: int) -> Map:
    """Return a map whose further units are copies of units drawn at random, as the paper has it."""
    source = int(inner.index.max()) + 1
    index = inner.index.copy()
    index[source:] = np.random.default_rng(seed).integers(0, source, len(index) - source)
    return Map(index, 1.0 / np.bincount(index, minlength=source)[index])


def remade(made: Plan, maps_of: Callable[[Slot], Maps], of_outputs: Maps) -> Plan:
    """Return a plan whose tensors are made through maps of their own."""
    recipes = {
        slot.key: made_of(made.source, slot, axes(slot, made.source, maps_of(slot)))
        for slot in made.target.slots.values()
    }
    return replace(made, recipes=recipes, relations=outputs(made.source, of_outputs))


def maps_of(made: Plan) -> Maps:
    named = {
        name: Map(made.maps[name], made.shares[name]) for name in ("hidden", "heads", "head_units", "intermediate")
    }
    return Maps(made.source.sizes, **named)


def random_map(made: Plan) -> Plan:
    """One map for the whole model, with some units copied more often than others."""
    right = maps_of(made)
    wrong = replace(right, hidden=drawn(right.hidden, 1))
    return remade(made, lambda slot: wrong, wrong)


def map_per_layer(made: Plan) -> Plan:
    """A balanced map for each layer: `x + f(x)` adds units that are not the same."""
    right = maps_of(made)

    def own(slot: Slot) -> Maps:
        return right if slot.layer is None else replace(right, hidden=shuffled(right.hidden, slot.layer))

    return remade(made, own, right)


def unscaled_query(made: Plan) -> Plan:
    """Heads are larger, scores are divided by a larger root, and nothing makes up for it."""

    def plain(slot: Slot, recipe: Recipe) -> Recipe:
        keep = 1 if made.source.family == "bert" else 0  # the axis that reads
        return with_axes(
            recipe, lambda n, axis: axis if n == keep and len(slot.shape) == 2 else replace(axis, scale=None)
        )

    return edited(made, lambda slot: slot.part in QUERIES, plain)


def divided_norm(made: Plan) -> Plan:
    """The norm behind a block is divided by how often its units are copied, as the public implementation has it."""
    share = made.shares["hidden"]
    norm = ("output.LayerNorm", "ln_2")
    return edited(
        made,
        lambda slot: slot.layer is not None and slot.part.rpartition(".")[0] in norm,
        lambda slot, recipe: with_axes(recipe, lambda n, axis: axis.times(share)),
    )


def uncompensated_decoder(made: Plan) -> Plan:
    """The norm before a tied decoder is copied like all others: logits are as many times as large."""
    name = f"{made.source.tied_norm}."
    assert made.source.tied
    plain = edited(
        made,
        lambda slot: slot.part.startswith(name),
        lambda slot, recipe: with_axes(recipe, lambda n, axis: replace(axis, scale=None)),
    )
    return replace(plain, relations=replace(made.relations, last_hidden=made.relations.hidden))


def mixed_thirds(made: Plan) -> Plan:
    """Queries, keys and values are mapped as one axis, so the target's blocks hold units of each other's."""

    def mixed(slot: Slot, recipe: Recipe) -> Recipe:
        width = 3 * made.source.sizes.hidden
        return with_axes(
            recipe, lambda n, axis: Axis(np.arange(len(axis)) % width) if n == len(slot.shape) - 1 else axis
        )

    return edited(made, lambda slot: ".c_attn." in f".{slot.key}", mixed)


def shares_forgotten(made: Plan) -> Plan:
    """One linear layer sums over copies without sharing out."""
    return edited(
        made,
        lambda slot: slot.layer == 1 and slot.part in ("intermediate.dense.weight", "mlp.c_fc.weight"),
        lambda slot, recipe: with_axes(recipe, lambda n, axis: replace(axis, scale=None)),
    )


def bert_plan() -> Plan:
    return plan(bert("pooler", "mlm", "nsp"), Fpi(), hidden_size=48, num_attention_heads=4)


def gpt2_plan() -> Plan:
    return plan(gpt2(), Fpi(), n_embd=48, n_head=4)


FAMILIES = {"bert": (bert_plan, lambda: bert("pooler", "mlm", "nsp")), "gpt2": (gpt2_plan, gpt2)}
TWINS = [
    ("bert", random_map),
    ("bert", map_per_layer),
    ("bert", unscaled_query),
    ("bert", divided_norm),
    ("bert", uncompensated_decoder),
    ("bert", shares_forgotten),
    ("gpt2", random_map),
    ("gpt2", map_per_layer),
    ("gpt2", unscaled_query),
    ("gpt2", divided_norm),
    ("gpt2", uncompensated_decoder),
    ("gpt2", mixed_thirds),
    ("gpt2", shares_forgotten),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_plan_passes(family: str) -> None:
    made, small = (make() for make in FAMILIES[family])
    assert proved(small, made).ok


@pytest.mark.parametrize(("family", "twin"), TWINS, ids=lambda item: item if isinstance(item, str) else item.__name__)
def test_a_wrong_plan_is_rejected(family: str, twin: Callable[[Plan], Plan]) -> None:
    made, small = (make() for make in FAMILIES[family])
    wrong = twin(made)
    assert wrong.exact
    verdict = proved(small, wrong)
    assert verdict.status is Status.DIFFERENT and not verdict.ok
    assert max(item.drift["float64"] for item in verdict.outputs) > 1e-3  # nothing that a looser bar would let through


@pytest.mark.parametrize("twin", [unscaled_query, divided_norm, uncompensated_decoder], ids=lambda item: item.__name__)
def test_it_is_rejected_in_float32_too(twin: Callable[[Plan], Plan]) -> None:
    small = bert("pooler", "mlm", dtype="float32")
    wrong = twin(plan(small, Fpi(), hidden_size=48, num_attention_heads=4))
    assert proved(small, wrong).status is Status.DIFFERENT


def test_an_epsilon_that_nothing_makes_up_for_is_noticed() -> None:
    """Means without the factor on what writes the stream: the variance shrinks, the epsilon does not. A small error."""
    small = gpt2()
    made = plan(small, Average(), n_embd=32, n_head=4)
    assert proved(small, made).ok
    root = np.sqrt(24 / 32)

    def smaller(slot: Slot, recipe: Recipe) -> Recipe:
        return with_axes(recipe, lambda n, axis: axis.times(root) if n == len(slot.shape) - 1 else axis)

    writes = (
        "wte.weight",
        "wpe.weight",
        "attn.c_proj.weight",
        "attn.c_proj.bias",
        "mlp.c_proj.weight",
        "mlp.c_proj.bias",
    )
    wrong = edited(made, lambda slot: slot.part in writes, smaller)
    plain = replace(made.relations, hidden=made.relations.hidden.times(root))
    verdict = proved(small, replace(wrong, relations=plain))
    assert verdict.status is Status.DIFFERENT


def test_identity_layers_that_write_are_noticed() -> None:
    small = gpt2()
    made = plan(small, Fpi(), Identity(), n_layer=3)
    assert proved(small, made).ok
    zeros = [key for key, recipe in made.recipes.items() if not recipe.sources and key.endswith("mlp.c_proj.bias")]
    assert len(zeros) == 1
    wrong = edited(
        made,
        lambda slot: slot.key in zeros,
        lambda slot, recipe: replace(recipe, pieces=(replace(recipe.pieces[0], fill=1e-6),)),
    )
    assert proved(small, wrong).status is Status.DIFFERENT


@pytest.mark.parametrize("what", ["last_hidden", "hidden", "pooler", "heads", "layers", "states", "factor"])
def test_relations_that_look_away_are_noticed(what: str) -> None:
    """A relation that leaves units out would make any weights pass there; so would a factor of 0."""
    made, small = (make() for make in FAMILIES["bert"])
    relations = made.relations
    blind = {
        "heads": {"heads": np.zeros_like(relations.heads)},
        "layers": {"layers": (None,) * len(relations.layers)},
        "states": {"states": (0, *(None,) * (len(relations.states) - 2), relations.states[-1])},
        "factor": {"last_hidden": relations.last_hidden.times(0.0)},
    }.get(what, {what: Axis(np.zeros(48, np.int64))})
    verdict = proved(small, made, Claim(replace(relations, **blind)))
    assert verdict.status is Status.DIFFERENT
    assert any("leaves out" in line for line in verdict.problems)
