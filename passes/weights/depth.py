"""Which source layer each layer of a deeper model is made of, and the recipes of layers that are copies."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.weights import QUERIES, Axis, Choices, ModelView, Plan, Recipe, Relations, Slot, indices, made_of, queries


def spread(source: int, target: int) -> list[int]:
    """Return the source layer of each target layer, copies of one layer beside each other."""
    return [layer * source // target for layer in range(target)]


def repeated(source: int, target: int) -> list[int]:
    """Return the source layer of each target layer: the whole stack again and again, then what is left from its top."""
    left = target % source
    return [*list(range(source)) * (target // source), *range(source - left, source)]


def copied(source: ModelView, slot: Slot, origin: Sequence[int]) -> Recipe:
    """Return the recipe of a tensor that is copied from the layer it is made of.

    Args:
        source: The source.
        slot: The target tensor.
        origin: The source layer of each target layer.
    """
    if slot.layer is None:
        return made_of(source, slot, map(Axis.whole, slot.shape))
    before = origin[slot.layer]
    found = [Axis.whole(size) for size in slot.shape]
    moved = (slot.layer + 1) / (before + 1)  # where scores are divided by the number of the layer
    if slot.part in QUERIES and source.config.get("scale_attn_by_inverse_layer_idx") and moved != 1:
        found[-1] = found[-1].times(queries(moved, slot.dims[-1], slot.shape[-1]))
    return made_of(source, slot, found, slot.in_layer(before))


def copied_layers(name: str, source: ModelView, target: ModelView, origin: Sequence[int], choices: Choices) -> Plan:
    """Return the plan of a model all of whose layers are copies, some of them of one layer.

    Args:
        name: Of the pass.
        source: The source.
        target: The target.
        origin: The source layer of each target layer.
        choices: What the user chose.
    """
    sizes, grows = source.sizes, len(origin) > source.sizes.layers
    units = Axis.whole(sizes.hidden)
    states = [0, *([None] * (len(origin) - 1) if grows else range(1, sizes.layers)), sizes.layers]
    relations = Relations(
        units,
        units,
        units,
        Axis.whole(sizes.heads).index,
        Axis.whole(sizes.head).index,
        tuple([None] * len(origin) if grows else range(sizes.layers)),
        tuple(states),
    )
    return Plan(
        name,
        source,
        target,
        {key: copied(source, slot, origin) for key, slot in target.slots.items()},
        relations,
        ("layers run again on what they have made already",) if grows else (),
        maps={"layers": indices(origin)},
        seed=choices.seed,
    )
