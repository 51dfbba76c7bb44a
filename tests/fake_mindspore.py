"""As much of MindSpore, on NumPy, as the small model of `hostile.py` needs to run."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class Tensor(np.ndarray):
    """An array with the methods that the rewritten files call."""

    def permute(self, *axes: int) -> Any:
        return np.transpose(self, axes)

    def unsqueeze(self, axis: int) -> Any:
        return np.expand_dims(self, axis)

    def asnumpy(self) -> Any:
        return np.asarray(self)

    def data_ptr(self) -> int:
        return self.ctypes.data


class Cell:
    """A module: its forward is `construct`."""

    training = False
    _cells = ()

    def __init__(self, *arguments: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.construct(*args, **kwargs)


class Dense(Cell):
    """A layer without weights."""

    def construct(self, x: Any) -> Any:
        return x * 2 + 1


class Softmax(Cell):
    """A layer that takes an axis."""

    def construct(self, x: Any) -> Any:
        return x


def tensor(*shape: int) -> Tensor:
    """Return a tensor of small numbers."""
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 7 - 1).view(Tensor)


def modules() -> dict[str, types.ModuleType]:
    """Return the modules by name."""
    functions = {"tanh": np.tanh, "matmul": np.matmul, "einsum": np.einsum, "softmax": lambda x, axis=-1: x}
    ops = {"cat": lambda tensors, axis=0: np.concatenate(tensors, axis), "finfo": np.finfo, "Tensor": Tensor}
    mint = {"cat": lambda tensors, dim=0: np.concatenate(tensors, dim)}
    found = {
        "mindspore.nn": {"Cell": Cell, "Dense": Dense, "Softmax": Softmax, "CellList": list, "SequentialCell": list},
        "mindspore.ops": functions | ops,
        "mindspore.mint": functions | mint,
        "mindspore": {
            "Tensor": Tensor,
            "float32": np.float32,
            "float16": np.float16,
            "jit": lambda function, **options: function,
            "log": types.SimpleNamespace(warning=lambda *values: None),
        },
    }
    made = {name: types.ModuleType(name) for name in found}
    for name, members in found.items():
        vars(made[name]).update(members)
    for name in ("nn", "ops", "mint"):
        setattr(made["mindspore"], name, made[f"mindspore.{name}"])
    return made


@contextmanager
def installed() -> Iterator[None]:
    """Let `import mindspore` give the stand-in."""
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "mindspore"}
    for name in kept:
        del sys.modules[name]
    sys.modules.update(modules())
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "mindspore"]:
            del sys.modules[name]
        sys.modules.update(kept)


CALLS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("construct", ()),
    ("construct", (True,)),
    ("construct", (False, 1.0)),
    ("scores", (tensor(2, 3, 2), tensor(2, 4, 2), 1.0)),
    ("scores", (tensor(2, 3, 2), tensor(2, 4, 2), 0.5)),
)


def observed(data: bytes) -> list[str]:
    """Execute a file and call its encoder in several ways; return what a caller sees of each."""
    seen: list[str] = []
    with installed(), np.errstate(all="ignore"):
        scope: dict[str, Any] = {"__name__": "hostile"}
        try:
            exec(compile(data, "hostile.py", "exec", dont_inherit=True), scope)
        except Exception as error:
            return [f"{type(error).__name__}: {error}"]
        for method, arguments in CALLS:
            seen.append(_called(scope, method, arguments))
    return seen


def _called(scope: dict[str, Any], method: str, arguments: tuple[Any, ...]) -> str:
    try:
        encoder = scope["Encoder"]()
        first = () if method == "scores" else (tensor(2, 2),)
        value = getattr(encoder, method)(*first, *arguments)
        if isinstance(value, types.CoroutineType):
            value = _driven(value)
        if isinstance(value, types.GeneratorType):
            value = list(value)
        return repr(_plain(value))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _plain(value: Any) -> Any:
    """Return a value with its arrays rounded: some passes change the order of sums."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.round(np.asarray(value, dtype=np.float64), 4).tolist()
    if isinstance(value, (tuple, list)):
        return type(value)(map(_plain, value))
    return value


def _driven(coroutine: types.CoroutineType[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    finally:
        coroutine.close()
    return "waits"
