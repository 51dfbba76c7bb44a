"""A weight pass of somebody's own: units are copied block by block in the place of again and again."""

from dataclasses import replace

from rewriter import hookimpl
from rewriter.weights import Map, Maps, WeightExample, WeightPass, plan_of_copies

SOURCE = {
    "model_type": "bert",
    "vocab_size": 11,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 12,
    "max_position_embeddings": 7,
    "type_vocab_size": 2,
}


class Blockwise(WeightPass):
    """Wider by copies that stand beside each other."""

    name = "blockwise"
    examples = (
        WeightExample(
            "twice the width",
            SOURCE,
            {"hidden_size": 16},
            elements={
                "embeddings.word_embeddings.weight[3, 9]": "embeddings.word_embeddings.weight[3, 4]",
                "pooler.dense.weight[9, 9]": "pooler.dense.weight[4, 4] * 0.5",
            },
        ),
        WeightExample("one and a half times", SOURCE, {"hidden_size": 12}, exact=False, reason="no multiple"),
    )

    def plan(self, source, target, choices):
        before, after = source.sizes.hidden, target.sizes.hidden
        blocks = Map.of([unit * before // after for unit in range(after)])
        maps = replace(Maps.between(source.sizes, target.sizes, choices), hidden=blocks)
        inexact = () if after % before == 0 else (f"{after} is no multiple of {before}",)
        return plan_of_copies(self.name, source, target, maps, choices, inexact)


@hookimpl
def rewriter_weight_passes():
    return [Blockwise()]
