"""Plans of copies: units of the target are copies, and copies share out where units are summed."""

from __future__ import annotations

from .maps import Maps
from .model import ModelView, Slot
from .passes import Choices
from .plan import Axis, Plan, Relations
from .recipes import copy, made_of, queries, same_layers

QUERIES = ("attention.self.query.weight", "attention.self.query.bias", "attn.c_attn.weight", "attn.c_attn.bias")
"""The parts that make queries: alone in BERT, with keys and values behind them in GPT-2."""


def copied_axes(slot: Slot, source: ModelView, maps: Maps) -> tuple[Axis, ...]:
    """Return how the axes of a tensor are made.

    What is written is copied; what is read is copied and multiplied by shares. Queries are scaled so that the scores of
    attention stay when heads grow. The norm before a tied decoder is shared out in the place of the decoder.

    Args:
        slot: The target tensor.
        source: The source.
        maps: From the target's units to the source's.
    """
    sizes = source.slots[slot.key].shape
    found = tuple(maps.axis(dim, size) for dim, size in zip(slot.dims, sizes, strict=True))
    if source.tied_norm is not None and slot.part.startswith(f"{source.tied_norm}."):
        return (maps.hidden.shared,)
    if slot.part not in QUERIES:
        return found
    factors = maps.query(bool(source.config.get("scale_attn_weights", True)))
    if factors is None:
        return found
    return tuple(
        axis if dim.reads else axis.times(queries(factors, dim, len(axis)))
        for axis, dim in zip(found, slot.dims, strict=True)
    )


def copied_outputs(source: ModelView, maps: Maps) -> Relations:
    """Return how the outputs of a model made of copies are those of its source.

    Args:
        source: The source.
        maps: From the target's units to the source's.
    """
    units = maps.hidden.copied
    last = maps.hidden.shared if source.tied_norm == "ln_f" else units
    return same_layers(source, last, units, units, maps.heads.copied, maps.head_units.copied)


def plan_of_copies(
    name: str, source: ModelView, target: ModelView, maps: Maps, choices: Choices, inexact: tuple[str, ...] = ()
) -> Plan:
    """Return the plan of a model every unit of which is a copy.

    Args:
        name: Of the pass.
        source: The source.
        target: The target.
        maps: From the target's units to the source's.
        choices: What the user chose.
        inexact: Why the target does not compute what the source does.
    """
    recipes = {
        key: copy(source, slot) if slot.is_buffer else made_of(source, slot, copied_axes(slot, source, maps))
        for key, slot in target.slots.items()
    }
    return Plan(
        name,
        source,
        target,
        recipes,
        copied_outputs(source, maps),
        inexact,
        maps=maps.indices(),
        shares=maps.shares(),
        seed=choices.seed,
    )
