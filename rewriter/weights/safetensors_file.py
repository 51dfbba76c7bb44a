"""Reading a safetensors file: the library checks it, and tensors are views of the mapped file, without a copy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from ..errors import RewriterError
from .dtypes import NAMES, numpy_dtype

METADATA = "__metadata__"
_LENGTH = 8


@dataclass(frozen=True)
class Entry:
    """A tensor in a file.

    Attributes:
        shape: Its shape.
        dtype: The name of its dtype.
        begin: Where its bytes begin in the file.
        end: Where they end.
    """

    shape: tuple[int, ...]
    dtype: str
    begin: int
    end: int


class SafetensorsFile:
    """An open file.

    Args:
        path: The file.

    Raises:
        RewriterError: It cannot be read, is cut off, or is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, framework="np"):  # every check of the format
                pass
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, SafetensorError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RewriterError(f"{path}: cannot be read as safetensors ({reason})") from None
        self.metadata, self.entries = _header(path, self._bytes)

    def read(self, key: str) -> npt.NDArray[Any]:
        """Return a tensor as a view of the file: read-only, in the dtype it is stored in."""
        entry = self.entries[key]
        flat = np.asarray(self._bytes[entry.begin : entry.end])
        return flat.view(numpy_dtype(entry.dtype)).reshape(entry.shape)


def _header(path: Path, data: npt.NDArray[np.uint8]) -> tuple[dict[str, str], dict[str, Entry]]:
    """Return the metadata and the tensors that the header lists."""
    length = int.from_bytes(data[:_LENGTH].tobytes(), "little")
    header = json.loads(data[_LENGTH : _LENGTH + length].tobytes())
    metadata = header.pop(METADATA, None) or {}
    entries = {}
    for key, value in header.items():
        if value["dtype"] not in NAMES:
            raise RewriterError(f"{path}: {key} has the dtype {value['dtype']}, which cannot be read")
        begin, end = value["data_offsets"]
        start = _LENGTH + length
        entries[key] = Entry(tuple(value["shape"]), NAMES[value["dtype"]], start + begin, start + end)
    return metadata, entries
