"""`rewriter undo`: bring back what `apply --in-place` changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files rewritten with --in-place.")],
    force: Annotated[bool, typer.Option("--force", help="Restore even if the file was edited since.")] = False,
) -> None:
    """Restore, byte for byte, the files that `rewriter apply --in-place` changed."""
    from .. import files

    for path in paths:
        files.undo(path, force=force)
        typer.echo(f"restored {path}")
