"""Writing results: atomically, and so that the original can be had back.

An interrupted write leaves either the old file or the new one, never a part: the bytes go to a temporary file in the
same folder, which then takes the name over in one step.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import RewriterError


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically, making its folder when it is absent.

    Raises:
        RewriterError: The file cannot be written; what was there before is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise RewriterError(
            f"{path}: cannot be written ({error.strerror or error})", hint="Choose another place with -o."
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


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
        result: SHA-256 of what was written in their place.
    """

    path: str
    original: str
    result: str


def back_up(path: Path, original: bytes, result: bytes) -> None:
    """Keep `original` so that `undo` can restore it after `path` holds `result`.

    When the file already has a backup and holds that backup's result, the older original is the one that stays.
    """
    folder = _folder(path)
    known = _read(folder)
    if known is not None and known.result == _digest(original):
        original = (folder / "original").read_bytes()
    write(folder / "original", original)
    record = Backup(str(path.resolve()), _digest(original), _digest(result))
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
    original = (folder / "original").read_bytes()
    if _digest(original) != backup.original:
        raise RewriterError(f"{path}: its backup in {folder} is damaged; nothing was restored", exit_code=1)
    current = path.read_bytes() if path.exists() else b""
    if not force and path.exists() and _digest(current) not in (backup.result, backup.original):
        raise RewriterError(
            f"{path}: edited since it was rewritten; undo would lose that",
            hint="Save the edits elsewhere, then run `rewriter undo --force`.",
            exit_code=1,
        )
    write(path, original)
    (folder / "backup.json").unlink()
    (folder / "original").unlink()
    folder.rmdir()


def _folder(path: Path) -> Path:
    from platformdirs import user_state_path

    return user_state_path("rewriter") / "backups" / _digest(str(path.resolve()).encode())[:16]


def _read(folder: Path) -> Backup | None:
    try:
        return Backup(**json.loads((folder / "backup.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
