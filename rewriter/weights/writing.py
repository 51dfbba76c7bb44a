"""Carrying a plan out: files with tensors, the configuration, and the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from ..errors import RewriterError
from . import execute, mindspore_file, record, staging, stream
from .checkpoint import Checkpoint
from .dtypes import numpy_dtype
from .families import FAMILIES
from .keys import Spelling
from .places import CKPT, CONFIG, SAFETENSORS
from .plan import Plan

Progress = Callable[[str, float], None]
"""Told of each tensor: its name, and the part of the bytes that is done."""


@dataclass(frozen=True)
class Options:
    """How a result is written.

    Attributes:
        spelling: Of its keys.
        force: Whether it may go over what is there.
        shard: Most bytes of one file; 0 for one file. For a folder alone.
    """

    spelling: Spelling
    force: bool = False
    shard: int = 0


def write(
    plan: Plan, checkpoint: Checkpoint, out: Path, options: Options, progress: Progress | None = None
) -> dict[str, str]:
    """Carry a plan out.

    Args:
        plan: The plan.
        checkpoint: The source, open.
        out: A folder, or a `.safetensors` or `.ckpt` file; its configuration and record come beside it.
        options: How.
        progress: Told of each tensor.

    Returns:
        File name → XXH3 (128 bits), of the files with tensors.

    Raises:
        RewriterError: Something is there already, or it cannot be written; nothing is left of it.
    """
    items = _items(plan, options.spelling)
    groups = _named(items, out, options, checkpoint)
    index = f"{_stem(out)}{SAFETENSORS}.index.json" if len(groups) > 1 else ""
    beside = (CONFIG, record.record_path(out).name)
    inside = () if staging.is_file(out) else (*groups, index)
    staging.refuse_existing(out, checkpoint.place.files[0].parent, (*beside, *inside), force=options.force)
    _refuse_untied(checkpoint)
    with staging.staged(out) as folder, ThreadPoolExecutor(1) as other:
        before = other.submit(lambda: {path.name: digest(path) for path in checkpoint.place.files})
        maker = _Maker(plan, checkpoint, sum(item.size for item in items), progress)
        hashes = {name: maker.write(folder / name, group) for name, group in groups.items()}
        if index:
            (folder / index).write_bytes(_index(groups))
        (folder / CONFIG).write_bytes(_json(plan.target.config))
        (folder / beside[1]).write_bytes(record.to_bytes(plan, before.result(), hashes))
    return hashes


def digest(path: Path) -> str:
    """Return the XXH3 (128 bits) of a file."""
    found = xxhash.xxh3_128()
    with path.open("rb") as stream_:
        while part := stream_.read(1 << 20):
            found.update(part)
    return found.hexdigest()


class _Maker:
    """Makes the tensors of a plan, and tells how far it is.

    Args:
        plan: The plan.
        checkpoint: The source.
        total: Bytes in all.
        progress: Told of each tensor.
    """

    def __init__(self, plan: Plan, checkpoint: Checkpoint, total: int, progress: Progress | None) -> None:
        self._plan = plan
        self._checkpoint = checkpoint
        self._total = max(1, total)
        self._done = 0
        self._progress = progress

    def write(self, path: Path, items: list[stream.Item]) -> str:
        """Write one file; returns its XXH3 (128 bits)."""
        if path.suffix == CKPT:
            mindspore_file.save(path, self._arrays(items))
            return digest(path)
        return stream.write(path, items, self._fill, {"format": "pt", **self._checkpoint.metadata})

    def _arrays(self, items: list[stream.Item]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        for item in stream.in_order(items):
            out = np.empty(item.shape, numpy_dtype(item.dtype))
            self._fill(item.key, out)
            yield item.name, out

    def _fill(self, key: str, out: npt.NDArray[Any]) -> None:
        execute.fill(self._plan.recipes[key], self._checkpoint.read, out)
        self._done += out.nbytes
        if self._progress is not None:
            self._progress(key, self._done / self._total)


def _items(plan: Plan, spelling: Spelling) -> list[stream.Item]:
    family = FAMILIES[plan.target.family]
    return [
        stream.Item(spelling.of(key, family), key, recipe.shape, recipe.dtype) for key, recipe in plan.recipes.items()
    ]


def _stem(out: Path) -> str:
    return out.stem if staging.is_file(out) else "model"


def _named(
    items: list[stream.Item], out: Path, options: Options, checkpoint: Checkpoint
) -> dict[str, list[stream.Item]]:
    """Return file name → its tensors. A folder gets the format of the source."""
    suffix = CKPT if checkpoint.place.is_mindspore else SAFETENSORS
    if staging.is_file(out):
        suffix = out.suffix
    if not options.shard:
        return {f"{_stem(out)}{suffix}": items}
    if staging.is_file(out) or suffix == CKPT:
        raise RewriterError("shards are safetensors files in a folder", hint="Name a folder with -o.")
    groups = stream.shards(items, options.shard)
    return {f"model-{n:05}-of-{len(groups):05}{suffix}": group for n, group in enumerate(groups, 1)}


def _index(groups: Mapping[str, list[stream.Item]]) -> bytes:
    weights = {item.name: name for name, group in groups.items() for item in group}
    total = sum(item.size for group in groups.values() for item in group)
    return _json({"metadata": {"total_size": total}, "weight_map": dict(sorted(weights.items()))})


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _refuse_untied(checkpoint: Checkpoint) -> None:
    """Refuse a decoder of its own where the configuration says that it is the word embedding."""
    family = FAMILIES[checkpoint.view.family]
    if not checkpoint.view.tied or family.decoder not in checkpoint.view.slots:
        return
    decoder, embedding = checkpoint.read(family.decoder), checkpoint.read(family.embedding)
    if decoder.dtype != embedding.dtype or any(
        bool((a.view(np.uint8) != b.view(np.uint8)).any()) for a, b in zip(decoder, embedding, strict=True)
    ):
        raise RewriterError(
            f"{checkpoint.path}: {family.decoder} is not {family.embedding}, and the configuration ties the two",
            hint='Say "tie_word_embeddings": false in its config.json.',
        )
