"""What is measured: a model at the size its configuration class has by default, and one call of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..equivalence import weights
from ..equivalence.adapters import config_class, forward_parameters, model_classes, takes
from ..errors import RewriterError

TINY: Mapping[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


@dataclass(frozen=True)
class Workload:
    """A model class in one size, and the arguments of one call.

    Attributes:
        model: Name of the class.
        settings: Arguments of its configuration class.
        inputs: Arrays by parameter name: `input_ids` and `attention_mask` int64 of (batch, length), `pixel_values`
            float32 of (batch, channels, side, side).
        title: For people, e.g. `BertModel, batch 1, length 128, base`.
        batch: Rows.
        length: Tokens per row; 0 for a model that takes images only.
    """

    model: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    title: str
    batch: int = 1
    length: int = 0


def workloads(
    module: ModuleType,
    *,
    size: str,
    batches: Sequence[int],
    lengths: Sequence[int],
    models: Sequence[str] = (),
) -> Iterator[list[Workload]]:
    """Yield the workloads of a file, those of one model together: its models without a head, or those named.

    Args:
        module: The original.
        size: "base" for the configuration's defaults (BERT-base, CLIP ViT-B/32), "tiny" for two layers of width 32.
        batches: Rows per call.
        lengths: Tokens per row; what is above the model's maximum becomes that.
        models: Names of classes; the first of each kind of input when empty.

    Raises:
        RewriterError: A named class is not there, or nothing can be measured.
    """
    for item in _chosen(module, models):
        found = (_workload(item, size, batch, length) for batch in batches for length in lengths)
        yield list({workload.title: workload for workload in found}.values())


def _chosen(module: ModuleType, models: Sequence[str]) -> list[type]:
    by_name = {item.__name__: item for item in model_classes(module)}
    if missing := [name for name in models if name not in by_name]:
        raise RewriterError(f"{module.__name__} has no model {missing[0]}", hint=f"It has: {', '.join(by_name)}.")
    if models:
        return [by_name[name] for name in models]
    first: dict[tuple[str, ...], type] = {}
    for item in filter(_is_base, by_name.values()):
        kinds = tuple(name for name in ("input_ids", "pixel_values") if name in forward_parameters(item))
        first.setdefault(kinds, item)
    if not first:
        raise RewriterError(f"{module.__name__}: no model to measure", exit_code=1)
    return list(first.values())


def build(module: ModuleType, workload: Workload) -> Any:
    """Make the workload's model from `module`, in evaluation mode."""
    model_class = getattr(module, workload.model)
    configuration: Any = config_class(model_class)
    model = model_class(configuration(**workload.settings))
    weights.set_training(model, False)
    return model


def _is_base(model_class: type) -> bool:
    names = set(forward_parameters(model_class))
    return bool(names & {"input_ids", "pixel_values"}) and not names & {"labels", "start_positions"}


def with_length(workload: Workload, length: int) -> Mapping[str, npt.NDArray[Any]]:
    """Return the arguments of a workload with so many tokens, of which there are enough."""
    return {name: value[:, :length] if value.ndim == 2 else value for name, value in workload.inputs.items()}


def _workload(model_class: type, size: str, batch: int, length: int) -> Workload:
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
    length = min(length, int(text.max_position_embeddings)) if "input_ids" in names else 0
    if length:
        inputs["input_ids"] = random.integers(3, int(text.vocab_size) - 1, (batch, length)).astype(np.int64)
        inputs["attention_mask"] = np.ones((batch, length), np.int64)
        title.append(f"length {length}")
    if "pixel_values" in names:
        side, channels = int(vision.image_size), int(getattr(vision, "num_channels", 3))
        inputs["pixel_values"] = random.standard_normal((batch, channels, side, side)).astype(np.float32)
        title.append(f"image {side}")
    name = model_class.__name__
    return Workload(name, settings, inputs, f"{name}, {', '.join(title)}, {size}", batch, length)
