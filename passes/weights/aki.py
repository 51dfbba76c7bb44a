"""Wider by the next layer's units (advanced knowledge initialisation of bert2BERT)."""

from __future__ import annotations

from rewriter import Safety
from rewriter.weights import (
    Choices,
    Maps,
    ModelView,
    Plan,
    Recipe,
    Slot,
    WeightExample,
    WeightPass,
    copied_axes,
    copied_outputs,
    copy,
    made_of,
    mixed,
)

from .examples import TINY_BERT
from .fpi import reasons


class Aki(WeightPass):
    """Wider by units of the next layer in the place of copies; starts elsewhere than its source, and learns faster.

    On each output axis of a linear layer the first units are the layer's own, and further ones come from the layer
    after it, at the unit that `fpi` would copy. Input axes are those of `fpi`, and so is all of the last layer.
    """

    name = "aki"
    safety = Safety.APPROXIMATE
    examples = (
        WeightExample(
            "further units come from the next layer",
            TINY_BERT,
            {"hidden_size": 16, "num_attention_heads": 4},
            exact=False,
            elements={
                "encoder.layer.0.output.dense.weight[1, 3]": "encoder.layer.0.output.dense.weight[1, 3]",
                "encoder.layer.0.output.dense.weight[9, 3]": "encoder.layer.1.output.dense.weight[1, 3]",
                "encoder.layer.1.output.dense.weight[9, 3]": "encoder.layer.1.output.dense.weight[1, 3]",
            },
            reason="another layer's",
        ),
        WeightExample(
            "one layer has no next one",
            {**TINY_BERT, "num_hidden_layers": 1},
            {"hidden_size": 16},
        ),
    )

    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Take the units beyond the source's from the next layer."""
        maps = Maps.between(source.sizes, target.sizes, choices)
        recipes = {key: _recipe(source, slot, maps) for key, slot in target.slots.items()}
        foreign = any(len(recipe.sources) > 1 for recipe in recipes.values())
        why = ("units that copies would repeat compute another layer's function",) if foreign else ()
        return Plan(
            self.name,
            source,
            target,
            recipes,
            copied_outputs(source, maps),
            (*reasons(source, target), *why),
            maps=maps.indices(),
            shares=maps.shares(),
            seed=choices.seed,
        )


def _recipe(source: ModelView, slot: Slot, maps: Maps) -> Recipe:
    if slot.is_buffer:
        return copy(source, slot)
    made = copied_axes(slot, source, maps)
    if slot.layer is None or slot.is_norm or slot.layer + 1 == source.sizes.layers:
        return made_of(source, slot, made)
    along = next(number for number, dim in enumerate(slot.dims) if not dim.reads)
    return mixed(source, slot, made, maps.own(slot.dims[along]), along, slot.in_layer(slot.layer + 1))
