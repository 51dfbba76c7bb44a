"""`rewriter new-pass`: a working pass to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RewriterError
from ..scaffold import Template
from .options import JsonOption
from .session import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..scaffold import Names


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the pass is called, like my-pass.")],
    kind: Annotated[
        Template,
        typer.Option(
            help="A pattern and its replacement; any rewriting of the tree (visitor); one for the compiler, whose "
            "examples are executed too (graph); or one of a checkpoint (weights)."
        ),
    ] = Template.PATTERN,
    package: Annotated[
        bool, typer.Option("--package", help="Write an installable plugin: pyproject.toml, tests, CI, README.")
    ] = False,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write (made if absent).")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a pass that works, with examples and a test, to start from.

    The file is a plugin by itself: `rewriter apply --plugin my_pass.py`. With --package it comes in a folder that pip
    installs, and every `rewriter apply` finds it then.

    Exit codes: 0 written; 2 the name cannot be used, or a file is there already.

    Examples:

      rewriter new-pass my-pass && rewriter test my_pass.py

      rewriter new-pass my-pass --kind visitor

      rewriter new-pass my-pass --package && pip install -e rewriter-my-pass
    """
    with reporting(as_json=json) as report:
        from .. import files, scaffold

        spelled = scaffold.names(name)
        _refuse_known(spelled.pass_name)
        texts = {output / path: text for path, text in scaffold.files(kind, spelled, package=package).items()}
        there = [path for path in texts if path.exists()]
        if there and not force:
            raise RewriterError(
                f"{there[0]} is there already", hint="Choose another name, or overwrite it with --force."
            )
        for path, text in texts.items():
            files.write(path, text.encode())
            report.put("files", str(path))
            report.console.print(f"wrote {path}", markup=False)
        for line in _next(output, spelled, kind, package=package):
            report.console.print(line, markup=False)


def _refuse_known(name: str) -> None:
    """Refuse the name of a pass that there is: two of one name cannot be put in order."""
    from ..plugins import load

    if owners := [owner for owner, item in load().passes() if item.name == name]:
        raise RewriterError(f"the plugin {owners[0]} has a pass '{name}' already", hint="Choose another name.")


def _next(output: Path, spelled: Names, kind: Template, *, package: bool) -> Sequence[str]:
    """Return what to do now."""
    if package:
        folder = output / spelled.distribution
        return ("next:", f"  pip install -e {folder}", f"  rewriter test {spelled.package}", f"  pytest {folder}")
    file = output / f"{spelled.module}.py"
    use = f"apply --plugin {file} modeling_bert.py --diff"
    if kind is Template.WEIGHTS:
        use = f"expand --plugin {file} CHECKPOINT --to num_hidden_layers=12 --depth {spelled.pass_name} --plan"
    return (
        "next:",
        f"  rewriter test {file}",
        f"  pytest {output / f'test_{spelled.module}.py'}",
        f"  rewriter {use}",
    )
