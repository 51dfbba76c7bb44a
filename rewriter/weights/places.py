"""Which files a checkpoint is made of: a folder, a file, a set of shards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RewriterError

SAFETENSORS, CKPT, INDEX = ".safetensors", ".ckpt", ".safetensors.index.json"
CONFIG = "config.json"
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle")


@dataclass(frozen=True)
class Place:
    """Where a checkpoint is.

    Attributes:
        files: Its files with tensors.
        config: Its configuration.
    """

    files: tuple[Path, ...]
    config: Path

    @property
    def is_mindspore(self) -> bool:
        """Whether it is MindSpore's own format."""
        return self.files[0].suffix == CKPT


def find(path: Path) -> Place:
    """Return the files of a checkpoint.

    Args:
        path: A folder, a `.safetensors` or `.ckpt` file, or the index of shards.

    Raises:
        RewriterError: There is none, or it is a pickle.
    """
    if path.is_dir():
        return Place(_in_folder(path), path / CONFIG)
    if path.name.endswith(_PICKLES):
        raise _pickle(path)
    if not path.is_file():
        raise RewriterError(f"{path}: no such checkpoint")
    if path.name.endswith(INDEX):
        return Place(_shards(path), path.parent / CONFIG)
    if path.suffix not in (SAFETENSORS, CKPT):
        raise RewriterError(f"{path}: no checkpoint", hint=f"A folder, or a file {SAFETENSORS}, {INDEX} or {CKPT}.")
    return Place((path,), path.parent / CONFIG)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        RewriterError: It cannot be read, or holds no object.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise RewriterError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RewriterError(f"{path}: no JSON ({error})") from None
    if not isinstance(found, dict):
        raise RewriterError(f"{path}: no JSON object")
    return found


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration of a checkpoint.

    Raises:
        RewriterError: There is none, or it cannot be read.
    """
    if not path.is_file():
        raise RewriterError(
            f"{path}: no such file", hint="The number of heads stands nowhere else; put it beside the checkpoint."
        )
    return read_json(path)


def _in_folder(folder: Path) -> tuple[Path, ...]:
    for name in (f"model{SAFETENSORS}", f"model{CKPT}"):
        if (folder / name).is_file():
            return (folder / name,)
    indices = sorted(folder.glob(f"*{INDEX}"))
    if len(indices) == 1:
        return _shards(indices[0])
    files = sorted([*folder.glob(f"*{SAFETENSORS}"), *folder.glob(f"*{CKPT}")])
    if len(files) == 1:
        return (files[0],)
    if files:
        raise RewriterError(f"{folder}: {len(files)} checkpoints", hint="Name the file, or the index of its shards.")
    pickles = sorted(path for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise _pickle(pickles[0])
    raise RewriterError(f"{folder}: no checkpoint in this folder", hint=f"A file {SAFETENSORS} or {CKPT} is one.")


def _shards(index: Path) -> tuple[Path, ...]:
    weights = read_json(index).get("weight_map")
    if not isinstance(weights, dict) or not weights or not all(isinstance(name, str) for name in weights.values()):
        raise RewriterError(f"{index}: it lists no shards")
    names = sorted(set(weights.values()))
    for name in names:
        if Path(name).name != name:
            raise RewriterError(f"{index}: the shard {name} is not in its folder")
        if not (index.parent / name).is_file():
            raise RewriterError(f"{index}: the shard {name} is missing")
    return tuple(index.parent / name for name in names)


def _pickle(path: Path) -> RewriterError:
    return RewriterError(
        f"{path}: a pickle, which could run anything, so it is not opened",
        hint="Save it as safetensors where you trust it.",
    )
