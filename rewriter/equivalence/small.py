"""A small configuration of any HuggingFace-style configuration class, found by what its arguments are called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

VOCABULARY, IMAGE, LONGEST = 99, 32, 64

SIZES: Mapping[str, int] = {
    "vocab": VOCABULARY,
    "image_size": IMAGE,
    "patch_size": 8,
    "layer": 2,
    "depth": 2,
    "num_blocks": 2,
    "head_dim": 8,
    "heads": 4,
    "n_head": 4,
    "head_count": 4,
    "num_attention": 4,
    "intermediate": 64,
    "ffn": 64,
    "mlp_dim": 64,
    "d_ff": 64,
    "max_position": LONGEST,
    "n_positions": LONGEST,
    "d_model": 32,
    "n_embd": 32,
    "projection_dim": 32,
    "embedding_size": 32,
    "embed_dim": 32,
    "hidden": 32,
    "dim": 32,
}
"""A part of an argument's name → the most that it may be; the first part that fits counts."""

SPECIAL_TOKENS: Mapping[str, int] = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
"""What these become where they lie beyond the small vocabulary, or where a class comes without one of its own."""

_FEW = 4
"""Numbers up to this one are left as they are, but those of layers: they count types, labels or channels."""


def small_configuration(configuration: type, settings: Mapping[str, Any] | None = None) -> Any:
    """Return a configuration with two layers of width 32, or as near to that as the class allows.

    Args:
        configuration: The class. All its arguments have defaults, as `transformers` has it.
        settings: What else to set, where the class knows it.

    Raises:
        Exception: Whatever the class raises for its own defaults.
    """
    return next(small_configurations(configuration, settings))


def small_configurations(configuration: type, settings: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """Yield what the class takes of these: everything small, then few layers of full width, then its defaults.

    The arguments, and what is raised where it takes none, are those of `small_configuration`.
    """
    wanted = {name: value for name, value in (settings or {}).items() if _knows(configuration, name)}
    error: Exception | None = None
    count = 0
    for arguments in _candidates(configuration):
        try:
            found = configuration(**{**arguments, **wanted})
        except Exception as raised:  # some sizes must fit each other in ways of their own
            error = error or raised
            continue
        count += 1
        yield _with_known_tokens(found)
    if not count and error is not None:
        raise error


def _candidates(configuration: type) -> Iterator[dict[str, Any]]:
    """Yield arguments to try, of which the second are those that no other size depends on."""
    everything = dict(_shrunk(configuration))
    yield everything
    yield {name: value for name, value in everything.items() if "vocab" in name or "layer" in name}
    yield {name: value for name, value in everything.items() if isinstance(value, dict)}


def _shrunk(configuration: type) -> Iterator[tuple[str, Any]]:
    parameters = inspect.signature(configuration).parameters
    has_words = "vocab_size" not in parameters or parameters["vocab_size"].default is not None
    for name, parameter in parameters.items():
        default = parameter.default
        if default is inspect.Parameter.empty or (name in SPECIAL_TOKENS and has_words):
            continue
        value = _small(name, default) if has_words else SPECIAL_TOKENS.get(name, _small(name, default))
        if value != default:
            yield name, value
    for name, part in vars(configuration()).items():
        if hasattr(part, "to_dict") and _knows(configuration, name):
            yield name, small_configuration(type(part)).to_dict()


def _knows(configuration: type, name: str) -> bool:
    parameters = inspect.signature(configuration).parameters
    return name in parameters or any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters.values())


def _small(name: str, value: Any) -> Any:
    """Return a default, or the smaller number that an argument of such a name may be."""
    if value is None and name == "vocab_size":
        return VOCABULARY
    if isinstance(value, (list, tuple)) and value and all(type(item) is int for item in value):
        return type(value)(_small(name, item) for item in value)
    if type(value) is not int or (value <= _FEW and not {"layer", "depth"} & set(name.split("_"))):
        return value
    if name.startswith("num_labels") or "channels" in name:
        return value
    return next((min(most, value) for part, most in SIZES.items() if part in name.lower()), value)


def _with_known_tokens(configuration: Any) -> Any:
    """Move the special tokens into the vocabulary."""
    size = getattr(configuration, "vocab_size", None)
    for name, token in SPECIAL_TOKENS.items():
        value = getattr(configuration, name, None)
        if isinstance(size, int) and type(value) is int and value >= size:
            setattr(configuration, name, token)
    return configuration
