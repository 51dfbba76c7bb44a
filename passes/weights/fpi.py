"""Wider by copies: the units of the source again and again, their weights shared out. Exact at whole multiples."""

from __future__ import annotations

from rewriter import Safety
from rewriter.weights import Choices, Maps, ModelView, Plan, WeightExample, WeightPass, plan_of_copies

from .examples import TINY_BERT, TINY_GPT2


def reasons(source: ModelView, target: ModelView) -> tuple[str, ...]:
    """Return why copies do not compute what their source does; nothing where they do."""
    before, after = source.sizes.hidden, target.sizes.hidden
    if after % before == 0:
        return ()
    nearest = max(2, round(after / before)) * before
    return (
        f"hidden size {after} is no multiple of {before}, so the layer norms see some units more often than others "
        f"(the nearest exact width is {nearest})",
    )


class Fpi(WeightPass):
    """Wider by copies of units; computes the same when the hidden size grows by a whole factor (`fpi` of bert2BERT)."""

    name = "fpi"
    safety = Safety.ROUNDING
    examples = (
        WeightExample(
            "a hidden size twice as large",
            TINY_BERT,
            {"hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 20},
            elements={
                "embeddings.word_embeddings.weight[3, 9]": "embeddings.word_embeddings.weight[3, 1]",
                "encoder.layer.0.output.dense.weight[9, 13]": "encoder.layer.0.output.dense.weight[1, 1] * 0.5",
            },
        ),
        WeightExample(
            "larger heads, whose queries are scaled",
            TINY_GPT2,
            {"n_embd": 16},
            elements={"h.0.attn.c_attn.bias[4]": "h.0.attn.c_attn.bias[0] * 0.7071067811865476"},
        ),
        WeightExample(
            "one and a half times the width, which no copies make exact",
            TINY_BERT,
            {"hidden_size": 12, "num_attention_heads": 3},
            exact=False,
            reason="the nearest exact width is 16",
        ),
    )

    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Copy every unit equally often, in the stream by one map for the whole model."""
        maps = Maps.between(source.sizes, target.sizes, choices)
        return plan_of_copies(self.name, source, target, maps, choices, reasons(source, target))
