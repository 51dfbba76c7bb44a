"""Writing a safetensors file tensor by tensor: the header first, then the bytes of each tensor as soon as it is made.

The library writes what it has in memory as a whole. Here other threads write and hash one tensor while the next one is
made, so that no more than two of the largest are in memory.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from .dtypes import format_name, numpy_dtype
from .safetensors_file import METADATA

_ALIGNMENT = 8
_AHEAD = 64 << 20
"""Bytes of further tensors that may wait to be written while one is made."""
_CHUNK = 1 << 20
"""Bytes that are written at a time: more at once take Linux several times as long (1.3 GB: 0.5 s of its time, or 5)."""


@dataclass(frozen=True)
class Item:
    """A tensor that is to be written.

    Attributes:
        name: Its key in the file.
        key: Its canonical key.
        shape: Its shape.
        dtype: The name of its dtype.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Its bytes."""
        return math.prod(self.shape) * numpy_dtype(self.dtype).itemsize


Make = Callable[[str, npt.NDArray[Any]], None]
"""Fills the array of a canonical key."""


def in_order(items: Sequence[Item]) -> list[Item]:
    """Return tensors in the order of the file: wide dtypes first, so that all of them are aligned; then by name."""
    return sorted(items, key=lambda item: (-numpy_dtype(item.dtype).itemsize, item.name))


def write(path: Path, items: Sequence[Item], make: Make, metadata: Mapping[str, str]) -> str:
    """Write a file.

    Args:
        path: The file; what was there before is lost.
        items: Its tensors.
        make: Makes one.
        metadata: What the header says besides.

    Returns:
        The XXH3 (128 bits) of the file.

    Raises:
        OSError: It cannot be written.
    """
    ordered = in_order(items)
    digest = xxhash.xxh3_128()
    room = _Room(max((item.size for item in ordered), default=0))
    with path.open("wb") as stream, ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) as hasher:

        def put(data: bytes | memoryview) -> tuple[Future[None], Future[None]]:
            return writer.submit(_in_chunks, stream.write, data), hasher.submit(digest.update, data)

        header = put(_header(ordered, metadata))
        for item in ordered:
            place = room.take(item.size)
            make(item.key, place.view(numpy_dtype(item.dtype)).reshape(item.shape))
            room.give(put(place.data))
        room.wait()
        for future in header:
            future.result()
    return digest.hexdigest()


class _Room:
    """Memory for the tensors that are being made, written and hashed: a ring, in which they lie one behind the other.

    Args:
        largest: Bytes of the largest tensor.
    """

    def __init__(self, largest: int) -> None:
        self._bytes = np.empty(_aligned(largest) + _aligned(min(largest, _AHEAD)), np.uint8)
        self._taken: deque[tuple[int, int, tuple[Future[None], ...]]] = deque()
        self._place = (0, 0)

    def take(self, size: int) -> npt.NDArray[np.uint8]:
        """Return room for a tensor, as soon as those that are in the way are done."""
        begin = self._place[1]
        if begin + _aligned(size) > len(self._bytes):  # from the start again, past those that lie at the end
            while self._taken and self._taken[0][0] >= begin:
                self._wait_for_oldest()
            begin = 0
        self._place = begin, begin + _aligned(size)
        while self._taken and self._taken[0][0] < self._place[1] and self._taken[0][1] > begin:
            self._wait_for_oldest()
        return self._bytes[begin : begin + size]

    def give(self, futures: tuple[Future[None], ...]) -> None:
        """Hand the room that was taken last to those that write and hash it."""
        self._taken.append((*self._place, futures))

    def wait(self) -> None:
        """Wait until everything is written and hashed; raises what went wrong."""
        while self._taken:
            self._wait_for_oldest()

    def _wait_for_oldest(self) -> None:
        for future in self._taken.popleft()[2]:
            future.result()


def _aligned(size: int) -> int:
    """Return what a tensor takes up in the ring; never nothing, so that each one is in somebody's way."""
    return max(1, -(-size // _ALIGNMENT)) * _ALIGNMENT


def _in_chunks(write: Callable[[bytes | memoryview], object], data: bytes | memoryview) -> None:
    for begin in range(0, len(data), _CHUNK):
        write(data[begin : begin + _CHUNK])


def _header(ordered: Sequence[Item], metadata: Mapping[str, str]) -> bytes:
    """Return the length and the text that a file begins with."""
    values: dict[str, Any] = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    offset = 0
    for item in ordered:
        values[item.name] = {
            "dtype": format_name(item.dtype),
            "shape": list(item.shape),
            "data_offsets": [offset, offset + item.size],
        }
        offset += item.size
    text = json.dumps(values, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def shards(items: Sequence[Item], limit: int) -> list[list[Item]]:
    """Share tensors out to files of at most `limit` bytes each (or one tensor), in order."""
    found: list[list[Item]] = [[]]
    room = limit
    for item in in_order(items):
        if found[-1] and item.size > room:
            found.append([])
            room = limit
        found[-1].append(item)
        room -= item.size
    return found
