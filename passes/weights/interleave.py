"""Deeper by each layer several times in a row. No promise but that every weight is a copy."""

from __future__ import annotations

from rewriter import Safety
from rewriter.weights import Choices, Grows, ModelView, Plan, WeightExample, WeightPass

from .depth import copied_layers, spread
from .examples import TINY_BERT


class Interleave(WeightPass):
    """Deeper by copies of each layer behind it; starts elsewhere than its source."""

    name = "interleave"
    grows = Grows.DEPTH
    safety = Safety.APPROXIMATE
    examples = (
        WeightExample(
            "two layers become four",
            TINY_BERT,
            {"num_hidden_layers": 4},
            exact=False,
            elements={
                "encoder.layer.1.output.dense.bias[4]": "encoder.layer.0.output.dense.bias[4]",
                "encoder.layer.2.output.dense.bias[4]": "encoder.layer.1.output.dense.bias[4]",
            },
            reason="run again",
        ),
    )

    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Copy each layer to its own place and to those behind it."""
        return copied_layers(self.name, source, target, spread(source.sizes.layers, target.sizes.layers), choices)
