"""The adapter for any other family: small configurations and inputs by what classes and arguments are called."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..runtime.stand_ins.kernels import missing_kernel, settle
from ..runtime.stand_ins.patching import standing_in
from .adapters import ModelAdapter, config_class, forward_parameters, model_classes
from .cases import Array, Axes, Case, attention_mask, random_for
from .small import IMAGE, VOCABULARY, small_configuration, small_configurations
from .subject import call_model
from .text_like import flags_of, identifier, what_is_done
from .weights import set_training

BATCH, LENGTH, TARGETS, OBJECTS = 2, 7, 5, 3
FIRST_TOKEN = 3
"""Ids below it are special tokens."""

POINTS: Sequence[Axes] = (
    {"mask": "none", "dict": 0, "batch": BATCH, "seq": LENGTH},
    {"mask": "right-padded", "dict": 0, "batch": BATCH, "seq": LENGTH},
    {"mask": "right-padded", "attn": 1, "hidden": 1, "dict": 0, "batch": BATCH, "seq": LENGTH},
    {"mask": "left-padded", "attn": 1, "hidden": 1, "dict": 1, "batch": BATCH, "seq": LENGTH},
)
"""A plain tuple, one under a mask, all outputs, and all of them packed."""


class AnyModel(ModelAdapter):
    """What is known of no family: models over tokens, images or both, encoders and encoder-decoders."""

    name = "any"

    def matches(self, module: ModuleType) -> bool:
        """Whether the file has a model whose arguments are all known."""
        return any(not unknown_inputs(item) for item in model_classes(module))

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make a model with two layers of width 32, or as near to that as its configuration allows."""
        model_class = getattr(module, model)
        return model_class(_configuration(model_class, settings))

    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        """Return a few calls; none of a class that needs what is not known or cannot be made small."""
        if unknown_inputs(model_class):
            return
        try:
            configuration = _configuration(model_class)
        except Exception:  # the class does not take its own defaults, so nothing can be built
            return
        parameters = forward_parameters(model_class)
        for axes in POINTS:
            if axes["mask"] != "none" and "attention_mask" not in parameters and len(flags_of(axes, parameters)) < 2:
                continue  # a call that was there before
            yield _case(model_class, configuration, axes, seed)


def unknown_inputs(model_class: type) -> list[str]:
    """Return the arguments that a model's forward must have and that nothing is known about."""
    return [
        name
        for name, parameter in forward_parameters(model_class).items()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        and name not in _MAKERS
        and name != "attention_mask"
    ]


_SIZES: dict[tuple[type | None, str], int] = {}
"""(configuration class, name of the model) → which of its small configurations the model answers with."""

_TRIED = 2
"""So many of them are tried; after that come models of full size."""


def _configuration(model_class: type, settings: Mapping[str, Any] | None = None) -> Any:
    """Return the smallest configuration that a model answers with, which the original settles for its twin as well."""
    configuration = config_class(model_class) or object
    key = config_class(model_class), model_class.__name__
    if key not in _SIZES:
        sizes = itertools.islice(small_configurations(configuration), _TRIED)
        _SIZES[key] = next((index for index, made in enumerate(sizes) if _answers(model_class, made)), 0)
    return next(itertools.islice(small_configurations(configuration, settings), _SIZES[key], None))


def _answers(model_class: type, configuration: Any) -> bool:
    """Tell whether a model of this size can be built and answers a plain call, under stand-ins if need be."""
    error = _error_of(model_class, configuration)
    if missing_kernel(error):
        settle()
        with standing_in():
            error = _error_of(model_class, configuration)
    return error is None


def _error_of(model_class: type, configuration: Any) -> Exception | None:
    try:
        model = model_class(copy.deepcopy(configuration))
        set_training(model, False)
        return call_model(model, _case(model_class, configuration, POINTS[0], seed=0)).error
    except Exception as error:  # of any library
        return error


def _case(model_class: type, configuration: Any, axes: Axes, seed: int) -> Case:
    parameters = forward_parameters(model_class)
    case_id = identifier(model_class.__name__, axes, {})
    random = random_for(case_id, seed)
    inputs = {name: make(configuration, random) for name, make in _MAKERS.items() if name in parameters}
    if "input_ids" in inputs and "attention_mask" in parameters:
        mask = attention_mask(axes["mask"], BATCH, LENGTH, random)
        inputs |= {} if mask is None else {"attention_mask": mask}
    return Case(case_id, model_class.__name__, inputs, flags_of(axes, parameters), **what_is_done(axes))


def _part(configuration: Any, name: str) -> Any:
    """Return the configuration of a tower; the whole one where there are no towers."""
    return getattr(configuration, name, None) or configuration


def _ids(length: int) -> Callable[[Any, np.random.Generator], Array]:
    def make(configuration: Any, random: np.random.Generator) -> Array:
        known = getattr(_part(configuration, "text_config"), "vocab_size", VOCABULARY)
        ids = random.integers(FIRST_TOKEN, min(known, VOCABULARY), (BATCH, length))
        end = getattr(_part(configuration, "text_config"), "eos_token_id", None)
        if type(end) is int and end >= FIRST_TOKEN:
            ids[:, -1] = end  # models that look for the end of a text find one
        return ids

    return make


def _image(configuration: Any, random: np.random.Generator) -> Array:
    tower = _part(configuration, "vision_config")
    size: Any = getattr(tower, "image_size", None) or getattr(tower, "input_size", IMAGE)
    height, width = (size, size) if isinstance(size, int) else tuple(size)[:2]
    shape = (getattr(tower, "num_channels", 3), height, width)
    frames = getattr(tower, "num_frames", 0)
    if frames and hasattr(tower, "mit_hidden_size") and tower is configuration:
        return random.standard_normal((BATCH * frames, *shape)).astype(np.float32)  # X-CLIP's tower: frames are rows
    return random.standard_normal((BATCH, *([frames] if frames else []), *shape)).astype(np.float32)


def _boxes(configuration: Any, random: np.random.Generator) -> Array:
    """Return boxes (left, top, right, bottom), each with its corners in order."""
    return np.sort(random.integers(0, 60, (BATCH, LENGTH, 4)), -1)


def _seen_objects(argument: str) -> Callable[[Any, np.random.Generator], Array]:
    """Return what makes the features (batch, objects, size) of what was found in an image."""

    def make(configuration: Any, random: np.random.Generator) -> Array:
        size = getattr(configuration, argument, 4)
        return random.random((BATCH, OBJECTS, size)).astype(np.float32)

    return make


def _languages(configuration: Any, random: np.random.Generator) -> Array:
    """Return the first language for every row."""
    return np.zeros(BATCH, np.int64)


_MAKERS: Mapping[str, Callable[[Any, np.random.Generator], Array]] = {
    "input_ids": _ids(LENGTH),
    "decoder_input_ids": _ids(TARGETS),
    "pixel_values": _image,
    "bbox": _boxes,
    "visual_feats": _seen_objects("visual_feat_dim"),
    "visual_pos": _seen_objects("visual_pos_dim"),
    "lang_ids": _languages,
}
"""Argument → what makes its values, from the configuration and random numbers."""


def why_unknown(model_class: type) -> str:
    """Return why a class has no cases; empty when it has."""
    if unknown := unknown_inputs(model_class):
        return f"its forward needs {', '.join(unknown)}, and no adapter knows what that is"
    try:
        small_configuration(config_class(model_class) or object)
    except Exception as error:
        return f"its configuration refuses its own defaults: {type(error).__name__}: {error}"
    return ""
