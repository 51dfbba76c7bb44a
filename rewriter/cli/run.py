"""`rewriter run`: run a script on rewritten modeling code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT = ["mindnlp.transformers.models.bert", "mindnlp.transformers.models.clip"]
"""What is rewritten when nothing is named."""


def command(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python script.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGS…", help="Its arguments.")] = None,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--module", metavar="DOTTED", help="Package or module to rewrite (default: mindnlp's BERT and CLIP)."
        ),
    ] = None,
    stand_ins: Annotated[
        bool,
        typer.Option("--stand-ins", help="Stand in for the calls of mindspore.mint that have no kernel here."),
    ] = False,
) -> None:
    """Run an unmodified script so that the models it imports are the rewritten ones.

    With --stand-ins a script for another device runs on this one, say mindone's models on a CPU: a call of
    mindspore.mint that has no kernel here is made by a reference implementation, and every other call is left alone.
    Nothing is rewritten then but what --module names. For trying and testing: a kernel is faster.

    Examples:

      rewriter run --module mindnlp.transformers.models.bert train.py --epochs 3

      rewriter run --stand-ins for_ascend.py
    """
    from ..runtime.script import run

    chosen = modules or ([] if stand_ins else DEFAULT)
    run(script, arguments or [], chosen, stand_ins=stand_ins)
