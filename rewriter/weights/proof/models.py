"""A checkpoint that can be asked, in either precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model import ModelView
from . import bert, gpt2
from .bert import Answers
from .cases import WeightCase
from .inputs import Inputs
from .numerics import Array
from .tensors import Weights

PRECISIONS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}


@dataclass(frozen=True)
class Asked:
    """One call and its answers.

    Attributes:
        case: Id of the case, with the step of a decoding.
        inputs: What was asked.
        answers: Output → array.
    """

    case: str
    inputs: Inputs
    answers: Answers


@dataclass(frozen=True)
class Model:
    """What the forwards need of a checkpoint.

    Attributes:
        view: Its configuration, sizes and keys.
        read: Gives the stored tensor of a canonical key.
    """

    view: ModelView
    read: Callable[[str], Array]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, with the sizes and the tie under the names that the forwards read."""
        sizes = self.view.sizes
        return {
            **self.view.config,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "n_layer": sizes.layers,
            "n_head": sizes.heads,
            "tie_word_embeddings": self.view.tied,
        }

    def weights(self, precision: str) -> Weights:
        """Return the weights in a precision of `PRECISIONS`."""
        slots = [slot for slot in self.view.slots.values() if not slot.is_buffer]
        elements = sum(math.prod(slot.shape) for slot in slots)
        return Weights((slot.key for slot in slots), self.read, PRECISIONS[precision], elements)

    def ask(self, cases: list[WeightCase], precision: str) -> Iterator[Asked]:
        """Yield the answers to every call of every case, one after the other."""
        weights, config = self.weights(precision), self.config
        for case in cases:
            past = None
            for step, inputs in case.steps():
                if self.view.family == "bert":
                    answers = bert.forward(config, weights, inputs)
                else:
                    answers = gpt2.forward(config, weights, inputs, past)
                    past = gpt2.cache_of(answers)
                yield Asked(f"{case.id}/{step}" if step else case.id, inputs, answers)
