"""A result appears whole or not at all: it is made in a folder of its own, which then takes the name over."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import RewriterError
from .places import CKPT, SAFETENSORS


def is_file(out: Path) -> bool:
    """Tell whether `-o` names a file; a folder otherwise."""
    return out.suffix in (SAFETENSORS, CKPT)


def refuse_existing(out: Path, source: Path, names: tuple[str, ...], *, force: bool) -> None:
    """Refuse to write where something is.

    Args:
        out: The folder or file that the user named.
        source: The folder of the source, which is never written to.
        names: The files that will be written besides a file `out`, in its folder.
        force: Whether the user allows it.

    Raises:
        RewriterError: Something is there.
    """
    folder = out.parent if is_file(out) else out
    if folder.resolve() == source.resolve():
        raise RewriterError(f"{out}: the source is in this folder", hint="Choose another place with -o.")
    if folder.exists() and not folder.is_dir():
        raise RewriterError(f"{folder}: a file is in the place of the folder", hint="Choose another place with -o.")
    taken = [out] if out.is_dir() and any(out.iterdir()) else []
    if is_file(out):
        taken = [path for path in (out, *(folder / name for name in names)) if path.exists()]
    if taken and not force:
        raise RewriterError(f"{taken[0]}: it exists", hint="--force writes over it.")
    strangers = () if is_file(out) else _weights(out) - set(names)
    if strangers:
        raise RewriterError(f"{out}: it holds another checkpoint, {min(strangers)}", hint="Choose another place.")


def _weights(folder: Path) -> set[str]:
    """Return the names of files that a reader might take for the result's."""
    kinds = (SAFETENSORS, CKPT, f"{SAFETENSORS}.index.json")
    return {path.name for path in folder.iterdir() if path.name.endswith(kinds)} if folder.is_dir() else set()


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yield a folder beside `out`; when the block ends without an error, what is in it becomes the result.

    Args:
        out: The folder, or the file, of the result. What the block writes goes over what is there.

    Raises:
        RewriterError: Something cannot be written. Nothing is left of it.
    """
    parent = out.parent
    made = [path for path in (parent, *parent.parents) if not path.exists()]
    temporary: Path | None = None
    done = False
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".rewriter-", dir=parent))
        yield temporary
        _take_over(temporary, parent if is_file(out) else out, move_all=is_file(out))
        done = True
    except OSError as error:
        raise RewriterError(
            f"{out}: cannot be written ({error.strerror or error})", hint="Choose another place with -o."
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if not done:
            for path in made:  # the innermost first
                with contextlib.suppress(OSError):
                    path.rmdir()


def _take_over(temporary: Path, folder: Path, *, move_all: bool) -> None:
    """Move the result to its place: as a whole where the place is free, else file by file."""
    if not move_all and not (folder.is_dir() and any(folder.iterdir())):
        temporary.chmod(0o777 & ~_umask())
        temporary.replace(folder)
        return
    for path in sorted(temporary.iterdir()):
        path.replace(folder / path.name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
