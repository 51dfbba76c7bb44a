"""BERT in NumPy: post-LN encoder, pooler, and the heads for which there are weights.

Names of tensors are HuggingFace's without `bert.`. One call gives every output that the checkpoint can give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .inputs import Inputs
from .numerics import Array, activation, attend, cross_entropy, layer_norm, split_heads
from .tensors import Weights

Config = Mapping[str, Any]
Answers = dict[str, Array]
"""Output → array; `hidden_states[2]` is one of them."""


def forward(config: Config, weights: Weights, inputs: Inputs) -> Answers:
    """Run the model once.

    Args:
        config: Of the model.
        weights: By canonical name.
        inputs: What it is asked.

    Returns:
        `hidden_states[i]` (batch, tokens, hidden), `attentions[i]` (batch, heads, tokens, tokens), `last_hidden_state`,
        and with weights for them `pooler_output` (batch, hidden), `prediction_logits` (batch, tokens, vocabulary),
        `seq_relationship_logits` (batch, 2), `logits` of a classifier, `start_end_logits`; a `loss…` for each kind of
        label.
    """
    answers: Answers = {}
    hidden = _embedded(config, weights, inputs)
    answers["hidden_states[0]"] = hidden
    visible = inputs.seen(hidden.shape[1])[:, None, None, :]
    for index in range(config["num_hidden_layers"]):
        hidden, answers[f"attentions[{index}]"] = _layer(config, weights, f"encoder.layer.{index}", hidden, visible)
        answers[f"hidden_states[{index + 1}]"] = hidden
    answers["last_hidden_state"] = hidden
    _add_heads(config, weights, hidden, answers)
    _add_losses(answers, inputs)
    return answers


def _norm(config: Config, weights: Weights, name: str, x: Array) -> Array:
    return layer_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], config.get("layer_norm_eps", 1e-12))


def _embedded(config: Config, weights: Weights, inputs: Inputs) -> Array:
    batch, length = inputs.ids.shape
    types = np.zeros((batch, length), np.int64) if inputs.token_types is None else inputs.token_types
    positions = np.arange(length)[None] if inputs.positions is None else inputs.positions
    words = weights["embeddings.word_embeddings.weight"][inputs.ids]
    total = words + weights["embeddings.token_type_embeddings.weight"][types]
    total = total + weights["embeddings.position_embeddings.weight"][positions]
    return _norm(config, weights, "embeddings.LayerNorm", total)


def _layer(config: Config, weights: Weights, name: str, x: Array, visible: Array) -> tuple[Array, Array]:
    heads = config["num_attention_heads"]
    query, key, value = (
        split_heads(weights.linear(f"{name}.attention.self.{part}", x), heads) for part in ("query", "key", "value")
    )
    read, attention = attend(query, key, value, visible, 1.0 / math.sqrt(query.shape[-1]))
    written = weights.linear(f"{name}.attention.output.dense", read)
    x = _norm(config, weights, f"{name}.attention.output.LayerNorm", x + written)
    inner = activation(config.get("hidden_act", "gelu"))(weights.linear(f"{name}.intermediate.dense", x))
    written = weights.linear(f"{name}.output.dense", inner)
    return _norm(config, weights, f"{name}.output.LayerNorm", x + written), attention


def _add_heads(config: Config, weights: Weights, hidden: Array, answers: Answers) -> None:
    pooled = None
    if "pooler.dense.weight" in weights:
        pooled = np.tanh(weights.linear("pooler.dense", hidden[:, 0]))
        answers["pooler_output"] = pooled
    if "cls.predictions.transform.dense.weight" in weights:
        answers["prediction_logits"] = _predicted(config, weights, hidden)
    if "cls.seq_relationship.weight" in weights and pooled is not None:
        answers["seq_relationship_logits"] = weights.linear("cls.seq_relationship", pooled)
    if "classifier.weight" in weights:  # of sequences where there is a pooler, and of tokens where there is none
        answers["logits"] = weights.linear("classifier", hidden if pooled is None else pooled)
    if "qa_outputs.weight" in weights:
        answers["start_end_logits"] = weights.linear("qa_outputs", hidden)


def _predicted(config: Config, weights: Weights, hidden: Array) -> Array:
    name = "cls.predictions"
    x = activation(config.get("hidden_act", "gelu"))(weights.linear(f"{name}.transform.dense", hidden))
    x = _norm(config, weights, f"{name}.transform.LayerNorm", x)
    own = f"{name}.decoder.weight"
    untied = own in weights and not config.get("tie_word_embeddings", True)
    logits: Array = x @ weights[own if untied else "embeddings.word_embeddings.weight"].T
    bias = next((key for key in (f"{name}.bias", f"{name}.decoder.bias") if key in weights), None)
    return logits if bias is None else logits + weights[bias]


def _add_losses(answers: Answers, inputs: Inputs) -> None:
    if inputs.labels is None:
        return
    flat = inputs.labels.reshape(-1)
    if "prediction_logits" in answers:
        logits = answers["prediction_logits"]
        answers["loss[prediction]"] = cross_entropy(logits.reshape(-1, logits.shape[-1]), flat)
    for output, name in (("seq_relationship_logits", "next sentence"), ("logits", "classes")):
        logits = answers.get(output, np.zeros(0))
        if logits.ndim == 2 and logits.shape[-1] > 1:
            answers[f"loss[{name}]"] = cross_entropy(logits, inputs.ids[:, 0] % logits.shape[-1])
