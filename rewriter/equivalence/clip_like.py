"""The adapter for CLIP-like files: a text tower, an image tower, both together, and their heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .actions import ACTIONS
from .adapters import ModelAdapter, config_class, forward_parameters, model_classes, takes
from .cases import (
    AFTER,
    DROPOUT,
    GRADIENTS,
    MASKS,
    RELOAD,
    ROUND_TRIP,
    TRAIN,
    Axes,
    Case,
    attention_mask,
    pairwise,
    random_for,
)
from .text_like import BY_CONFIGURATION, CONFIGURED, FLAGS, LABELS, Points, class_labels, flags_of, story, what_is_done

HIDDEN, VOCABULARY, LONGEST, IMAGE, PATCH, PROJECTION = 32, 99, 16, 32, 8, 24
BEGIN, HIGHEST = VOCABULARY - 2, VOCABULARY - 1
END = VOCABULARY // 2
"""Not the highest id, so that the two rules for the end of a text differ."""

_TOWER: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": PROJECTION,
    "attention_dropout": 0.1,
}
TEXT: dict[str, Any] = {
    **_TOWER,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": LONGEST,
    "pad_token_id": 1,
    "bos_token_id": BEGIN,
    "eos_token_id": END,
}
VISION: dict[str, Any] = {**_TOWER, "image_size": IMAGE, "patch_size": PATCH}
OLD_END = {"eos_token_id": 2}
NO_DROPOUT = {"attention_dropout": 0.0}
SHALLOW = {"num_hidden_layers": 1}
"""For heads, whose towers are checked in depth: a graph of one layer compiles in half the time."""

TEXT_ACTIONS = ("resize-embeddings", "replace-embeddings")

QUICK_TEXT: tuple[Axes, ...] = (
    {"mask": "right-padded"},
    {"mask": "left-padded", "positions": 1},
    {"mask": "holed", "dict": 0},
    {"mask": "first-masked"},
    {"mask": "row-masked"},
    {"mask": "none", "batch": 1, "seq": LONGEST, "attn": 1, "hidden": 1},
    {"mask": "right-padded", "seq": 1, "attn": 0, "hidden": 1, "light": 1},
    {"mask": "holed", "seq": LONGEST, "attn": 1, "hidden": 0, "dict": 0, "light": 1},
    {"mask": "left-padded", "dtype": "float16", "light": 1},
    {"nested": 1, "light": 1},
    {"wrong": "nothing"},
    {"scenario": DROPOUT, "mask": "left-padded", "light": 1},
    *({"scenario": AFTER, "action": name, "light": 1} for name in TEXT_ACTIONS),
)
QUICK_IMAGE: tuple[Axes, ...] = (
    {},
    {"dict": 0},
    {"batch": 1, "attn": 1, "hidden": 1},
    {"attn": 0, "hidden": 1, "light": 1},
    {"attn": 1, "hidden": 0, "dict": 0, "light": 1},
    {"dtype": "float16", "light": 1},
    {"wrong": "nothing"},
    {"wrong": "image-size", "light": 1},
    {"scenario": DROPOUT, "light": 1},
)
QUICK_BOTH: tuple[Axes, ...] = (
    {"mask": "right-padded", "light": 1},
    {"mask": "left-padded", "loss": 1, "dict": 0, "light": 1},
    {"mask": "none", "seq": 1, "images": 2, "attn": 1, "hidden": 1, "dict": 0, "light": 1},
    {"mask": "holed", "loss": 1, "positions": 1, "attn": 1, "hidden": 0, "light": 1},
    {"mask": "holed", "dict": 0, "attn": 0, "hidden": 1, "light": 1},
    {"scenario": ROUND_TRIP, "mask": "left-padded", "light": 1},
    {"scenario": AFTER, "action": "resize-embeddings", "light": 1},
)
QUICK_PROJECTED_TEXT: tuple[Axes, ...] = (
    {"mask": "right-padded", "attn": 0, "hidden": 1, "light": 1},
    {"mask": "left-padded", "dict": 0, "positions": 1, "attn": 1, "hidden": 0, "light": 1},
)
QUICK_PROJECTED_IMAGE: tuple[Axes, ...] = (
    {"attn": 0, "hidden": 1, "light": 1},
    {"dict": 0, "attn": 1, "hidden": 0, "light": 1},
)
QUICK_LABELS: tuple[Axes, ...] = (
    {"labels": 1, "attn": 0, "hidden": 1, "light": 1},
    {"dict": 0, "light": 1},
    {"labels": 1, "dict": 0, "attn": 1, "hidden": 0, "light": 1},
)

FULL_TEXT = {"mask": MASKS, "batch": (3, 1), "seq": (5, 1, LONGEST), **FLAGS, "positions": (0, 1)}
FULL_IMAGE = {"batch": (3, 1), **FLAGS}
FULL_BOTH = {**FULL_TEXT, "images": (3, 1), "loss": (0, 1)}
FULL_LABELS = {**FULL_IMAGE, "labels": (1, 0)}


class ClipLike(ModelAdapter):
    """CLIP and its relatives: a configuration that holds one for texts and one for images."""

    name = "clip"

    def matches(self, module: ModuleType) -> bool:
        """Whether a model of the file has a configuration of two towers."""
        return any(takes(config_class(item), "text_config", "vision_config") for item in model_classes(module))

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make a model with two layers of width 32 per tower, for images of 32 by 32 in patches of 8 by 8."""
        model_class = getattr(module, model)
        configuration: Any = config_class(model_class)
        if takes(configuration, "text_config"):
            towers = {name: settings[name] for name in settings if name in _TOWER}
            text = {**TEXT, **{name: settings[name] for name in settings if name in TEXT}}
            shared = {"num_labels": LABELS}
            shared.update((name, value) for name, value in settings.items() if name not in TEXT)
            return model_class(
                configuration(text_config=text, vision_config={**VISION, **towers}, projection_dim=PROJECTION, **shared)
            )
        small = VISION if takes(configuration, "image_size") else TEXT
        return model_class(configuration(**{**small, **settings}))

    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        """Return the matrix for a tower, for both, or for a head on one."""
        for axes, settings in _points(model_class, level):
            action = axes.get("action")
            if not action or ACTIONS[action].applies(model_class):
                yield make_case(model_class, axes, settings, seed)


def _points(model_class: type, level: str) -> Points:
    parameters = forward_parameters(model_class)
    text, image = "input_ids" in parameters, "pixel_values" in parameters
    full = level == "full"
    if text and image:
        yield from ((axes, {}) for axes in QUICK_BOTH)
        yield from ((axes, {}) for axes in pairwise(FULL_BOTH) if full)
        for method, axes in (("get_text_features", {"mask": "left-padded"}), ("get_image_features", {})):
            if hasattr(model_class, method):
                yield {**axes, "method": method, "light": 1}, {}
        yield {"mask": "left-padded", "loss": 1, "scenario": GRADIENTS, "dropout": 0, "light": 1}, NO_DROPOUT
    elif "Projection" in model_class.__name__ or "labels" in parameters:
        yield from _head_points(model_class, text, full)
    elif text:
        yield from ((axes, {}) for axes in QUICK_TEXT)
        yield from ((axes, {}) for axes in pairwise(FULL_TEXT) if full)
        yield {"mask": "holed", "end": "highest", "light": 1}, OLD_END
        yield {"mask": "right-padded", "scenario": TRAIN}, {}
        yield {"mask": "right-padded", "scenario": RELOAD}, {}
        yield {"mask": "right-padded", "scenario": GRADIENTS, "dropout": 0}, {**NO_DROPOUT, **SHALLOW}
    elif image:
        yield from ((axes, {}) for axes in QUICK_IMAGE)
        yield from ((axes, {}) for axes in pairwise(FULL_IMAGE) if full)
        yield {"scenario": GRADIENTS, "dropout": 0, "light": 1}, NO_DROPOUT
    yield from ((axes, {**BY_CONFIGURATION, **SHALLOW}) for axes in CONFIGURED)


def _head_points(model_class: type, text: bool, full: bool) -> Points:
    labels = "labels" in forward_parameters(model_class)
    quick = QUICK_PROJECTED_TEXT if text else QUICK_LABELS if labels else QUICK_PROJECTED_IMAGE
    yield from ((axes, SHALLOW) for axes in quick)
    if labels:
        yield {"labels": 1, "problem": "regression", "light": 1}, {"num_labels": 1, **SHALLOW}
        yield {"labels": 1, "problem": "multi-label", "light": 1}, SHALLOW
    if not full:
        return
    yield from ((axes, {}) for axes in pairwise(FULL_TEXT if text else FULL_LABELS if labels else FULL_IMAGE))
    if text:
        yield {"mask": "holed", "end": "highest"}, OLD_END


def make_case(model_class: type, axes: Axes, settings: Mapping[str, Any], seed: int) -> Case:
    """Return the case at one point of the matrix."""
    method = axes.get("method", "")
    parameters = forward_parameters(model_class, method)
    case_id = identifier(model_class.__name__, axes, "input_ids" in parameters)
    flags = flags_of(axes, parameters)
    if axes.get("loss"):
        flags["return_loss"] = True
    return Case(
        id=case_id,
        model=model_class.__name__,
        inputs=_inputs(parameters, axes, settings, random_for(case_id, seed)),
        flags=flags,
        settings=dict(settings),
        description="the end of the text is its highest id" if "end" in axes else "",
        method=method,
        **what_is_done(axes),
    )


def identifier(model: str, axes: Axes, text: bool) -> str:
    """Return the id of a point: method, mask and shape first, then the flags, then what is there besides."""
    flags = ",".join(f"{name}={axes[name]}" for name in ("attn", "hidden", "dict") if axes.get(name) is not None)
    parts = [model, str(axes.get("method", "")), story(axes)]
    parts += [f"mask={axes.get('mask', 'none')}"] if text else []
    parts += [f"batch={axes.get('batch', 3)}"]
    parts += [f"seq={axes.get('seq', 5)}"] if text else []
    parts.append(flags)
    known = {"method", "scenario", "mask", "batch", "seq", "attn", "hidden", "dict", "action", "light"}
    for name, value in axes.items():
        if name not in known and value is not None and (value != 0 or name == "dropout"):
            parts.append(name if value == 1 and name != "images" else f"{name}={value}")
    return "/".join(part for part in parts if part)


def _inputs(
    parameters: Mapping[str, Any], axes: Axes, settings: Mapping[str, Any], random: np.random.Generator
) -> dict[str, Any]:
    if axes.get("wrong") == "nothing":
        return {}
    batch, length = axes.get("batch", 3), axes.get("seq", 5)
    inputs: dict[str, Any] = {}
    if "input_ids" in parameters:
        inputs.update(_text(axes, settings, batch, length, random))
    if "pixel_values" in parameters:
        # The contrastive loss needs as many images as texts.
        images = batch if axes.get("loss") or "input_ids" not in parameters else axes.get("images", batch)
        width = IMAGE - PATCH if axes.get("wrong") == "image-size" else IMAGE
        inputs["pixel_values"] = random.standard_normal((images, 3, IMAGE, width)).astype(np.float32)
    if axes.get("labels"):
        inputs["labels"] = class_labels(axes, batch, random)
    return inputs


def _text(
    axes: Axes, settings: Mapping[str, Any], batch: int, length: int, random: np.random.Generator
) -> dict[str, Any]:
    """Return ids that end at different places, and what else the text tower takes."""
    ids = random.integers(3, BEGIN, (batch, length))
    ids[ids == END] = END + 1
    last = HIGHEST if "end" in axes else END
    for row in range(batch):
        end = max(0, length - 1 - row)
        ids[row, end] = last
        # Padding may repeat the end token, as the published tokenizer does: the first one counts.
        ids[row, end + 1 :] = last if row % 2 else 1
    inputs: dict[str, Any] = {"input_ids": ids[:, None] if axes.get("nested") else ids}
    mask = attention_mask(axes.get("mask", "none"), batch, length, random)
    if mask is not None:
        inputs["attention_mask"] = mask
    if axes.get("positions"):
        inputs["position_ids"] = random.integers(0, LONGEST, (batch, length))
    return inputs
