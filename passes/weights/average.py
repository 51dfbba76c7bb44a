"""Wider by means: further units of the stream hold the mean of the source's. Exact for GPT-2 at any width."""

from __future__ import annotations

import math

from rewriter import Safety
from rewriter.weights import (
    FILL,
    HIDDEN,
    MEAN,
    TRANSFORMED,
    Axis,
    Choices,
    Maps,
    ModelView,
    Plan,
    Relations,
    Slot,
    WeightExample,
    WeightPass,
    copied_axes,
    copy,
    followed,
    made_of,
    same_layers,
)

from .examples import TINY_BERT, TINY_GPT2


class Average(WeightPass):
    """Wider by units that hold the mean of the stream; computes the same for GPT-2, and nearly the same for BERT.

    A layer norm takes the mean away, so further units are 0 behind it, and only the variance changes: by a factor that
    is the same for every token. In GPT-2 all that writes the stream makes up for it, in BERT the norms' gamma does.
    """

    name = "average"
    safety = Safety.ROUNDING
    examples = (
        WeightExample(
            "GPT-2 at one and a half times the width",
            TINY_GPT2,
            {"n_embd": 12, "n_head": 3},
            elements={
                "wte.weight[3, 10]": "wte.weight[3, mean] * 1.224744871391589",
                "h.0.mlp.c_fc.weight[10, 2]": "0",
                "h.0.ln_1.weight[2]": "h.0.ln_1.weight[2] * 0.816496580927726",
            },
        ),
        WeightExample(
            "BERT comes close",
            TINY_BERT,
            {"hidden_size": 12, "num_attention_heads": 3},
            exact=False,
            reason="the mean behind a layer norm",
        ),
    )

    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Let further units of the stream hold its mean; heads and intermediate units are copies."""
        maps = Maps.between(source.sizes, target.sizes, choices)
        stream = _Stream(source, target)
        recipes = {
            key: copy(source, slot) if slot.is_buffer else made_of(source, slot, stream.axes(slot, maps))
            for key, slot in target.slots.items()
        }
        why = "further units cannot follow the mean behind a layer norm, which changes from token to token"
        grows = stream.extra > 0
        return Plan(
            self.name,
            source,
            target,
            recipes,
            stream.outputs(maps),
            (why,) if grows and source.family == "bert" else (),
            maps=maps.indices() | {"hidden": stream.of(MEAN).index},
            shares=maps.shares(),
            seed=choices.seed,
        )


class _Stream:
    """How the axes of the stream are made.

    Args:
        source: The source.
        target: The target.
    """

    def __init__(self, source: ModelView, target: ModelView) -> None:
        self.source = source
        self.size = source.sizes.hidden
        self.extra = target.sizes.hidden - self.size
        self.root = math.sqrt(self.size / target.sizes.hidden)
        self.before_blocks = source.family == "gpt2"  # where the norms stand

    def of(self, unit: int, factor: float = 1.0) -> Axis:
        """Return the axis of the stream whose further units hold `unit`."""
        return followed(self.size, self.extra, unit, factor)

    def axes(self, slot: Slot, maps: Maps) -> tuple[Axis, ...]:
        """Return how the axes of a tensor are made."""
        if not self.extra:
            return copied_axes(slot, self.source, maps)
        if slot.is_norm:
            return (self._norm(slot, maps),)
        written = 1 / self.root if self.before_blocks else 1.0
        return tuple(
            made if dim.space != HIDDEN else self.of(FILL) if dim.reads else self.of(MEAN, written)
            for dim, made in zip(slot.dims, copied_axes(slot, self.source, maps), strict=True)
        )

    def _norm(self, slot: Slot, maps: Maps) -> Axis:
        gamma = slot.part.endswith(".weight")
        if slot.dims[0].space == TRANSFORMED:  # copies, of which a tied decoder reads the source's units alone
            return self.of(FILL) if self.source.tied else maps.hidden.copied
        if not self.before_blocks:
            return self.of(FILL, self.root) if gamma else self.of(MEAN)
        tied = self.root if slot.part.startswith(f"{self.source.tied_norm}.") else 1.0
        # Further units are 0 behind the norm whatever their gamma; one that is not 0 lets them learn.
        return self.of(MEAN, self.root * tied) if gamma else self.of(FILL, tied)

    def outputs(self, maps: Maps) -> Relations:
        """Return how the outputs are those of the source."""
        hidden = self.of(MEAN, 1 / self.root if self.before_blocks else 1.0)
        last = self.of(FILL, self.root if self.source.tied_norm == "ln_f" else 1.0) if self.before_blocks else hidden
        if not self.extra:
            hidden = last = maps.hidden.copied
        return same_layers(self.source, last, hidden, maps.hidden.copied, maps.heads.copied, maps.head_units.copied)
