"""The JSON file beside a result: how it was made, and how its outputs relate to its source's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import RewriterError
from .places import CKPT, SAFETENSORS, read_json
from .plan import Plan

NAME = "expansion.json"
FORMAT = 1


def record_path(out: Path) -> Path:
    """Return where the record of a result is: in its folder, or beside the file."""
    if out.suffix in (SAFETENSORS, CKPT):
        return out.with_name(f"{out.stem}.{NAME}")
    return out / NAME


def to_bytes(plan: Plan, source: Mapping[str, str], target: Mapping[str, str]) -> bytes:
    """Return the record of a plan that was carried out; the same for the same files.

    Args:
        plan: The plan.
        source: File name → XXH3 (128 bits), of the source's files.
        target: Likewise, of the result's.
    """
    values = {
        "format": FORMAT,
        "rewriter": __version__,
        **plan.to_json(),
        "source": {"config": dict(plan.source.config), "xxh3_128": dict(source)},
        "target": {"config": dict(plan.target.config), "xxh3_128": dict(target)},
    }
    return (json.dumps(values, sort_keys=True) + "\n").encode()


def read_record(out: Path | str) -> dict[str, Any]:
    """Return the record of a result.

    Raises:
        RewriterError: There is none, or it is of another format.
    """
    path = record_path(Path(out))
    if not path.is_file():
        raise RewriterError(
            f"{path}: no such file, so nobody knows how {out} relates to its source",
            hint="`rewriter expand` writes it beside what it makes.",
        )
    found = read_json(path)
    if found.get("format") != FORMAT:
        raise RewriterError(f"{path}: format {found.get('format')!r}, and this version reads {FORMAT}")
    return found
