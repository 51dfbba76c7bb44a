"""Deeper by layers that change nothing: exact, and able to learn."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter import Safety
from rewriter.weights import (
    Axis,
    Choices,
    Grows,
    ModelView,
    Plan,
    Recipe,
    Relations,
    Slot,
    WeightExample,
    WeightPass,
    constant,
    indices,
)

from .depth import copied, spread
from .examples import TINY_BERT, TINY_GPT2

SILENT = ("attention.output.dense.", "output.dense.", "attn.c_proj.", "mlp.c_proj.")
"""The linear layers at the end of each block: with zeros there, a block adds nothing."""
EPSILON = "layer_norm_eps"
SLACK_PER_EPSILON = 100.0
"""Relative error of BERT's identity layers in multiples of the norms' epsilon, for a variance of 0.01 before a norm."""
LARGEST_SLACK = 1e-6


class Identity(WeightPass):
    """Deeper by layers that change nothing: what their blocks add is 0, and computes the same.

    The new layers stand behind the layer that the rest of their weights is copied from. In BERT a block ends in a layer
    norm, so gamma and beta of the layer before move into the last norm of the new one, and the norms between become 1
    and 0. A norm of what is normalised changes nothing but for its epsilon.
    """

    name = "identity"
    grows = Grows.DEPTH
    safety = Safety.ROUNDING
    examples = (
        WeightExample(
            "GPT-2: the output projections of new layers are 0",
            TINY_GPT2,
            {"n_layer": 4},
            elements={
                "h.1.attn.c_proj.weight[1, 2]": "0",
                "h.1.attn.c_attn.weight[1, 2]": "h.0.attn.c_attn.weight[1, 2]",
                "h.2.attn.c_proj.weight[1, 2]": "h.1.attn.c_proj.weight[1, 2]",
            },
        ),
        WeightExample(
            "BERT: gamma and beta move behind the new layer",
            TINY_BERT,
            {"num_hidden_layers": 3},
            elements={
                "encoder.layer.0.output.LayerNorm.weight[4]": "1",
                "encoder.layer.1.attention.output.LayerNorm.bias[4]": "0",
                "encoder.layer.1.output.LayerNorm.weight[4]": "encoder.layer.0.output.LayerNorm.weight[4]",
            },
        ),
        WeightExample(
            "BERT with a large epsilon is only close",
            {**TINY_BERT, EPSILON: 1e-5},
            {"num_hidden_layers": 3},
            exact=False,
            reason="epsilon",
        ),
    )

    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Put silent layers between those of the source."""
        origin = spread(source.sizes.layers, target.sizes.layers)
        recipes = {key: _recipe(source, slot, origin) for key, slot in target.slots.items()}
        grows = len(origin) > source.sizes.layers
        epsilon = float(source.config.get(EPSILON, 1e-12)) if source.family == "bert" and grows else 0.0
        slack = SLACK_PER_EPSILON * epsilon
        why = f"the norms of identity layers add their epsilon of {epsilon:g} once more each"
        return Plan(
            self.name,
            source,
            target,
            recipes,
            _outputs(source, origin),
            (why,) if slack > LARGEST_SLACK else (),
            slack,
            maps={"layers": indices(origin)},
            seed=choices.seed,
        )


def _recipe(source: ModelView, slot: Slot, origin: Sequence[int]) -> Recipe:
    """Return a tensor's recipe: a constant where the layer has to be silent, a copy elsewhere."""
    if slot.layer is None or slot.is_buffer:
        return copied(source, slot, origin)
    dtype = source.dtypes[slot.in_layer(origin[slot.layer])]
    is_new = slot.layer > 0 and origin[slot.layer - 1] == origin[slot.layer]
    is_last = slot.layer + 1 == len(origin) or origin[slot.layer + 1] != origin[slot.layer]
    if is_new and slot.part.startswith(SILENT):
        return constant(slot, dtype, 0.0)
    first = slot.part.startswith("attention.output.LayerNorm.") and is_new
    last = slot.part.startswith("output.LayerNorm.") and not is_last
    if first or last:
        return constant(slot, dtype, 1.0 if slot.part.endswith(".weight") else 0.0)
    return copied(source, slot, origin)


def _outputs(source: ModelView, origin: Sequence[int]) -> Relations:
    """Return which layers and hidden states of the source the target has."""
    units = Axis.whole(source.sizes.hidden)
    layers = [None if n and origin[n - 1] == layer else layer for n, layer in enumerate(origin)]
    return Relations(
        units,
        units,
        units,
        Axis.whole(source.sizes.heads).index,
        Axis.whole(source.sizes.head).index,
        tuple(layers),
        (0, *(_state(source, origin, n) for n in range(len(origin)))),
    )


def _state(source: ModelView, origin: Sequence[int], layer: int) -> int | None:
    """Return the entry of the source's hidden states that a target layer gives, if any does.

    BERT's state is complete behind the last of the layers made of one; GPT-2's behind any of them, but the last entry
    of its hidden states has gone through one more norm.
    """
    is_end = layer + 1 == len(origin)
    if source.family == "bert":
        return origin[layer] + 1 if is_end or origin[layer + 1] != origin[layer] else None
    return origin[layer] + 1 if is_end or origin[layer] + 1 < source.sizes.layers else None
