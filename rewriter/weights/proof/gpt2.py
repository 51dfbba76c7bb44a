"""GPT-2 in NumPy: pre-LN decoder with a cache, and the heads for which there are weights.

Names of tensors are HuggingFace's without `transformer.`. One call gives every output that the checkpoint can give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .inputs import Inputs
from .numerics import Array, activation, attend, cross_entropy, layer_norm, split_heads
from .tensors import Weights

Config = Mapping[str, Any]
Answers = dict[str, Array]
"""Output → array; `hidden_states[2]` is one of them."""
Cache = Sequence[tuple[Array, Array]]
"""The keys and values of each layer, (batch, heads, tokens, size)."""


def forward(config: Config, weights: Weights, inputs: Inputs, past: Cache | None = None) -> Answers:
    """Run the model once.

    Args:
        config: Of the model.
        weights: By canonical name.
        inputs: What it is asked; the mask covers the past too.
        past: The cache of the tokens before; None for none.

    Returns:
        `hidden_states[i]` (batch, tokens, hidden), the last of them after the last LN; `attentions[i]` (batch, heads,
        tokens, keys), `keys[i]` and `values[i]` (batch, heads, keys, size), `last_hidden_state`, `logits` of a language
        model with its `loss` where there are labels, `score logits` and `classifier logits` at every token.
    """
    answers: Answers = {}
    before = 0 if not past else past[0][0].shape[2]
    x = _embedded(weights, inputs, before)
    visible = _visible(inputs, before)
    for index in range(config["n_layer"]):
        answers[f"hidden_states[{index}]"] = x
        x = _block(config, weights, index, x, visible, None if past is None else past[index], answers)
    hidden = _norm(config, weights, "ln_f", x)
    answers[f"hidden_states[{config['n_layer']}]"] = answers["last_hidden_state"] = hidden
    _add_heads(config, weights, hidden, inputs, answers)
    return answers


def cache_of(answers: Answers) -> Cache:
    """Return the cache after a call."""
    layers = sum(name.startswith("keys[") for name in answers)
    return [(answers[f"keys[{index}]"], answers[f"values[{index}]"]) for index in range(layers)]


def _norm(config: Config, weights: Weights, name: str, x: Array) -> Array:
    return layer_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], config.get("layer_norm_epsilon", 1e-5))


def _embedded(weights: Weights, inputs: Inputs, before: int) -> Array:
    length = inputs.ids.shape[1]
    positions = np.arange(before, before + length)[None] if inputs.positions is None else inputs.positions
    total: Array = weights["wte.weight"][inputs.ids] + weights["wpe.weight"][positions]
    return total if inputs.token_types is None else total + weights["wte.weight"][inputs.token_types]


def _visible(inputs: Inputs, before: int) -> Array:
    """Return what each new token may see: bool, (batch, 1, tokens, keys)."""
    length = inputs.ids.shape[1]
    causal = np.arange(before + length)[None, :] <= np.arange(before, before + length)[:, None]
    return np.asarray(causal[None, None] & inputs.seen(before + length)[:, None, None, :])


def _block(
    config: Config,
    weights: Weights,
    index: int,
    x: Array,
    visible: Array,
    past: tuple[Array, Array] | None,
    answers: Answers,
) -> Array:
    name = f"h.{index}"
    fused = weights.conv1d(f"{name}.attn.c_attn", _norm(config, weights, f"{name}.ln_1", x))
    query, key, value = (split_heads(part, config["n_head"]) for part in np.split(fused, 3, axis=-1))
    if past is not None:
        key, value = np.concatenate((past[0], key), axis=2), np.concatenate((past[1], value), axis=2)
    answers[f"keys[{index}]"], answers[f"values[{index}]"] = key, value
    read, answers[f"attentions[{index}]"] = attend(query, key, value, visible, _factor(config, index, key.shape[-1]))
    x = x + weights.conv1d(f"{name}.attn.c_proj", read)
    inner = weights.conv1d(f"{name}.mlp.c_fc", _norm(config, weights, f"{name}.ln_2", x))
    inner = activation(config.get("activation_function", "gelu_new"))(inner)
    return x + weights.conv1d(f"{name}.mlp.c_proj", inner)


def _factor(config: Config, index: int, size: int) -> float:
    """Return what multiplies the scores of a layer."""
    factor = 1.0 / math.sqrt(size) if config.get("scale_attn_weights", True) else 1.0
    return factor / (index + 1) if config.get("scale_attn_by_inverse_layer_idx", False) else factor


def _add_heads(config: Config, weights: Weights, hidden: Array, inputs: Inputs, answers: Answers) -> None:
    others = [name for name in ("score", "classifier") if f"{name}.weight" in weights]
    for name in others:
        answers[f"{name} logits"] = weights.linear(name, hidden)
    tied = config.get("tie_word_embeddings", True)
    head = "wte.weight" if tied else "lm_head.weight"
    if head not in weights or (tied and others):  # a classifier has no decoder, whatever its configuration ties
        return
    answers["logits"] = hidden @ weights[head].T
    if inputs.labels is not None and hidden.shape[1] > 1:
        logits = answers["logits"][:, :-1]
        answers["loss"] = cross_entropy(logits.reshape(-1, logits.shape[-1]), inputs.labels[:, 1:].reshape(-1))
