"""MindSpore's `.ckpt` files. MindSpore is imported here, when such a file is read or written, and nowhere else."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RewriterError
from .dtypes import numpy_dtype

_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def load(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a file by the keys in it.

    Raises:
        RewriterError: It cannot be read, or is a pickle with the name of a checkpoint.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise RewriterError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(_PICKLES):
        raise RewriterError(
            f"{path}: a pickle, which could run anything, so it is not opened",
            hint="Save it as safetensors where you trust it.",
        )
    import mindspore

    try:
        with _silent():
            found = mindspore.load_checkpoint(str(path))
    except Exception as error:  # MindSpore raises what its reader happens to raise
        raise RewriterError(
            f"{path}: cannot be read as a MindSpore checkpoint ({str(error).strip().splitlines()[0]})"
        ) from None
    return {key: _array(value) for key, value in found.items()}


def save(path: Path, tensors: Iterable[tuple[str, npt.NDArray[Any]]]) -> None:
    """Write tensors in their order.

    Args:
        path: A name that ends in `.ckpt`.
        tensors: Key and array of each; arrays that are not used again.

    Raises:
        OSError: The file cannot be written.
    """
    import mindspore

    listed = [{"name": key, "data": _tensor(mindspore, value)} for key, value in tensors]
    try:
        with _silent():
            mindspore.save_checkpoint(listed, str(path))
    except Exception as error:  # MindSpore raises what its writer happens to raise
        raise OSError(str(error).strip().splitlines()[0]) from None
    path.chmod(0o666 & ~_umask())  # MindSpore leaves it read-only


def _array(value: Any) -> npt.NDArray[Any]:
    import mindspore

    if value.dtype == mindspore.bfloat16:
        widened: npt.NDArray[Any] = value.astype(mindspore.float32).asnumpy()
        return widened.astype(numpy_dtype("bfloat16"))
    return np.asarray(value.asnumpy())


def _tensor(mindspore: Any, value: npt.NDArray[Any]) -> Any:
    if value.dtype == numpy_dtype("bfloat16"):
        return mindspore.Tensor(value.astype(np.float32)).astype(mindspore.bfloat16)
    return mindspore.Tensor(value)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep MindSpore from logging what is said better in one line."""
    logger = logging.getLogger(f"ME.mindspore.log.{os.getpid()}")  # MindSpore's own
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
