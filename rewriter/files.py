"""Writing results: atomically, and so that the original can be had back.

An interrupted write leaves either the old file or the new one, never a part: the bytes go to a temporary file in the
same folder, which then takes the name over in one step.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import RewriterError


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically, making its folder when it is absent.

    What a symbolic link points to is written, and the link stays. An existing file keeps its mode and its owner.

    Raises:
        RewriterError: The file cannot be written; what was there before is untouched.
    """
    temporary = None
    try:
        place = path.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        before = place.stat() if place.exists() else None
        if before is not None and not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        descriptor, name = tempfile.mkstemp(prefix=".rewriter-", dir=place.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask() if before is None else before.st_mode & 0o777)
        if before is not None:
            _give(temporary, before)
        temporary.replace(place)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, before Python 3.13
        raise RewriterError(
            f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})",
            hint="Choose another place with -o.",
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _give(temporary: Path, before: os.stat_result) -> None:
    """Give the new file the owner of the old one; only an administrator has to, and may."""
    if os.name == "posix" and (os.geteuid(), os.getegid()) != (before.st_uid, before.st_gid):
        with contextlib.suppress(OSError):
            os.chown(temporary, before.st_uid, before.st_gid)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@dataclass(frozen=True)
class Backup:
    """The bytes of a file before `--in-place` changed it.

    Attributes:
        path: The file, absolute.
        original: SHA-256 of the kept bytes.
        results: SHA-256 of what was written in their place, and in place of that.
    """

    path: str
    original: str
    results: tuple[str, ...]


def back_up(path: Path, original: bytes, result: bytes) -> None:
    """Keep `original` so that `undo` can restore it after `path` holds `result`.

    When the file holds what an earlier run wrote, the older original is the one that stays.
    """
    folder = _folder(path)
    known = _read(folder)
    kept = _bytes(folder / "original")
    results = [_digest(result)]
    if (
        known is not None
        and kept is not None
        and known.original == _digest(kept)
        and _digest(original) in known.results
    ):
        original = kept
        results = [*known.results, *results]
    write(folder / "original", original)
    record = Backup(str(path.resolve()), _digest(original), tuple(dict.fromkeys(results)))
    write(folder / "backup.json", json.dumps(asdict(record), indent=2).encode())


def undo(path: Path, *, force: bool = False) -> None:
    """Restore the bytes that `path` had before `rewriter apply --in-place`.

    Args:
        path: The file.
        force: Restore even when the file was edited after it was rewritten.

    Raises:
        RewriterError: There is no backup, or the file was edited since.
    """
    folder = _folder(path)
    backup = _read(folder)
    if backup is None:
        raise RewriterError(
            f"{path}: no backup, so nothing to undo",
            hint="Only `rewriter apply --in-place` changes a file and keeps one.",
        )
    original = _bytes(folder / "original")
    if original is None or _digest(original) != backup.original:
        raise RewriterError(f"{path}: its backup in {folder} is damaged; nothing was restored", exit_code=1)
    current = _bytes(path)
    if not force and current is not None and _digest(current) not in (*backup.results, backup.original):
        raise RewriterError(
            f"{path}: edited since it was rewritten; undo would lose that",
            hint="Save the edits elsewhere, then run `rewriter undo --force`.",
            exit_code=1,
        )
    write(path, original)
    shutil.rmtree(folder, ignore_errors=True)


def is_result(path: Path, data: bytes) -> bool:
    """Tell whether `data` is what an earlier `--in-place` wrote to `path`."""
    known = _read(_folder(path))
    return known is not None and _digest(data) in known.results


def _folder(path: Path) -> Path:
    from platformdirs import user_state_path

    return user_state_path("rewriter") / "backups" / _digest(os.fsencode(path.resolve()))[:16]


def _read(folder: Path) -> Backup | None:
    try:
        return Backup(**json.loads((folder / "backup.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
