"""The small models that the examples of weight passes grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TINY_BERT: Mapping[str, Any] = {
    "model_type": "bert",
    "vocab_size": 11,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 7,
    "type_vocab_size": 2,
}

TINY_GPT2: Mapping[str, Any] = {
    "model_type": "gpt2",
    "vocab_size": 11,
    "n_embd": 8,
    "n_head": 2,
    "n_layer": 2,
    "n_positions": 7,
}
