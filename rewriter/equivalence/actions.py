"""What users do to a model between two calls: other embeddings, another vocabulary, fewer heads, other heads on top.

An action gets a model and the sizes of its configuration, changes the model, and returns what its method returned where
that is a value to compare. It is the same function for the original and for its twin. The next action is a function
below and a line in `ACTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import weights
from .cases import Case
from .subject import tensors_of

PRUNED = {0: [1]}
"""Layer → the heads that are taken away."""
EXTRA_TOKENS = 6


@dataclass(frozen=True)
class Action:
    """One thing to do to a model.

    Attributes:
        needs: The methods a class must have for it.
        run: Does it.
        calls: Whether the model is called before and afterwards.
        own: A method that the file itself must define: what it inherits does nothing of interest here.
    """

    needs: tuple[str, ...]
    run: Callable[[Any, Case], Any]
    calls: bool = True
    own: str = ""

    def applies(self, model_class: type) -> bool:
        """Whether a class has what the action needs."""
        is_own = not self.own or any(self.own in vars(item) for item in _of_one_file(model_class))
        return is_own and all(callable(getattr(model_class, name, None)) for name in self.needs)


def _of_one_file(model_class: type) -> list[type]:
    return [item for item in model_class.__mro__ if item.__module__ == model_class.__module__]


def _resize(model: Any, case: Case) -> Any:
    model.resize_token_embeddings(_embedding(model).shape[0] + EXTRA_TOKENS)
    return tuple(int(size) for size in _embedding(model).shape)


def _replace_embeddings(model: Any, case: Case) -> Any:
    old = model.get_input_embeddings()
    new = type(old)(*(int(size) for size in _embedding(model).shape))
    model.set_input_embeddings(new)
    return type(new).__name__, model.get_input_embeddings() is new


def _replace_head(model: Any, case: Case) -> Any:
    old = model.get_output_embeddings()
    if old is None:
        return None
    rows, columns = (int(size) for size in old.weight.shape)
    new = type(old)(columns, rows)
    model.set_output_embeddings(new)
    return type(new).__name__, model.get_output_embeddings() is new


def _tie(model: Any, case: Case) -> Any:
    model.tie_weights()


def _prune(model: Any, case: Case) -> Any:
    (model.prune_heads if hasattr(model, "prune_heads") else model._prune_heads)(PRUNED)


def _checkpoint(model: Any, case: Case) -> Any:
    model.gradient_checkpointing_enable()
    weights.set_training(model, True)


def _prepare(model: Any, case: Case) -> Any:
    inputs = tensors_of(case)
    return model.prepare_inputs_for_generation(inputs.pop("input_ids"), **inputs)


def _reorder(model: Any, case: Case) -> Any:
    import mindspore

    past = tensors_of(case)["past_key_values"]
    rows = int(past[0][0].shape[0])
    return model._reorder_cache(past, mindspore.Tensor(np.roll(np.arange(rows), 1)))


def _embedding(model: Any) -> Any:
    found = model.get_input_embeddings()
    return found.weight if hasattr(found, "weight") else found.embedding_table


ACTIONS: dict[str, Action] = {
    "resize-embeddings": Action(("resize_token_embeddings", "get_input_embeddings"), _resize),
    "replace-embeddings": Action(("set_input_embeddings", "get_input_embeddings"), _replace_embeddings),
    "replace-head": Action(("set_output_embeddings",), _replace_head, own="get_output_embeddings"),
    "resize-head": Action(("resize_token_embeddings",), _resize, own="get_output_embeddings"),
    "tie-weights": Action(("tie_weights",), _tie),
    "prune-heads": Action(("_prune_heads",), _prune),
    "gradient-checkpointing": Action(("gradient_checkpointing_enable",), _checkpoint),
    "prepare-generation": Action((), _prepare, calls=False, own="prepare_inputs_for_generation"),
    "reorder-cache": Action(("_reorder_cache",), _reorder, calls=False),
}
"""Action name, as in `Case.action` → what it does."""
