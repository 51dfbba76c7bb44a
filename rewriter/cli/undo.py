"""`rewriter undo`: bring back what `apply --in-place` changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .session import complain


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files rewritten with --in-place.")],
    force: Annotated[bool, typer.Option("--force", help="Restore even if the file was edited since.")] = False,
) -> None:
    """Restore, byte for byte, the files that `rewriter apply --in-place` changed.

    One file that cannot be restored does not stop the others; the worst exit code counts.

    Example:  rewriter undo modeling_bert.py
    """
    from .. import files
    from ..errors import RewriterError

    worst = 0
    for path in paths:
        try:
            files.undo(path, force=force)
        except RewriterError as error:
            complain(error)
            worst = max(worst, error.exit_code)
        else:
            typer.echo(f"restored {path}")
    raise typer.Exit(worst)
