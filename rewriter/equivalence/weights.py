"""The weights of a model: their names as a checkpoint has them, drawing them, and loading them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Values = dict[str, npt.NDArray[Any]]


def tensors(model: Any) -> dict[str, Any]:
    """Return checkpoint key → parameter or buffer; a tied one under each of its keys where the library does so."""
    if hasattr(model, "state_dict"):
        return dict(model.state_dict(keep_vars=True))
    return dict(model.parameters_dict())


def modules(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield (path, module) for a model and the modules below it; mindnlp's have both methods, and they agree."""
    yield from model.named_modules() if hasattr(model, "named_modules") else model.cells_and_names()


def layout(model: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return checkpoint key → (shape, dtype), in the order of a checkpoint."""
    return {key: (tuple(tensor.shape), str(tensor.dtype)) for key, tensor in tensors(model).items()}


def constants(model: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return path → (shape, dtype) of the tensors that modules keep besides: position ids, masks made once."""
    found = {}
    for path, module in modules(model):
        for name, value in {**vars(module), **vars(module).get("_buffers", {})}.items():
            if hasattr(value, "asnumpy") and type(value).__name__ != "Parameter":
                found[f"{path}.{name}".lstrip(".")] = (tuple(value.shape), str(value.dtype))
    return found


def tied(model: Any) -> set[frozenset[str]]:
    """Return the sets of checkpoint keys that are one parameter."""
    groups: dict[int, set[str]] = {}
    for key, tensor in tensors(model).items():
        groups.setdefault(id(tensor), set()).add(key)
    return {frozenset(keys) for keys in groups.values() if len(keys) > 1}


def trainable(model: Any) -> dict[str, Any]:
    """Return checkpoint key → parameter for every parameter that is trained, a tied one once."""
    found = {id(tensor): (key, tensor) for key, tensor in reversed(tensors(model).items())}
    return {key: tensor for key, tensor in reversed(found.values()) if getattr(tensor, "requires_grad", False)}


def draw(model: Any, seed: int) -> Values:
    """Return random values for every floating parameter, which depend on its key, its shape and `seed` alone."""
    values: Values = {}
    drawn: dict[int, npt.NDArray[Any]] = {}
    for key, tensor in tensors(model).items():
        old = tensor.asnumpy()
        if old.dtype.kind != "f":
            continue
        if id(tensor) not in drawn:
            drawn[id(tensor)] = _draw_one(key, old, np.random.default_rng([seed, zlib.crc32(key.encode())]))
        values[key] = drawn[id(tensor)]
    return values


def values(model: Any) -> Values:
    """Return the values of every floating parameter and buffer."""
    found = {key: tensor.asnumpy() for key, tensor in tensors(model).items()}
    return {key: value for key, value in found.items() if value.dtype.kind == "f"}


def rounded_elsewhere(given: Values, seed: int) -> Values:
    """Return values moved up or down by as much as the rounding of their sums amounts to.

    A sum of n products that is rounded after each term is the exact sum of products that are off by about sqrt(n) u
    each, where u is half the distance of 1 to the next number (Higham and Mary, A New Approach to Probabilistic
    Rounding Error Analysis, 2019); n is what a row of the weight holds. Nothing moves by less than one unit in the
    last place. What becomes of a key depends on it and on `seed` alone.
    """
    moved = {}
    for key, value in given.items():
        terms = max(1, int(np.prod(value.shape[1:])))
        part = np.finfo(value.dtype).eps * max(1.0, np.sqrt(terms) / 2)
        signs = np.random.default_rng([seed, zlib.crc32(key.encode())]).choice([-1.0, 1.0], value.shape)
        moved[key] = np.asarray(value * (1.0 + part * signs), value.dtype)
    return moved


def _draw_one(key: str, old: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
    """Draw wider than models initialise: attention scores come out of order 1, so that a wrong scale or mask shows.

    Half as wide again, and softmax amplifies rounding by half as much again without showing faults any better.
    """
    noise = random.standard_normal(old.shape)
    if old.ndim == 0:
        new = old + 0.1 * noise
    elif old.ndim == 1:
        is_scale = key.rsplit(".", 1)[-1] in ("weight", "gamma")
        new = (1.0 if is_scale else 0.0) + 0.2 * noise
    else:
        new = noise / np.sqrt(np.prod(old.shape[1:]))
    return np.asarray(new, old.dtype)


def load(model: Any, values: Values) -> None:
    """Load `values` as a user loads a checkpoint: `load_state_dict`, or `mindspore.load_param_into_net` for a Cell."""
    import mindspore

    given = {key: mindspore.Tensor(value) for key, value in values.items()}
    if isinstance(model, mindspore.nn.Cell):  # MindSpore's checkpoints hold Parameters, and mindnlp 0.3 takes no other
        given = {key: mindspore.Parameter(tensor, name=key) for key, tensor in given.items()}
    if hasattr(model, "load_state_dict"):
        model.load_state_dict(given, strict=False)
    else:
        mindspore.load_param_into_net(model, given)


def set_training(model: Any, mode: bool) -> None:
    """Put a model into training or evaluation mode, whatever its library calls that."""
    (getattr(model, "set_train", None) or model.train)(mode)


def differences(original: Any, rewritten: Any) -> list[str]:
    """Return what a checkpoint of one would not fit in the other: keys, shapes, dtypes and ties."""
    one, other = layout(original), layout(rewritten)
    found = [f"state-dict key {key} is gone" for key in one if key not in other]
    found += [f"state-dict key {key} is new" for key in other if key not in one]
    for key in one:
        if key in other and one[key] != other[key]:
            found.append(f"{key}: {_spelled(one[key])} became {_spelled(other[key])}")
    kept, now = constants(original), constants(rewritten)
    for path in kept:
        if path in now and kept[path] != now[path]:
            found.append(f"{path}: {_spelled(kept[path])} became {_spelled(now[path])}")
    if not found and list(one) != list(other):
        found.append("the state-dict keys come in another order")
    if not found and tied(original) != tied(rewritten):
        found.append(f"tied weights {_sorted(tied(original))} became {_sorted(tied(rewritten))}")
    return found


def _spelled(place: tuple[tuple[int, ...], str]) -> str:
    return f"{place[1]}{list(place[0])}"


def _sorted(groups: set[frozenset[str]]) -> list[list[str]]:
    return sorted(sorted(group) for group in groups)


def cast(model: Any, dtype: str) -> None:
    """Convert every floating parameter and buffer to the dtype called `dtype`, in place."""
    import mindspore

    wanted = getattr(mindspore, dtype)
    for tensor in {id(tensor): tensor for tensor in tensors(model).values()}.values():
        if tensor.asnumpy().dtype.kind == "f":
            tensor.set_dtype(wanted)


def as_tensors(values: Mapping[str, Any], dtype: str = "") -> dict[str, Any]:
    """Return fresh tensors for the arrays in `values`, nested tuples included.

    Args:
        values: Arrays, or nested tuples of arrays.
        dtype: What floating arrays are converted to; empty to keep them.
    """
    return {name: _fresh(value, dtype) for name, value in values.items()}


def _fresh(value: Any, dtype: str) -> Any:
    import mindspore

    if isinstance(value, tuple):
        return tuple(_fresh(item, dtype) for item in value)
    if not isinstance(value, np.ndarray):
        return value
    return mindspore.Tensor(value.astype(dtype) if dtype and value.dtype.kind == "f" else np.array(value))
