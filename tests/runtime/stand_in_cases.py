"""The calls of `tests/fixtures/stand_in_outputs.npz`, made in MindSpore and compared with what PyTorch answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
from mindspore import Tensor

FIXTURE = Path(__file__).parents[1] / "fixtures" / "stand_in_outputs.npz"

TOLERANCE = {"float64": (1e-12, 1e-12), "float32": (1e-5, 1e-6), "float16": (2e-3, 2e-3)}
"""Relative and absolute; of gradients ten times as much. What is whole or true is equal."""


@dataclass
class Case:
    """A call: `state` are the weights of a layer, and `call` what it is called with."""

    name: str
    args: Any
    kwargs: Any
    answer: Any
    state: Any = None
    shapes: Any = None
    call: Any = None
    gradients: Any = field(default_factory=list)

    def __str__(self) -> str:
        """Return the call as one would write it, with shapes in the place of tensors."""
        named = [f"{key}={_shown(value)}" for key, value in self.kwargs.items()]
        text = f"{self.name}({', '.join([*map(_shown, self.args), *named])})"
        return text if self.call is None else f"{text}({', '.join(map(_shown, self.call))})"


def _shown(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)


def load() -> list[Case]:
    """Return all cases, with NumPy arrays in the place of tensors."""
    with np.load(FIXTURE) as stored:
        data = stored["data"].tobytes()
        return [Case(**_decoded(one, data)) for one in json.loads(stored["cases"].tobytes())]


def _decoded(value: Any, data: bytes) -> Any:
    if isinstance(value, dict) and "array" in value:
        kind, first, shape = value["array"]
        return np.frombuffer(data, kind, int(np.prod(shape)), first).reshape(shape)
    if isinstance(value, dict) and "tuple" in value:
        return tuple(_decoded(one, data) for one in value["tuple"])
    if isinstance(value, dict):
        return {key: _decoded(one, data) for key, one in value.items()}
    return [_decoded(one, data) for one in value] if isinstance(value, list) else value


def resolve(name: str) -> Any:
    """Return what a name under `mindspore` is."""
    found: Any = mindspore
    for part in name.split("."):
        found = getattr(found, part)
    return found


def tensors(value: Any) -> Any:
    """Return arguments with tensors in the place of arrays and types in the place of their names."""
    if isinstance(value, np.ndarray):
        return Tensor(np.array(value))
    if isinstance(value, dict):
        return {key: tensors(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(tensors(one) for one in value)
    if isinstance(value, str) and value.startswith("dtype:"):
        return getattr(mindspore, {"bool": "bool_"}.get(value[6:], value[6:]))
    return value


def function_of(case: Case) -> Any:
    """Return the function to call; a layer is built, and has the weights of the case."""
    found = resolve(case.name)
    if case.call is None:
        return found
    layer = found(*tensors(case.args), **tensors(case.kwargs)).set_train(False)
    parameters = {parameter.name: parameter for parameter in layer.trainable_params()}
    assert {name: list(one.shape) for name, one in parameters.items()} == case.shapes, "names and shapes"
    for name, value in case.state.items():
        parameters[name].set_data(Tensor(np.array(value)))
    return layer


def arguments_of(case: Case) -> tuple[list[Any], dict[str, Any]]:
    """Return what the function is called with, as NumPy arrays."""
    return (case.call, {}) if case.call is not None else (case.args, case.kwargs)


def problem(case: Case, run: Any = None) -> str:
    """Make the call and return what is not as in PyTorch. `run` makes another function of it."""
    function = function_of(case)
    args, kwargs = arguments_of(case)
    try:
        answer = (run or (lambda given: given))(function)(*tensors(args), **tensors(kwargs))
        found = difference(answer, case.answer)
    except Exception as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return f"{case}: {found}" if found else ""


def gradient_problem(case: Case) -> str:
    """Take the gradients of a call; return what is not as in PyTorch."""
    try:
        found = _gradient_difference(case, function_of(case))
    except Exception as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return f"{case}: {found}" if found else ""


def _gradient_difference(case: Case, function: Any) -> str:
    args, kwargs = arguments_of(case)
    flat: list[Any] = []
    of_args, of_kwargs = _taken_out(tensors(args), flat), _taken_out(tensors(kwargs), flat)
    differentiable = [place for place, one in enumerate(flat) if one.dtype == mindspore.float32]
    weights = Tensor(np.cos(np.arange(case.answer.size, dtype=np.float32)).reshape(case.answer.shape))

    def total(*values: Any) -> Any:
        return (function(*_put_in(of_args, values), **_put_in(of_kwargs, values)) * weights).sum()

    found = mindspore.grad(total, tuple(differentiable))(*flat)
    found = found if isinstance(found, tuple) else (found,)
    for place, (actual, expected) in enumerate(zip(found, case.gradients, strict=True)):
        wrong = difference(actual, expected, 10)
        if wrong:
            return f"gradient {place}: {wrong}"
    return ""


def _taken_out(value: Any, flat: list[Any]) -> Any:
    if isinstance(value, Tensor):
        flat.append(value)
        return itemgetter(len(flat) - 1)
    if isinstance(value, dict):
        return {key: _taken_out(one, flat) for key, one in value.items()}
    return type(value)(_taken_out(one, flat) for one in value) if isinstance(value, (list, tuple)) else value


def _put_in(value: Any, values: Any) -> Any:
    if callable(value):
        return value(values)
    if isinstance(value, dict):
        return {key: _put_in(one, values) for key, one in value.items()}
    return type(value)(_put_in(one, values) for one in value) if isinstance(value, (list, tuple)) else value


def difference(actual: Any, expected: Any, factor: float = 1) -> str:
    """Return how an answer differs in kind, type, shape or values; empty when it does not."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(actual, (tuple, list)) or len(actual) != len(expected):
            return f"{type(actual).__name__} in the place of {len(expected)} answers"
        return next(filter(None, map(difference, actual, expected)), "")
    if not isinstance(expected, np.ndarray):
        return "" if actual is expected or actual == expected else f"{actual!r} in the place of {expected!r}"
    if not isinstance(actual, Tensor):
        return f"a {type(actual).__name__} in the place of a tensor"
    found = actual.asnumpy()
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"{_shown(found)} in the place of {_shown(expected)}"
    relative, absolute = (factor * one for one in TOLERANCE.get(expected.dtype.name, (0, 0)))
    if np.allclose(found, expected, relative, absolute, equal_nan=True):
        return ""
    return f"{found.ravel()[:6]} in the place of {expected.ravel()[:6]}"
