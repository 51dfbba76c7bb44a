"""BERT: layer norms after each block (post-LN), linear layers as (out, in)."""

from __future__ import annotations

from .family import Family

_NORM = {"weight": "hidden", "bias": "hidden"}


def _linear(name: str, out: str, read: str) -> dict[str, str]:
    return {f"{name}.weight": f"{out} <{read}", f"{name}.bias": out}


def _norm(name: str) -> dict[str, str]:
    return {f"{name}.{part}": axes for part, axes in _NORM.items()}


BERT = Family(
    name="bert",
    layer="encoder.layer",
    inside={
        **_linear("attention.self.query", "attention", "hidden"),
        **_linear("attention.self.key", "attention", "hidden"),
        **_linear("attention.self.value", "attention", "hidden"),
        **_linear("attention.output.dense", "hidden", "attention"),
        **_norm("attention.output.LayerNorm"),
        **_linear("intermediate.dense", "intermediate", "hidden"),
        **_linear("output.dense", "hidden", "intermediate"),
        **_norm("output.LayerNorm"),
    },
    outside={
        "embeddings.word_embeddings.weight": "vocabulary hidden",
        "embeddings.position_embeddings.weight": "positions hidden",
        "embeddings.token_type_embeddings.weight": "types hidden",
        **_norm("embeddings.LayerNorm"),
    },
    heads=(
        _linear("pooler.dense", "pooled", "hidden"),
        {
            **_linear("cls.predictions.transform.dense", "transformed", "hidden"),
            "cls.predictions.transform.LayerNorm.weight": "transformed",
            "cls.predictions.transform.LayerNorm.bias": "transformed",
        },
        {"cls.seq_relationship.weight": "2 <pooled", "cls.seq_relationship.bias": "2"},
        {"qa_outputs.weight": "any <hidden", "qa_outputs.bias": "any"},
        _linear("classifier", "any", "pooled"),
    ),
    optional={
        "cls.predictions.bias": "vocabulary",
        "cls.predictions.decoder.bias": "vocabulary",
        "cls.predictions.decoder.weight": "vocabulary <transformed",
    },
    buffers=(r"embeddings\.(position_ids|token_type_ids)",),
    decoder="cls.predictions.decoder.weight",
    embedding="embeddings.word_embeddings.weight",
    norm="cls.predictions.transform.LayerNorm",
    prefix="bert.",
    based=("embeddings.", "encoder.", "pooler."),
    sizes={
        "hidden": ("hidden_size",),
        "heads": ("num_attention_heads",),
        "layers": ("num_hidden_layers",),
        "intermediate": ("intermediate_size",),
        "vocabulary": ("vocab_size",),
        "positions": ("max_position_embeddings",),
        "types": ("type_vocab_size",),
    },
    agree={
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "is_decoder": False,
        "tie_word_embeddings": True,
    },
)
