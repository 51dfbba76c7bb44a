"""The command line. Each command lives in a file of its own and imports what it needs when it runs."""

from __future__ import annotations

import gc
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import RewriterError
from . import apply, bench, bisect, expand, explain, new_pass, passes, plugins, run, survey, test, undo, verify
from .session import complain


class _Interruptible(TyperGroup):
    """Commands that may be interrupted anywhere, also between their work and their last line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an interruption ends it with 130, where Click's 1 would say that a promise failed."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted; nothing was left half written", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    name="rewriter",
    cls=_Interruptible,
    help=(
        "Rewrite HuggingFace-style MindSpore modeling files for static graphs, and prove that nothing changed.\n\n"
        "Start with:  rewriter apply modeling_bert.py --diff\n\n"
        "then:        rewriter verify modeling_bert.py modeling_bert_rewritten.py\n\n"
        "and if that finds a difference:  rewriter bisect modeling_bert.py modeling_bert_rewritten.py\n\n"
        "Exit codes: 0 done, 1 a promise failed (nothing matched, a verdict different), 2 usage or unreadable input, "
        "130 interrupted."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,  # rich help would double the start-up time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from .._version import __version__

        typer.echo(f"rewriter {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Hold the options that come before a command."""


app.command("apply")(apply.command)
app.command("verify")(verify.command)
app.command("bisect")(bisect.command)
app.command("bench")(bench.command)
app.command("expand")(expand.command)
app.command("explain")(explain.command)
app.command("new-pass")(new_pass.command)
app.command("passes")(passes.command)
app.command("plugins")(plugins.command)
app.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(run.command)
app.command("survey")(survey.command)
app.command("test")(test.command)
app.command("undo")(undo.command)


def main() -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never in a traceback."""
    try:
        app()
    except RewriterError as error:
        complain(error)
        sys.exit(error.exit_code)
    finally:
        gc.freeze()  # the process ends here: a last collection would go through every syntax tree for nothing
