"""`rewriter run`: run a script on rewritten modeling code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python script.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGS…", help="Its arguments.")] = None,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--module", metavar="DOTTED", help="Package or module to rewrite (default: mindnlp's BERT and CLIP)."
        ),
    ] = None,
) -> None:
    """Run an unmodified script so that the models it imports are the rewritten ones.

    Example:  rewriter run --module mindnlp.transformers.models.bert train.py --epochs 3
    """
    from ..runtime.script import run

    run(script, arguments or [], modules or ["mindnlp.transformers.models.bert", "mindnlp.transformers.models.clip"])
