"""The target's configuration: a file, or a few sizes on top of the source's; and what a source cannot become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RewriterError
from .families import FAMILIES, Family, family_of
from .model import ModelView, Sizes
from .places import CONFIG, read_json

_LABELS = ("id2label", "label2id", "num_labels", "problem_type")


def target_config(text: str, source: ModelView) -> dict[str, Any]:
    """Return the configuration that `--to` asks for.

    Args:
        text: A `config.json`, a folder that has one, or `hidden_size=768,num_attention_heads=12`: what changes.
        source: The source.

    Raises:
        RewriterError: It cannot be read, or is none of a larger model that computes the same.
    """
    family = FAMILIES[source.family]
    path = Path(text)
    if "=" in text and not path.exists():
        return checked(_changed(text, source.config, family), source)
    config = read_json(path / CONFIG if path.is_dir() else path)
    family_of({"model_type": family.name, **config}, (), text)
    kept = {name: source.config[name] for name in _LABELS if name in source.config}
    return checked({"model_type": family.name, **kept, **config}, source)


def changed(config: Mapping[str, Any], changes: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Return a configuration with some sizes changed.

    Args:
        config: The configuration.
        changes: Size → its value; the names of any family will do.
        family: Of the model.

    Raises:
        RewriterError: A name is no size.
    """
    found = dict(config)
    for name, value in changes.items():
        known = next((names for names in family.sizes.values() if name in names), None)
        if known is None:
            sizes = ", ".join(names[0] for names in family.sizes.values())
            raise RewriterError(f"--to: {name} is no size of a {family.name} model", hint=f"Its sizes: {sizes}.")
        written = next((one for one in known if one in found), known[0])
        found[written] = value
    return found


def _changed(text: str, config: Mapping[str, Any], family: Family) -> dict[str, Any]:
    changes = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            changes[name.strip()] = json.loads(value)
        except ValueError:
            raise RewriterError(f"--to: {part} gives no number", hint="Write hidden_size=768,…") from None
    return changed(config, changes, family)


def checked(config: dict[str, Any], source: ModelView) -> dict[str, Any]:
    """Return a target's configuration, unless the source cannot become that.

    Args:
        config: The target's configuration.
        source: The source.

    Raises:
        RewriterError: It is none of a larger model that computes the same.
    """
    family = FAMILIES[source.family]
    if config.get("model_type") != family.name:
        raise RewriterError(f"the target is a {config.get('model_type')} model, and the source a {family.name} model")
    for name, default in family.agree.items():
        before, after = source.config.get(name, default), config.get(name, default)
        if before != after:
            raise RewriterError(f"the target's {name} is {after!r}, and the source's is {before!r}; they have to agree")
    target = family.measure(config, "the target")
    _refuse_sizes(source.sizes, target, family)
    return config


def _refuse_sizes(source: Sizes, target: Sizes, family: Family) -> None:
    for name in ("vocabulary", "positions", "types"):
        before, after = getattr(source, name), getattr(target, name)
        if before != after:
            called = family.sizes[name][0]
            raise RewriterError(f"the target's {called} is {after}, and the source's is {before}; it cannot change")
    for name in ("hidden", "heads", "layers", "intermediate"):
        before, after = getattr(source, name), getattr(target, name)
        if after < before:
            raise RewriterError(f"the target is smaller: {family.sizes[name][0]} {after}, and the source has {before}")
    if target.head < source.head:
        raise RewriterError(
            f"the target is smaller: {target.heads} heads of {target.head} units, and the source's have {source.head}",
            hint="Fewer heads make larger ones.",
        )
