"""What a forward returns with `return_dict=True`: a small dataclass that is also a dict and a tuple."""

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any

import mindspore

Tensors = tuple[mindspore.Tensor, ...]
Cache = tuple[tuple[mindspore.Tensor, ...], ...]


class ModelOutput(OrderedDict):
    """Base of the output dataclasses.

    A field is reached as an attribute, by its name or by its position. A field that is None exists as an attribute
    only: positions, `keys()`, iteration and `to_tuple()` skip it.
    """

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None:
                super().__setitem__(field.name, value)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        return self.to_tuple()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        super().__setattr__(key, value)

    def __setattr__(self, name: str, value: Any) -> None:
        # Before __post_init__ has run the dict is empty, so the generated __init__ only sets attributes here.
        if name in self.keys() and value is not None:
            super().__setitem__(name, value)
        super().__setattr__(name, value)

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"a {type(self).__name__} has fixed fields: {key!r} cannot be deleted")

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are not None, in their order."""
        return tuple(self.values())


@dataclass
class BaseModelOutput(ModelOutput):
    last_hidden_state: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class BaseModelOutputWithPooling(ModelOutput):
    last_hidden_state: mindspore.Tensor | None = None
    pooler_output: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class BaseModelOutputWithPastAndCrossAttentions(ModelOutput):
    last_hidden_state: mindspore.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class BaseModelOutputWithPoolingAndCrossAttentions(ModelOutput):
    last_hidden_state: mindspore.Tensor | None = None
    pooler_output: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    past_key_values: Cache | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class CausalLMOutputWithCrossAttentions(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    cross_attentions: Tensors | None = None


@dataclass
class MaskedLMOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class NextSentencePredictorOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class SequenceClassifierOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class MultipleChoiceModelOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class TokenClassifierOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class QuestionAnsweringModelOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    start_logits: mindspore.Tensor | None = None
    end_logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class ImageClassifierOutput(ModelOutput):
    loss: mindspore.Tensor | None = None
    logits: mindspore.Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
