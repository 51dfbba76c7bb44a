"""An open checkpoint: its view for weight passes, and its tensors when they are asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..errors import RewriterError
from . import mindspore_file
from .dtypes import FLOATING
from .keys import Spelling, canonicals, spelling_of
from .model import ModelView
from .places import Place, find, read_config
from .safetensors_file import SafetensorsFile
from .views import source_view


@dataclass
class Checkpoint:
    """A checkpoint that is open.

    Attributes:
        path: What the user named.
        place: Its files.
        view: What a weight pass sees of it.
        spelling: How its keys are written.
        metadata: What the files say besides.
    """

    path: Path
    place: Place
    view: ModelView
    spelling: Spelling
    metadata: Mapping[str, str]
    _readers: Mapping[str, Callable[[], npt.NDArray[Any]]] = field(repr=False)

    def read(self, key: str) -> npt.NDArray[Any]:
        """Return a tensor in the dtype that it is stored in; not to be written to.

        Args:
            key: Its canonical key.
        """
        return self._readers[key]()


@contextlib.contextmanager
def open_checkpoint(path: Path | str) -> Iterator[Checkpoint]:
    """Open a checkpoint.

    Args:
        path: A folder, a `.safetensors` or `.ckpt` file, or the index of shards. `config.json` is in the same folder.

    Raises:
        RewriterError: It cannot be read, is a pickle, or its tensors are not those that its configuration describes.
    """
    place = find(Path(path))
    config = read_config(place.config)
    readers, shapes, dtypes, metadata = _opened(place)
    where = str(path)
    written = canonicals(readers, where)
    view = source_view(
        config,
        {key: shapes[name] for key, name in written.items()},
        {key: dtypes[name] for key, name in written.items()},
        where,
    )
    _refuse_integers(view, where)
    found = {key: readers[name] for key, name in written.items()}
    yield Checkpoint(Path(path), place, view, spelling_of(readers), metadata, found)


Readers = dict[str, Callable[[], npt.NDArray[Any]]]


def _opened(place: Place) -> tuple[Readers, dict[str, tuple[int, ...]], dict[str, str], dict[str, str]]:
    """Return readers, shapes and dtypes by the keys in the files, and the metadata."""
    if place.is_mindspore:
        arrays = mindspore_file.load(place.files[0])
        return (
            {key: _reader(arrays.__getitem__, key) for key in arrays},
            {key: value.shape for key, value in arrays.items()},
            {key: value.dtype.name for key, value in arrays.items()},
            {},
        )
    readers: Readers = {}
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for file in map(SafetensorsFile, place.files):
        twice = sorted(file.entries.keys() & readers.keys())
        if twice:
            raise RewriterError(f"{file.path}: {twice[0]} is in another shard too")
        readers |= {key: _reader(file.read, key) for key in file.entries}
        shapes |= {key: entry.shape for key, entry in file.entries.items()}
        dtypes |= {key: entry.dtype for key, entry in file.entries.items()}
        metadata |= file.metadata
    return readers, shapes, dtypes, metadata


def _reader(read: Callable[[str], npt.NDArray[Any]], key: str) -> Callable[[], npt.NDArray[Any]]:
    return lambda: read(key)


def _refuse_integers(view: ModelView, where: str) -> None:
    """Refuse quantised weights; buffers may be whole numbers."""
    for key, slot in view.slots.items():
        if not slot.is_buffer and view.dtypes[key] not in FLOATING:
            raise RewriterError(f"{where}: {key} is {view.dtypes[key]}; only floating-point weights can grow")
