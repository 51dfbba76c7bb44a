"""From a configuration and the keys of a checkpoint to the view that weight passes see, and to that of the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import RewriterError
from .families import FAMILIES, Family, family_of
from .families.family import dims, shape
from .model import HIDDEN, POOLED, Dim, ModelView, Sizes, Slot

Shapes = Mapping[str, tuple[int, ...]]


def source_view(config: Mapping[str, Any], shapes: Shapes, dtypes: Mapping[str, str], where: str) -> ModelView:
    """Return the view of a checkpoint.

    Args:
        config: Its configuration.
        shapes: Canonical key → shape.
        dtypes: Canonical key → name of the dtype.
        where: The name of the checkpoint, for messages.

    Raises:
        RewriterError: Tensors are missing, unknown or misshapen, or the configuration says something else.
    """
    family = family_of(config, shapes, where)
    sizes = family.measure(config, f"the configuration of {where}")
    tables = _tables(family, shapes, _is_tied(family, config))
    slots = {key: _slot(family, tables, key, found) for key, found in shapes.items()}
    _refuse_unknown(family, slots, sizes, where)
    _refuse_missing(family, tables, slots, sizes, where)
    _refuse_misshapen(tables, slots, sizes, where)
    view = ModelView(family.name, config, sizes, slots, dtypes, _is_tied(family, config))
    return replace(view, tied_norm=_tied_norm(family, view))


def target_view(source: ModelView, config: Mapping[str, Any]) -> ModelView:
    """Return the view of what `source` grows into: the same heads and buffers, with the sizes of `config`.

    Args:
        source: The source.
        config: The target's configuration.

    Raises:
        RewriterError: The configuration is none of a larger model of the same kind.
    """
    family = FAMILIES[source.family]
    sizes = family.measure(config, "the target")
    tables = _tables(family, source.slots, source.tied)
    slots: dict[str, Slot] = {}
    dtypes: dict[str, str] = {}
    for slot in source.slots.values():
        for layer in _layers(slot, source.sizes.layers, sizes.layers):
            key = family.join(slot.part, layer)
            template = source.slots[family.join(slot.part, slot.layer)]
            slots[key] = replace(slot, key=key, layer=layer, shape=_grown(tables, template, sizes))
            dtypes[key] = source.dtypes[template.key]
    return ModelView(source.family, config, sizes, slots, dtypes, source.tied, source.tied_norm)


def _layers(slot: Slot, before: int, after: int) -> Iterable[int | None]:
    """Yield the target layers that a tensor is the pattern of; the last source layer is that of all further ones."""
    if slot.layer is None:
        return (None,)
    return range(slot.layer, after) if slot.layer == before - 1 else (slot.layer,)


def _grown(tables: Mapping[str, str], slot: Slot, sizes: Sizes) -> tuple[int, ...]:
    """Return the shape of a tensor in a model of other sizes."""
    if slot.is_buffer:
        return slot.shape
    wanted = shape(tables[slot.part], sizes)
    return tuple(old if new is None else new for old, new in zip(slot.shape, wanted, strict=True))


def _is_tied(family: Family, config: Mapping[str, Any]) -> bool:
    return bool(config.get("tie_word_embeddings", family.agree["tie_word_embeddings"]))


def _tied_norm(family: Family, view: ModelView) -> str | None:
    """Return the norm before a tied decoder; a head that is no language model's reads the norm as it is."""
    others = view.has("score.weight") or view.has("classifier.weight")
    if not view.tied or (family.norm == "ln_f" and others):
        return None
    return family.norm


def _tables(family: Family, keys: Iterable[str], tied: bool) -> dict[str, str]:
    """Return part → axes, of every part that this model may have."""
    parts = {**family.outside, **family.optional, **family.inside}
    for group in family.heads:
        parts.update(group)
    if tied:  # the decoder is the embedding then, and grows like it
        parts[family.decoder] = parts[family.embedding]
    if "pooler.dense.weight" not in set(keys) and "classifier.weight" in parts:
        parts["classifier.weight"] = parts["classifier.weight"].replace(POOLED, HIDDEN)  # a classifier of tokens
    return parts


def _slot(family: Family, tables: Mapping[str, str], key: str, found: tuple[int, ...]) -> Slot:
    part, layer = family.split(key)
    known = not family.is_buffer(key) and (part in family.inside) == (layer is not None)
    axes: tuple[Dim, ...] = dims(tables[part]) if known and part in tables else ()
    return Slot(key, part, layer, axes, found)


def _refuse_unknown(family: Family, slots: Mapping[str, Slot], sizes: Sizes, where: str) -> None:
    for key, slot in slots.items():
        if slot.layer is not None and slot.layer >= sizes.layers:
            raise RewriterError(
                f"{where}: it has {key}, but its configuration says {sizes.layers} layers",
                hint="Put the config.json of this checkpoint beside it.",
            )
    unknown = [key for key, slot in slots.items() if slot.is_buffer and not family.is_buffer(key)]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise RewriterError(
            f"{where}: unknown tensor {unknown[0]}{more}; no rule says how it grows",
            hint=f"Every tensor has to be one of {family.name}'s.",
        )


def _refuse_missing(
    family: Family, tables: Mapping[str, str], slots: Mapping[str, Slot], sizes: Sizes, where: str
) -> None:
    wanted = list(family.outside)
    for group in family.heads:
        if any(part in slots for part in group):
            wanted += group
            untied = tables[family.decoder] != tables[family.embedding]
            wanted += [family.decoder] if untied and f"{family.norm}.weight" in group else []
    wanted += [family.join(part, layer) for layer in range(sizes.layers) for part in family.inside]
    missing = [key for key in wanted if key not in slots]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise RewriterError(f"{where}: tensor {missing[0]}{more} is missing")


def _refuse_misshapen(tables: Mapping[str, str], slots: Mapping[str, Slot], sizes: Sizes, where: str) -> None:
    for key, slot in slots.items():
        if slot.is_buffer:
            continue
        wanted = shape(tables[slot.part], sizes)
        fits = len(wanted) == len(slot.shape)
        if not fits or any(one not in (None, other) for one, other in zip(wanted, slot.shape, strict=True)):
            said = ", ".join("?" if one is None else str(one) for one in wanted)
            raise RewriterError(f"{where}: {key} has the shape {list(slot.shape)}, and the configuration says [{said}]")
