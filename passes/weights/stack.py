"""Deeper by the whole stack of layers again. No promise but that every weight is a copy."""

from __future__ import annotations

from rewriter import Safety
from rewriter.weights import Choices, Grows, ModelView, Plan, WeightExample, WeightPass

from .depth import copied_layers, repeated
from .examples import TINY_BERT


class Stack(WeightPass):
    """Deeper by the stack of layers again and again, and its top layers for what is left; starts elsewhere."""

    name = "stack"
    grows = Grows.DEPTH
    safety = Safety.APPROXIMATE
    examples = (
        WeightExample(
            "two layers become five",
            TINY_BERT,
            {"num_hidden_layers": 5},
            exact=False,
            elements={
                "encoder.layer.2.output.dense.bias[4]": "encoder.layer.0.output.dense.bias[4]",
                "encoder.layer.3.output.dense.bias[4]": "encoder.layer.1.output.dense.bias[4]",
                "encoder.layer.4.output.dense.bias[4]": "encoder.layer.1.output.dense.bias[4]",
            },
            reason="run again",
        ),
    )

    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Copy whole stacks."""
        return copied_layers(self.name, source, target, repeated(source.sizes.layers, target.sizes.layers), choices)
