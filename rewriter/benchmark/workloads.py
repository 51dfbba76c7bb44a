"""What is measured: a model at the size its configuration class has by default, and one call of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..equivalence.adapters import config_class, forward_parameters, model_classes, takes
from ..errors import RewriterError

TINY: Mapping[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
LENGTH = 128


@dataclass(frozen=True)
class Workload:
    """A model class in one size, and the arguments of one call.

    Attributes:
        model: Name of the class.
        settings: Arguments of its configuration class.
        inputs: Arrays by parameter name: `input_ids` and `attention_mask` int64 of (batch, length), `pixel_values`
            float32 of (batch, channels, side, side).
        title: For people, e.g. `BertModel, batch 1, length 128`.
    """

    model: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    title: str


def workloads(module: ModuleType, *, size: str, batch: int, models: tuple[str, ...] = ()) -> Iterator[Workload]:
    """Yield the workloads of a file: its models without a head, or those named.

    Args:
        module: The original.
        size: "base" for the configuration's defaults (BERT-base, CLIP ViT-B/32), "tiny" for two layers of width 32.
        batch: Rows per call.
        models: Names of classes; the first of each kind of input when empty.

    Raises:
        RewriterError: A named class is not there, or nothing can be measured.
    """
    found = [item for item in model_classes(module) if _is_base(item)]
    if models:
        by_name = {item.__name__: item for item in model_classes(module)}
        missing = [name for name in models if name not in by_name]
        if missing:
            raise RewriterError(f"{module.__name__} has no model {missing[0]}", hint=f"It has: {', '.join(by_name)}.")
        found = [by_name[name] for name in models]
    else:
        first: dict[tuple[str, ...], type] = {}
        for item in found:
            kinds = tuple(name for name in ("input_ids", "pixel_values") if name in forward_parameters(item))
            first.setdefault(kinds, item)
        found = list(first.values())
    if not found:
        raise RewriterError(f"{module.__name__}: no model to measure", exit_code=1)
    for item in found:
        yield _workload(item, size, batch)


def build(module: ModuleType, workload: Workload) -> Any:
    """Make the workload's model from `module`, in evaluation mode."""
    model_class = getattr(module, workload.model)
    configuration: Any = config_class(model_class)
    model = model_class(configuration(**workload.settings))
    (getattr(model, "set_train", None) or model.train)(False)
    return model


def _is_base(model_class: type) -> bool:
    names = set(forward_parameters(model_class))
    return bool(names & {"input_ids", "pixel_values"}) and not names & {"labels", "start_positions"}


def _workload(model_class: type, size: str, batch: int) -> Workload:
    configuration: Any = config_class(model_class)
    two_towers = takes(configuration, "text_config", "vision_config")
    settings: dict[str, Any] = {}
    if size == "tiny":
        small = dict(TINY)
        settings = {"text_config": small, "vision_config": small} if two_towers else small
    made = configuration(**settings)
    text = getattr(made, "text_config", made)
    vision = getattr(made, "vision_config", made)
    random = np.random.default_rng(0)
    names = forward_parameters(model_class)
    inputs: dict[str, npt.NDArray[Any]] = {}
    title = [f"batch {batch}"]
    if "input_ids" in names:
        length = min(LENGTH, int(text.max_position_embeddings))
        inputs["input_ids"] = random.integers(3, int(text.vocab_size) - 1, (batch, length)).astype(np.int64)
        inputs["attention_mask"] = np.ones((batch, length), np.int64)
        title.append(f"length {length}")
    if "pixel_values" in names:
        side, channels = int(vision.image_size), int(getattr(vision, "num_channels", 3))
        inputs["pixel_values"] = random.standard_normal((batch, channels, side, side)).astype(np.float32)
        title.append(f"image {side}")
    return Workload(model_class.__name__, settings, inputs, f"{model_class.__name__}, {', '.join(title)}, {size}")
