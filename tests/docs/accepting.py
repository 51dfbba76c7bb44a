"""What the command line takes, asked of the command line itself."""

from __future__ import annotations

import typer.main

from rewriter.cli import app

GROUP = typer.main.get_command(app)


def accept(words: tuple[str, ...]) -> None:
    """Have the program's own parser read the words behind `rewriter`, and run nothing.

    Raises:
        Exception: It refuses them.
    """
    words = tuple(word for word in words if word != "…")
    if words[0].startswith("-"):
        assert words[0] in {name for parameter in GROUP.params for name in parameter.opts}, f"no option {words[0]}"
        return
    top = GROUP.context_class(GROUP, info_name="rewriter")
    name, command, rest = GROUP.resolve_command(top, list(words))
    command.make_context(name, rest, parent=top)
