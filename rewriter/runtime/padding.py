"""Padding the inputs of a call and cutting its outputs back, where that changes nothing but the order of sums.

A padded token is masked: its attention weight is exactly zero, so it reaches no other token. Where a model does more
with its tokens than attention under a mask, or where a mask leaves a row nothing to attend to, that does not hold. So
models are padded by family, calls by what they consist of, and outputs by the names of their fields: `Unsure` is
raised for all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .modules import modules_of

BERT, ROBERTA, CLIP_TEXT, CLIP_IMAGE = "bert", "roberta", "clip_text", "clip_image"

FAMILIES: Mapping[str, str] = {
    "bert": BERT,
    "electra": BERT,
    "distilbert": BERT,
    "albert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "clip_text_model": CLIP_TEXT,
    "clip_vision_model": CLIP_IMAGE,
    "clip": CLIP_IMAGE,  # the head that classifies images; texts and images together are not padded
}
"""`model_type` of a configuration → how such a model is padded.

Each is an encoder, or CLIP's causal tower, whose rows do not mix and whose tokens meet in masked attention only.
"""

_SQUARE = ("bert", "electra", "roberta", "xlm-roberta", "camembert")
"""Families that take a mask with a row for each token."""

_IDS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
_PER_TOKEN = (*_IDS, "inputs_embeds")
_PER_ROW = (*_PER_TOKEN, "pixel_values")
_FREE = ("head_mask", "output_attentions", "output_hidden_states", "return_dict")
"""Arguments that depend on neither the length nor the rows."""

_LENGTH_AXES: Mapping[str, tuple[int, ...]] = {
    "last_hidden_state": (1,),
    "hidden_states": (1,),
    "attentions": (2, 3),
    "start_logits": (1,),
    "end_logits": (1,),
    "pooler_output": (),
    "seq_relationship_logits": (),
    "text_embeds": (),
    "image_embeds": (),
}
"""Field of an output → its axes that run over tokens."""

_BY_RANK = ("logits", "prediction_logits")
"""Fields that run over tokens on axis 1 when they have three axes, and not at all when they have two."""

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_lazy_forward_hook",
    "_lazy_forward_pre_hook",
    "_lazy_backward_hook",
    "_lazy_backward_pre_hook",
    "_cell_backward_hook",
    "_cell_backward_pre_hook",
)


class Unsure(Exception):
    """Why a call is not padded."""


@dataclass(frozen=True)
class Sizes:
    """How many of something a caller gave, and how many the model gets.

    Attributes:
        given: By the caller.
        bucket: To the model.
    """

    given: int
    bucket: int


@dataclass(frozen=True)
class Call:
    """A padded call.

    Attributes:
        inputs: What the model is called with.
        length: Tokens per row; None where they are not padded.
        rows: Likewise.
        as_tuple: Whether the caller wants a tuple.
    """

    inputs: Mapping[str, Any]
    length: Sizes | None
    rows: Sizes | None
    as_tuple: bool


def padded(
    model: Any,
    given: Mapping[str, Any],
    lengths: tuple[int, ...],
    batches: tuple[int, ...],
    parameters: frozenset[str],
) -> Call:
    """Return a call of a model with its inputs padded.

    Args:
        model: The model.
        given: The arguments, by name.
        lengths: The buckets for tokens.
        batches: The buckets for rows.
        parameters: The names of all parameters of its forward.

    Raises:
        Unsure: The answer might be another one.
    """
    family = FAMILIES.get(getattr(getattr(model, "config", None), "model_type", ""))
    if family is None:
        raise Unsure("models of this family are not padded")
    _check_model(model)
    if {"input_ids", "pixel_values"} <= parameters:
        raise Unsure("the scores of pairs enlarge rounding errors")
    if "return_dict" not in parameters:
        raise Unsure("its forward takes no return_dict")
    inputs = {name: value for name, value in given.items() if value is not None and value is not False}
    other = [name for name in inputs if name not in (*_PER_ROW, *_FREE)]
    if other:
        raise Unsure(f"called with {', '.join(sorted(other))}")
    length = _pad_length(model, family, inputs, lengths) if family != CLIP_IMAGE else None
    rows = _pad_rows(inputs, batches)
    if length is None and rows is None:
        raise Unsure("no bucket for this size")
    wanted = given.get("return_dict")
    as_tuple = not (model.config.use_return_dict if wanted is None else wanted)
    return Call({**given, **inputs, "return_dict": True}, length, rows, as_tuple)


def _check_model(model: Any) -> None:
    config = model.config
    if getattr(config, "is_decoder", False) or getattr(config, "is_encoder_decoder", False):
        raise Unsure("decoders are not padded")
    if getattr(config, "chunk_size_feed_forward", 0):
        raise Unsure("the length must be divisible by chunk_size_feed_forward")
    for module in modules_of(model):
        if module.training:
            raise Unsure("training is not padded")
        if any(map(vars(module).get, _HOOKS)) and module is not model:
            raise Unsure("a module below it has a hook")


def _pad_length(model: Any, family: str, inputs: dict[str, Any], lengths: tuple[int, ...]) -> Sizes | None:
    """Pad what has a length in place; returns from what to what, None where there is no bucket for it."""
    ids: Any = inputs.get("input_ids")
    embeds: Any = inputs.get("inputs_embeds")
    if (ids is None) == (embeds is None):
        raise Unsure("called with both input_ids and inputs_embeds, or with neither")
    shape = tuple(ids.shape if ids is not None else embeds.shape[:-1])
    if len(shape) not in (2, 3) or 0 in shape:
        raise Unsure("input_ids of this shape")
    bucket = next((size for size in lengths if size >= shape[-1]), 0)
    size = Sizes(shape[-1], min(bucket, _longest(model, family)))
    if size.bucket < size.given:
        return None
    mask = inputs.get("attention_mask")
    pad = getattr(model.config, "pad_token_id", None)
    warns = mask is None and ids is not None and family in (BERT, ROBERTA)
    if warns and bool((ids.asnumpy() == pad).any()):
        raise Unsure("padding tokens and no attention_mask, of which the model warns")
    inputs["attention_mask"] = _padded_mask(model, mask, shape, size)
    fill = {"input_ids": _pad_id(model, family)}
    for name in ("input_ids", "token_type_ids", "position_ids"):
        if name in inputs:
            if inputs[name].shape[-1] != size.given or inputs[name].ndim > len(shape):
                raise Unsure(f"{name} of another shape")
            inputs[name] = _filled(inputs[name], {-1: size}, fill.get(name, 0))
    if embeds is not None:
        inputs["inputs_embeds"] = _with_zeros(embeds, size)
    return size


def _longest(model: Any, family: str) -> int:
    """Return the most tokens that a model takes."""
    longest = int(model.config.max_position_embeddings)
    # RoBERTa's positions begin behind the one of the padding token.
    return longest - int(model.config.pad_token_id) - 1 if family == ROBERTA else longest


def _pad_id(model: Any, family: str) -> int:
    """Return what to pad token ids with.

    RoBERTa counts positions over the tokens that are not padding. CLIP looks for the first end token, or for the first
    of the highest ids: it must not be found among what was added.
    """
    if family == ROBERTA:
        return int(model.config.pad_token_id)
    return 1 if family == CLIP_TEXT and model.config.eos_token_id == 0 else 0


def _padded_mask(model: Any, mask: Any, shape: tuple[int, ...], size: Sizes) -> Any:
    import mindspore

    if mask is None:
        values = np.zeros((*shape[:-1], size.bucket), np.int64)
        values[..., : size.given] = 1
        return mindspore.Tensor(values)
    square = (*shape, size.given) if len(shape) == 2 and model.config.model_type in _SQUARE else shape
    if tuple(mask.shape) not in (shape, square):
        raise Unsure("an attention_mask of another shape")
    values = mask.asnumpy()
    if not ((values == 0) | (values == 1)).all():
        raise Unsure("an attention_mask of more than zeros and ones")
    if not values.any(-1).all():
        raise Unsure("a row that is masked as a whole")
    axes = {-1: size} if mask.ndim == len(shape) else {-1: size, -2: size}
    return _filled(mask, axes, 0)


def _filled(tensor: Any, axes: Mapping[int, Sizes], value: int) -> Any:
    """Return a tensor of numbers that need no gradient, longer by some of one value."""
    import mindspore

    missing = {axis % tensor.ndim: size.bucket - size.given for axis, size in axes.items()}
    if not any(missing.values()):
        return tensor
    widths = [(0, missing.get(axis, 0)) for axis in range(tensor.ndim)]
    return mindspore.Tensor(np.pad(tensor.asnumpy(), widths, constant_values=value))


def _with_zeros(embeds: Any, size: Sizes) -> Any:
    """Return embeddings, through which gradients flow, with zeros behind them."""
    from mindspore import ops

    if size.bucket == size.given:
        return embeds
    shape = (*embeds.shape[:-2], size.bucket - size.given, embeds.shape[-1])
    return ops.cat((embeds, ops.zeros(shape, embeds.dtype)), -2)


def _pad_rows(inputs: dict[str, Any], batches: tuple[int, ...]) -> Sizes | None:
    """Repeat the first row of everything in place; returns from how many rows to how many, None without a bucket."""
    found = {name: inputs[name] for name in _PER_ROW if name in inputs}
    first = next(iter(found.values()))
    given = int(first.shape[0])
    bucket = next((size for size in batches if size >= given), 0)
    axes = {"input_ids": 2, "inputs_embeds": 3}
    has_choices = any(found[name].ndim > axes[name] for name in axes if name in found)
    if not bucket or has_choices:  # of several choices per row, as many rows come out
        return None
    size = Sizes(given, bucket)
    for name, tensor in found.items():
        if name != "position_ids" or tensor.shape[0] != 1:  # those may be for all rows
            inputs[name] = _repeated(tensor, size)
    return size


def _repeated(tensor: Any, size: Sizes) -> Any:
    from mindspore import ops

    if tensor.shape[0] != size.given:
        raise Unsure("inputs of different numbers of rows")
    if size.bucket == size.given:
        return tensor
    return ops.cat((tensor, *[tensor[:1]] * (size.bucket - size.given)), 0)


def cut_back(output: Any, call: Call) -> Any:
    """Return an output of a padded call as the caller is to see it.

    Raises:
        Unsure: It has a field that is not known.
    """
    if not hasattr(output, "keys"):
        raise Unsure("the output has no fields")
    fields = {name: _cut(name, output[name], call) for name in list(output.keys())}
    if not call.as_tuple:
        return type(output)(**fields)
    if "pooler_output" in getattr(type(output), "__dataclass_fields__", ()) and "pooler_output" not in fields:
        first, *others = fields.values()  # a tuple says None in the place of the pooler that the model has not
        return first, None, *others
    return tuple(fields.values())


def _cut(name: str, value: Any, call: Call) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_cut(name, item, call) for item in value)
    if not hasattr(value, "shape"):
        raise Unsure(f"the output {name} is no tensor")
    if name in _BY_RANK and value.ndim in (2, 3):
        axes: tuple[int, ...] = (1,) if value.ndim == 3 else ()
    elif name in _LENGTH_AXES:
        axes = _LENGTH_AXES[name] if call.length else ()
    else:
        raise Unsure(f"the output {name} is not known")
    for axis, size in [(0, call.rows), *((axis, call.length) for axis in axes)]:
        if size is not None:
            value = _narrowed(value, axis, size)
    return value


def _narrowed(value: Any, axis: int, size: Sizes) -> Any:
    from mindspore import ops

    if value.shape[axis] != size.bucket:
        raise Unsure("an output of another size than expected")
    return value if size.given == size.bucket else ops.narrow(value, axis, 0, size.given)
