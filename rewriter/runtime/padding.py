"""Padding the inputs of a call and cutting its outputs back, where that changes nothing but the order of sums.

A padded token is masked: its attention weight is exactly zero, so it reaches no other token. Where a model does more
with its tokens than attention under a mask, or where a mask leaves a row nothing to attend to, that does not hold. So
models are padded by family, calls by what they consist of, and outputs by the names of their fields: `Unsure` is
raised for all else. Of a decoder's cache, positions in front of it are padded and masked: so the steps of a
generation have few shapes, too.
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

In each, rows do not mix and tokens meet in masked attention only.
"""

_DECODERS = (BERT, ROBERTA)
"""How those are padded that may be decoders, with a cache and with an encoder's states besides their own."""

_SQUARE = ("bert", "electra", "roberta", "xlm-roberta", "camembert")
"""Families that take a mask with a row for each token."""

_IDS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
_PER_TOKEN = (*_IDS, "inputs_embeds")
_PER_ROW = (*_PER_TOKEN, "pixel_values")
_FREE = ("head_mask", "output_attentions", "output_hidden_states", "return_dict")
"""Arguments that depend on neither the length nor the rows."""

_OF_DECODERS = ("past_key_values", "use_cache", "encoder_hidden_states", "encoder_attention_mask")

_AXES: Mapping[str, tuple[int | None, int | None]] = {
    "last_hidden_state": (1, None),
    "hidden_states": (1, None),
    "attentions": (2, 3),
    "cross_attentions": (2, None),
    "past_key_values": (None, 2),
    "start_logits": (1, None),
    "end_logits": (1, None),
    "pooler_output": (None, None),
    "seq_relationship_logits": (None, None),
    "text_embeds": (None, None),
    "image_embeds": (None, None),
}
"""Field of an output → its axis that runs over the tokens of the call, and the one over all that they attend to."""

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
        after: How many follow, of which both have as many; what is added is in front then, and behind otherwise.
    """

    given: int
    bucket: int
    after: int = 0


@dataclass(frozen=True)
class Call:
    """A padded call.

    Attributes:
        inputs: What the model is called with.
        tokens: Tokens per row; None where they are not padded.
        keys: What a token may attend to, per row; likewise.
        rows: Likewise.
        as_tuple: Whether the caller wants a tuple.
    """

    inputs: Mapping[str, Any]
    tokens: Sizes | None
    keys: Sizes | None
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
    _check_model(model, family)
    if {"input_ids", "pixel_values"} <= parameters:
        raise Unsure("the scores of pairs enlarge rounding errors")
    if "return_dict" not in parameters:
        raise Unsure("its forward takes no return_dict")
    inputs = {name: value for name, value in given.items() if value is not None and value is not False}
    is_decoder = bool(getattr(model.config, "is_decoder", False))
    other = [name for name in inputs if name not in (*_PER_ROW, *_FREE, *(_OF_DECODERS if is_decoder else ()))]
    if other:
        raise Unsure(f"called with {', '.join(sorted(other))}")
    tokens = keys = rows = None
    if inputs.get("past_key_values"):
        keys = _pad_cache(model, family, inputs, lengths)
    elif family != CLIP_IMAGE:
        tokens = keys = _pad_length(model, family, inputs, lengths)
    if not is_decoder:
        rows = _pad_rows(inputs, batches)
    if keys is None and rows is None:
        raise Unsure("no bucket for this size")
    wanted = given.get("return_dict")
    as_tuple = not (model.config.use_return_dict if wanted is None else wanted)
    return Call({**given, **inputs, "return_dict": True}, tokens, keys, rows, as_tuple)


def _check_model(model: Any, family: str) -> None:
    config = model.config
    if (getattr(config, "is_decoder", False) and family not in _DECODERS) or getattr(
        config, "is_encoder_decoder", False
    ):
        raise Unsure("decoders of this family are not padded")
    if getattr(config, "chunk_size_feed_forward", 0):
        raise Unsure("the length must be divisible by chunk_size_feed_forward")
    for module in modules_of(model):
        if module.training:
            raise Unsure("training is not padded")
        if any(map(vars(module).get, _HOOKS)) and module is not model:
            raise Unsure("a module below it has a hook")


def _bucket(given: int, sizes: tuple[int, ...]) -> int:
    """Return the least of rising sizes that is enough; 0 where none is."""
    return next((size for size in sizes if size >= given), 0)


def _pad_length(model: Any, family: str, inputs: dict[str, Any], lengths: tuple[int, ...]) -> Sizes | None:
    """Pad what has a length in place; returns from what to what, None where there is no bucket for it."""
    ids: Any = inputs.get("input_ids")
    embeds: Any = inputs.get("inputs_embeds")
    if (ids is None) == (embeds is None):
        raise Unsure("called with both input_ids and inputs_embeds, or with neither")
    shape = tuple(ids.shape if ids is not None else embeds.shape[:-1])
    if len(shape) not in (2, 3) or 0 in shape:
        raise Unsure("input_ids of this shape")
    bucket = _bucket(shape[-1], lengths)
    size = Sizes(shape[-1], min(bucket, _longest(model, family)))
    if size.bucket < size.given:
        return None
    mask = inputs.get("attention_mask")
    _check_warning(model, family, inputs)
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


def _check_warning(model: Any, family: str, inputs: Mapping[str, Any]) -> None:
    ids: Any = inputs.get("input_ids")
    warns = inputs.get("attention_mask") is None and ids is not None and family in (BERT, ROBERTA)
    if warns and bool((ids.asnumpy() == getattr(model.config, "pad_token_id", None)).any()):
        raise Unsure("padding tokens and no attention_mask, of which the model warns")


def _pad_cache(model: Any, family: str, inputs: dict[str, Any], lengths: tuple[int, ...]) -> Sizes | None:
    """Pad a cache in front, in place; returns from what to what, None where there is no bucket for it.

    What the model would derive from the cache's length is given to it instead: the mask, and the positions.
    """
    import mindspore
    from mindspore import ops

    tokens = inputs.get("input_ids", inputs.get("inputs_embeds"))
    own = [part for layer in inputs["past_key_values"] for part in layer[:2]]
    if tokens is None or not own or any(part.ndim != 4 or part.shape[2] != own[0].shape[2] for part in own):
        raise Unsure("past_key_values of another shape")
    (rows, new), past = tokens.shape[:2], own[0].shape[2]
    bucket = _bucket(past, lengths)
    # Beyond the longest, relative positions have no embedding.
    size = Sizes(past, min(bucket, _longest(model, family) - new), after=new)
    if size.bucket < past:
        return None
    _check_warning(model, family, inputs)
    mask = inputs.get("attention_mask", mindspore.Tensor(np.ones((rows, past + new), np.int64)))
    if tuple(mask.shape) != (rows, past + new):
        raise Unsure("an attention_mask of another shape")
    _check_mask(mask.asnumpy(), past + 1)
    inputs["attention_mask"] = _filled(mask, {-1: size}, 0)
    if "position_ids" not in inputs and (family == BERT or "input_ids" in inputs):
        inputs["position_ids"] = mindspore.Tensor(_positions(model, family, inputs, past))
    missing = size.bucket - past
    inputs["past_key_values"] = tuple(
        tuple(
            ops.cat((ops.zeros((*part.shape[:2], missing, part.shape[3]), part.dtype), part), 2)
            if missing and index < 2  # those behind are of the encoder's states
            else part
            for index, part in enumerate(layer)
        )
        for layer in inputs["past_key_values"]
    )
    return size


def _positions(model: Any, family: str, inputs: Mapping[str, Any], past: int) -> Any:
    """Return the positions, (batch or 1, tokens), int64, of the tokens behind a cache."""
    if family == BERT:
        tokens: Any = inputs.get("input_ids", inputs.get("inputs_embeds"))
        return np.arange(past, past + tokens.shape[1])[None]
    pad = int(model.config.pad_token_id)
    is_token = (inputs["input_ids"].asnumpy() != pad).astype(np.int64)
    return (np.cumsum(is_token, 1) + past) * is_token + pad


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
    # A decoder's first token sees no other.
    _check_mask(mask.asnumpy(), 1 if getattr(model.config, "is_decoder", False) else size.given)
    axes = {-1: size} if mask.ndim == len(shape) else {-1: size, -2: size}
    return _filled(mask, axes, 0)


def _check_mask(values: Any, seen: int) -> None:
    """Raise Unsure unless a mask is of zeros and ones, and has a one among the first that each token sees."""
    if not ((values == 0) | (values == 1)).all():
        raise Unsure("an attention_mask of more than zeros and ones")
    if not values[..., :seen].any(-1).all():
        raise Unsure("a row that is masked as a whole")


def _filled(tensor: Any, axes: Mapping[int, Sizes], value: int) -> Any:
    """Return a tensor of numbers that need no gradient, longer by some of one value."""
    import mindspore

    widths = [(0, 0)] * tensor.ndim
    for axis, size in axes.items():
        missing = size.bucket - size.given
        widths[axis % tensor.ndim] = (missing, 0) if size.after else (0, missing)
    if not any(map(sum, widths)):
        return tensor
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
    bucket = _bucket(given, batches)
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
        if name == "past_key_values" and value and hasattr(value[0], "shape"):
            # of a layer; those behind its own two are of the encoder's states
            return type(value)((*(_cut(name, part, call) for part in value[:2]), *value[2:]))
        return type(value)(_cut(name, item, call) for item in value)
    if not hasattr(value, "shape"):
        raise Unsure(f"the output {name} is no tensor")
    if name in _BY_RANK and value.ndim in (2, 3):
        axes: tuple[int | None, int | None] = (1 if value.ndim == 3 else None, None)
    elif name in _AXES:
        axes = _AXES[name]
    else:
        raise Unsure(f"the output {name} is not known")
    for axis, size in zip((0, *axes), (call.rows, call.tokens, call.keys), strict=True):
        if axis is not None and size is not None:
            value = _narrowed(value, axis, size)
    return value


def _narrowed(value: Any, axis: int, size: Sizes) -> Any:
    from mindspore import ops

    if value.shape[axis] != size.bucket + size.after:
        raise Unsure("an output of another size than expected")
    missing = size.bucket - size.given
    return ops.narrow(value, axis, missing if size.after else 0, size.given + size.after) if missing else value
