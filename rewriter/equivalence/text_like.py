"""The adapter for BERT-like files: encoders and decoders over token ids, and their heads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .actions import ACTIONS
from .adapters import ModelAdapter, config_class, forward_parameters, model_classes, takes
from .cases import (
    AFTER,
    CALL,
    DROPOUT,
    GENERATE,
    GRADIENTS,
    MASKS,
    RELOAD,
    ROUND_TRIP,
    TRAIN,
    Array,
    Axes,
    Case,
    attention_mask,
    pairwise,
    random_for,
    square_mask,
)

LAYERS, HEADS, HIDDEN, VOCABULARY, LONGEST, LABELS = 2, 4, 32, 99, 16, 3
ENCODER_LENGTH = 7

SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 2 * HIDDEN,
    "max_position_embeddings": LONGEST,
    "type_vocab_size": 2,
    "num_labels": LABELS,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
SHALLOW = {"num_hidden_layers": 1}
"""For heads, whose base model is checked in depth: a graph of one layer compiles in half the time."""
BASE_ACTIONS = ("resize-embeddings", "replace-embeddings", "tie-weights", "prune-heads")
BY_CONFIGURATION = {"output_attentions": True, "output_hidden_states": True, "return_dict": False}
CONFIGURED: tuple[Axes, ...] = (
    {"config": "flags", "light": 1},
    {"config": "flags", "attn": 0, "hidden": 0, "dict": 1, "light": 1},
)
"""The configuration says one thing, and in the second case the call another."""
CHECKPOINTING: Axes = {
    "scenario": AFTER,
    "action": "gradient-checkpointing",
    "mask": "left-padded",
    "dropout": 0,
    "light": 1,
}
TRAINING: Axes = {"scenario": GRADIENTS, "labels": 1, "mask": "left-padded", "dropout": 0, "light": 1}
DECODER = {"is_decoder": True, "add_cross_attention": True}

QUICK_BASE: tuple[Axes, ...] = (
    {},
    {"mask": "ones", "dict": 0},
    {"mask": "right-padded", "types": 1, "positions": 1},
    {"mask": "left-padded"},
    {"mask": "holed", "embeds": 1},
    {"mask": "first-masked"},
    {"mask": "row-masked", "dict": 0},
    {"mask": "left-padded", "batch": 1, "seq": LONGEST, "attn": 0, "hidden": 1, "dict": 0, "light": 1},
    {"mask": "square", "head-mask": "2d", "attn": 1, "hidden": 1, "dict": 1, "light": 1},
    {"mask": "holed", "head-mask": "1d", "light": 1},
    {"mask": "left-padded", "dtype": "float16", "light": 1},
    {"wrong": "ids-and-embeds"},
    {"wrong": "nothing"},
    {"wrong": "mask-length", "light": 1},
    {"scenario": DROPOUT, "mask": "left-padded", "light": 1},
    *({"scenario": AFTER, "action": name, "mask": "left-padded", "light": 1} for name in BASE_ACTIONS),
)
QUICK_DECODER: tuple[Axes, ...] = (
    {"cross": "right-padded", "cache": 1, "mask": "right-padded", "attn": 1, "hidden": 1, "labels": 1},
    {"past": 3, "seq": 2, "cache": 1, "cross": "right-padded", "dict": 0},
    {"past": 3, "seq": 2, "cache": 1, "mask": "left-padded", "light": 1},
    {"past": 3, "seq": 1, "cache": 0, "cross": "none", "attn": 1, "hidden": 0, "light": 1},
    {"labels": 1, "mask": "holed", "dict": 0, "types": 1, "positions": 1, "light": 1},
    {"head-mask": "1d", "embeds": 1, "cross": "holed", "attn": 0, "hidden": 1, "light": 1},
    {"scenario": AFTER, "action": "prepare-generation", "past": 3, "seq": 2, "mask": "left-padded", "light": 1},
    {"scenario": AFTER, "action": "prepare-generation", "past": 3, "seq": 5, "light": 1},
    {"scenario": AFTER, "action": "prepare-generation", "light": 1},
    {"scenario": AFTER, "action": "reorder-cache", "past": 3, "seq": 2, "light": 1},
    {"scenario": GENERATE, "mask": "left-padded", "light": 1},
)
QUICK_HEAD: tuple[Axes, ...] = (
    {"labels": 1, "mask": "left-padded", "light": 1},
    {"mask": "holed", "attn": 0, "hidden": 1, "dict": 0, "light": 1},
    {"labels": 1, "mask": "right-padded", "dict": 0, "attn": 1, "hidden": 0, "types": 1, "positions": 1, "light": 1},
    {"head-mask": "1d", "embeds": 1, "attn": 1, "hidden": 1, "light": 1},
    {"labels": "first", "light": 1},
    {"labels": "last", "light": 1},
    {"wrong": "ids-and-embeds", "light": 1},
    {"scenario": AFTER, "action": "prepare-generation", "mask": "left-padded", "light": 1},
    {"scenario": AFTER, "action": "replace-head", "mask": "left-padded", "light": 1},
    {"scenario": AFTER, "action": "resize-head", "mask": "left-padded", "light": 1},
)

FLAGS = {"attn": (0, 1), "hidden": (0, 1), "dict": (1, 0)}
FULL_BASE = {
    "mask": (*MASKS, "square"),
    "batch": (3, 1),
    "seq": (5, 1, LONGEST),
    **FLAGS,
    "types": (0, 1),
    "positions": (0, 1),
    "embeds": (0, 1),
    "head-mask": (None, "1d", "2d"),
}
FULL_DECODER = {
    "mask": ("none", "right-padded", "left-padded", "holed", "square"),
    "past": (0, 3),
    "seq": (5, 1),
    "batch": (3, 1),
    "cross": (None, "none", "right-padded", "holed"),
    "cache": (1, 0),
    **FLAGS,
}
FULL_HEAD = {
    "labels": (1, 0),
    "mask": ("left-padded", "none", "row-masked"),
    "batch": (3, 1),
    "seq": (5, LONGEST),
    **FLAGS,
}


class TextLike(ModelAdapter):
    """BERT and its relatives: what they take is read off their forward methods."""

    name = "text"

    def matches(self, module: ModuleType) -> bool:
        """Whether the file has a model over `input_ids` with a BERT-like configuration."""
        return any(
            "input_ids" in forward_parameters(item)
            and takes(config_class(item), "vocab_size", "hidden_size", "num_attention_heads")
            for item in model_classes(module)
        )

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make a model with two layers of width 32."""
        model_class = getattr(module, model)
        configuration: Any = config_class(model_class)
        return model_class(configuration(**{**SMALL, **settings}))

    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        """Return the matrix for a base model, a decoder with a head, or any other head."""
        for axes, settings in _points(model_class, level):
            case = make_case(model_class, axes, settings, seed)
            if case is not None:
                yield case


Points = Iterator[tuple[Axes, dict[str, Any]]]
"""Points of the matrix, each with what its configuration has besides the small one that is built."""


def _points(model_class: type, level: str) -> Points:
    parameters = forward_parameters(model_class)
    is_head = bool({"labels", "start_positions"} & set(parameters))
    if not is_head:
        yield from _base_points(full=level == "full")
    elif "past_key_values" in parameters:
        yield from _decoder_points()
    else:
        yield from _head_points(model_class, full=level == "full")
    if level == "full" and "past_key_values" in parameters:
        yield from ((axes, DECODER) for axes in pairwise(FULL_DECODER))


def _base_points(*, full: bool) -> Points:
    yield from ((axes, {}) for axes in QUICK_BASE)
    # Loading and saving last: the graphs that are there serve no more after them (saving names the architecture).
    yield {"mask": "left-padded", "scenario": TRAIN}, {}
    yield {"mask": "left-padded", "scenario": RELOAD}, {}
    yield {"mask": "left-padded", "scenario": ROUND_TRIP, "light": 1}, {}
    yield {"mask": "left-padded", "scenario": GRADIENTS, "dropout": 0}, {**NO_DROPOUT, **SHALLOW}
    yield CHECKPOINTING, {**NO_DROPOUT, **SHALLOW}
    yield from ((axes, {**BY_CONFIGURATION, **SHALLOW}) for axes in CONFIGURED)
    yield from _relative_positions("relative_key_query")
    if full:
        yield from ((axes, {}) for axes in pairwise(FULL_BASE))
        yield {"wrong": "too-long"}, {}
        yield {"mask": "none", "dtype": "float16", "attn": 1, "hidden": 1, "dict": 0}, {}
        yield from _relative_positions("relative_key")


def _decoder_points() -> Points:
    settings = {**DECODER, **SHALLOW}
    yield from ((axes, settings) for axes in QUICK_DECODER)
    relative = {"past": 3, "seq": 2, "cache": 1, "cross": "none", "position-type": "relative_key", "light": 1}
    yield relative, {**settings, "position_embedding_type": "relative_key"}
    yield {**CHECKPOINTING, "cache": 1}, {**settings, **NO_DROPOUT}
    yield {**TRAINING, "cross": "right-padded"}, {**settings, **NO_DROPOUT}
    yield from ((axes, {**settings, **BY_CONFIGURATION}) for axes in CONFIGURED)


def _head_points(model_class: type, *, full: bool) -> Points:
    # A span has a start and an end, and nothing else.
    settings = {"num_labels": 2} if "start_positions" in forward_parameters(model_class) else {}
    small = {**settings, **SHALLOW}
    yield from ((axes, small) for axes in QUICK_HEAD)
    yield TRAINING, {**small, **NO_DROPOUT}
    yield from ((axes, {**small, **BY_CONFIGURATION}) for axes in CONFIGURED)
    if "SequenceClassification" in model_class.__name__:
        yield {"labels": 1, "problem": "regression", "light": 1}, {**small, "num_labels": 1}
        yield {"labels": 1, "problem": "multi-label", "light": 1}, small
    if full:
        yield from ((axes, settings) for axes in pairwise(FULL_HEAD))


def _relative_positions(kind: str) -> Points:
    settings = {"position_embedding_type": kind, **SHALLOW}
    smallest = {"mask": "ones", "batch": 1, "seq": 1, "head-mask": "2d", "attn": 1, "hidden": 1}
    yield {**smallest, "position-type": kind}, settings
    yield {"mask": "left-padded", "attn": 1, "position-type": kind, "light": 1}, settings


def make_case(model_class: type, axes: Axes, settings: Mapping[str, Any], seed: int) -> Case | None:
    """Return the case at one point of the matrix; None where the model has no such argument."""
    parameters = forward_parameters(model_class)
    needed = {
        "types": "token_type_ids",
        "positions": "position_ids",
        "embeds": "inputs_embeds",
        "head-mask": "head_mask",
        "cross": "encoder_hidden_states",
        "past": "past_key_values",
        "cache": "use_cache",
    }
    if any(axes.get(axis) and name not in parameters for axis, name in needed.items()):
        return None
    if axes.get("mask", "none") != "none" and "attention_mask" not in parameters:
        return None
    if axes.get("action") and not ACTIONS[axes["action"]].applies(model_class):
        return None
    if axes.get("labels") in ("first", "last") and not {"next_sentence_label", "end_positions"} & set(parameters):
        return None
    if axes.get("scenario") == GENERATE and not callable(getattr(model_class, "generate", None)):
        return None
    case_id = identifier(model_class.__name__, axes, settings)
    inputs = _inputs(model_class, axes, settings, random_for(case_id, seed))
    return Case(
        id=case_id,
        model=model_class.__name__,
        inputs=inputs,
        flags=flags_of(axes, parameters),
        settings=dict(settings),
        description=_description(axes, settings),
        **what_is_done(axes),
    )


def identifier(model: str, axes: Axes, settings: Mapping[str, Any]) -> str:
    """Return the id of a point: what every call has first, then the flags, then what is there besides."""
    flags = ",".join(f"{name}={axes[name]}" for name in ("attn", "hidden", "dict") if axes.get(name) is not None)
    parts = [model, "decoder" if settings.get("is_decoder") else "", story(axes)]
    parts += [f"mask={axes.get('mask', 'none')}", f"batch={axes.get('batch', 3)}", f"seq={axes.get('seq', 5)}", flags]
    known = {"scenario", "mask", "batch", "seq", "attn", "hidden", "dict", "action", "light"}
    for name, value in axes.items():
        if name in known or value is None or (value == 0 and name not in ("cache", "dropout")):
            continue
        parts.append(name if value == 1 and name != "cache" else f"{name}={value}")
    return "/".join(part for part in parts if part)


def story(axes: Axes) -> str:
    """Return the scenario as it stands in an id: `after-prune-heads`."""
    return "-".join(part for part in (axes.get("scenario", ""), axes.get("action", "")) if part)


def flags_of(axes: Axes, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are not tensors; an axis that is absent or None leaves its argument out."""
    names = {"attn": "output_attentions", "hidden": "output_hidden_states", "dict": "return_dict", "cache": "use_cache"}
    return {name: bool(axes[axis]) for axis, name in names.items() if axes.get(axis) is not None and name in parameters}


def what_is_done(axes: Axes) -> dict[str, Any]:
    """Return the fields of a case that its axes alone tell."""
    texts = {"scenario": axes.get("scenario", CALL), "action": axes.get("action", ""), "dtype": axes.get("dtype", "")}
    return {**texts, "raises": "wrong" in axes, "light": bool(axes.get("light"))}


def class_labels(axes: Axes, batch: int, random: np.random.Generator) -> Array:
    """Return the labels of a head that classifies whole inputs: a class each, or what else its problem asks for."""
    if axes.get("problem") == "regression":
        return random.standard_normal((batch,)).astype(np.float32)
    if axes.get("problem") == "multi-label":
        return random.integers(0, 2, (batch, LABELS)).astype(np.float32)
    return random.integers(0, LABELS, (batch,))


def _description(axes: Axes, settings: Mapping[str, Any]) -> str:
    words = []
    if settings.get("is_decoder"):
        words.append("decoder with cross-attention")
    if axes.get("past"):
        words.append(f"a step on a cache of {axes['past']} positions")
    if axes.get("wrong"):
        words.append(f"a wrong call: {axes['wrong']}")
    return ", ".join(words)


def _inputs(model_class: type, axes: Axes, settings: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    layers = settings.get("num_hidden_layers", LAYERS)
    batch, length, past = axes.get("batch", 3), axes.get("seq", 5), axes.get("past", 0)
    wrong = axes.get("wrong")
    length = LONGEST + 1 if wrong == "too-long" else length
    inputs: dict[str, Any] = {}
    ids = random.integers(1, VOCABULARY, (batch, length))
    embeds = random.standard_normal((batch, length, HIDDEN)).astype(np.float32)
    if wrong == "ids-and-embeds":
        return {"input_ids": ids, "inputs_embeds": embeds}
    if wrong == "nothing":
        return {}
    inputs["inputs_embeds" if axes.get("embeds") else "input_ids"] = embeds if axes.get("embeds") else ids
    mask = _mask(axes, batch, length, past, random)
    if mask is not None:
        inputs["attention_mask"] = mask
    if axes.get("types"):
        inputs["token_type_ids"] = random.integers(0, 2, (batch, length))
    if axes.get("positions"):
        inputs["position_ids"] = random.integers(0, LONGEST, (batch, length))
    if axes.get("head-mask"):
        shape = (HEADS,) if axes["head-mask"] == "1d" else (layers, HEADS)
        inputs["head_mask"] = random.integers(0, 2, shape).astype(np.float32)
    inputs.update(_encoder_and_cache(axes, batch, past, layers, random))
    if "MultipleChoice" in model_class.__name__:
        per_head = {name: inputs.pop(name) for name in ("head_mask",) if name in inputs}
        inputs = {name: np.stack([value, np.roll(value, 1, axis=-1)], axis=1) for name, value in inputs.items()}
        inputs |= per_head
    if axes.get("labels"):
        labels = _labels(model_class, axes, batch, length, random)
        alone = {"first": list(labels)[:1], "last": list(labels)[-1:]}.get(axes["labels"], labels)
        inputs.update((name, labels[name]) for name in alone)
    return inputs


def _mask(axes: Axes, batch: int, length: int, past: int, random: np.random.Generator) -> Array | None:
    kind = "ones" if axes.get("wrong") == "mask-length" else axes.get("mask", "none")
    if kind == "square":
        return square_mask(batch, length, past + length, random)
    mask = attention_mask(kind, batch, past + length, random)
    return mask[:, :-1] if axes.get("wrong") == "mask-length" and mask is not None else mask


def _encoder_and_cache(axes: Axes, batch: int, past: int, layers: int, random: np.random.Generator) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    if axes.get("cross"):
        inputs["encoder_hidden_states"] = random.standard_normal((batch, ENCODER_LENGTH, HIDDEN)).astype(np.float32)
        mask = attention_mask(axes["cross"], batch, ENCODER_LENGTH, random)
        if mask is not None:
            inputs["encoder_attention_mask"] = mask
    if past:
        # Keys and values of the past positions; those of the encoder's positions too where there is an encoder.
        lengths = [past, past] + ([ENCODER_LENGTH] * 2 if axes.get("cross") else [])
        inputs["past_key_values"] = tuple(
            tuple(
                random.standard_normal((batch, HEADS, length, HIDDEN // HEADS)).astype(np.float32) for length in lengths
            )
            for _ in range(layers)
        )
    return inputs


def _labels(model_class: type, axes: Axes, batch: int, length: int, random: np.random.Generator) -> dict[str, Any]:
    """Return the labels that a head takes, told from its parameters and, for their shape, from its HuggingFace name."""
    name, parameters = model_class.__name__, forward_parameters(model_class)
    labels: dict[str, Any] = {}
    if "start_positions" in parameters:
        return {key: random.integers(0, length, (batch,)) for key in ("start_positions", "end_positions")}
    if "next_sentence_label" in parameters:
        labels["next_sentence_label"] = random.integers(0, 2, (batch,))
    if "SequenceClassification" in name:
        labels["labels"] = class_labels(axes, batch, random)
    elif "MultipleChoice" in name or "NextSentence" in name:
        labels["labels"] = random.integers(0, 2, (batch,))
    elif "TokenClassification" in name:
        labels["labels"] = random.integers(0, LABELS, (batch, length))
    elif "labels" in parameters:
        ids = random.integers(0, VOCABULARY, (batch, length))
        ids[:, ::2] = -100
        labels["labels"] = ids
    return labels
