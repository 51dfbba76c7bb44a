"""What can be asked of a model besides a plain call: the gradients of a loss, and a text written token by token."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import weights
from .cases import Case
from .subject import Outcome, outcome_of, tensors_in, tensors_of

NEW_TOKENS = 4


def gradients(model: Any, case: Case) -> Outcome:
    """Return the loss of a call and the gradient of every parameter: `{"loss": …, "gradients[key]": …}`.

    A model that returns no loss gets one: the sum of its floating outputs, each number weighted by one drawn from the
    output's place, so that no error cancels out. What a model draws from Python and NumPy, as LayerDrop does, is the
    same in every call.
    """
    import mindspore

    inputs = tensors_of(case)
    parameters = weights.trainable(model)

    def loss() -> Any:
        result = (getattr(model, case.method) if case.method else model)(**inputs, **case.flags)
        given = result.get("loss") if hasattr(result, "get") else getattr(result, "loss", None)
        return _weighted_sum(result) if given is None else given

    def run() -> dict[str, Any]:
        with _same_draws():
            value, found = mindspore.value_and_grad(loss, None, tuple(parameters.values()))()
        return {"loss": value, **{f"gradients[{key}]": one for key, one in zip(parameters, found, strict=True)}}

    return outcome_of(model, run)


@contextmanager
def _same_draws() -> Iterator[None]:
    """Draw the same numbers inside each time, and go on outside as if nothing had been drawn."""
    ours, numbers = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(numbers)


def _weighted_sum(result: Any) -> Any:
    import mindspore

    floating = (mindspore.float16, mindspore.float32, mindspore.float64)
    total: Any = 0.0
    for place, tensor in enumerate(tensors_in(result)):
        if tensor.dtype in floating:
            drawn = np.random.default_rng(zlib.crc32(b"%d" % place)).standard_normal(tensor.shape)
            total = total + (tensor * mindspore.Tensor(drawn / max(1, drawn.size), tensor.dtype)).sum()
    return total


def generated(model: Any, case: Case) -> Outcome:
    """Return the tokens that greedy decoding writes."""
    inputs = tensors_of(case)
    return outcome_of(model, lambda: model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False))
