"""GPT-2: norms before each block (pre-LN), linear layers as (in, out), queries, keys and values in one of them."""

from __future__ import annotations

from .family import Family


def _linear(name: str, read: str, out: str) -> dict[str, str]:
    return {f"{name}.weight": f"<{read} {out}", f"{name}.bias": out}


def _norm(name: str) -> dict[str, str]:
    return {f"{name}.weight": "hidden", f"{name}.bias": "hidden"}


GPT2 = Family(
    name="gpt2",
    layer="h",
    inside={
        **_norm("ln_1"),
        **_linear("attn.c_attn", "hidden", "qkv"),
        **_linear("attn.c_proj", "attention", "hidden"),
        **_norm("ln_2"),
        **_linear("mlp.c_fc", "hidden", "intermediate"),
        **_linear("mlp.c_proj", "intermediate", "hidden"),
    },
    outside={"wte.weight": "vocabulary hidden", "wpe.weight": "positions hidden", **_norm("ln_f")},
    heads=(
        {"score.weight": "any <hidden"},
        {"classifier.weight": "any <hidden", "classifier.bias": "any"},
    ),
    optional={"lm_head.weight": "vocabulary <hidden"},
    buffers=(r"h\.\d+\.attn\.(bias|masked_bias)",),
    decoder="lm_head.weight",
    embedding="wte.weight",
    norm="ln_f",
    prefix="transformer.",
    based=("wte.", "wpe.", "h.", "ln_f."),
    sizes={
        "hidden": ("n_embd", "hidden_size"),
        "heads": ("n_head", "num_attention_heads"),
        "layers": ("n_layer", "num_hidden_layers"),
        "intermediate": ("n_inner", "intermediate_size"),
        "vocabulary": ("vocab_size",),
        "positions": ("n_positions", "max_position_embeddings"),
    },
    implied=("intermediate",),
    agree={
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "tie_word_embeddings": True,
    },
)
