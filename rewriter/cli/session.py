"""What all commands share from start to end: where messages go, the JSON document, the exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from ..errors import RewriterError

if TYPE_CHECKING:
    from ..report import Report


def complain(error: RewriterError) -> None:
    """Print a mistake and its hint on standard error."""
    typer.secho(f"error: {error.message}", fg=None if os.environ.get("NO_COLOR") else "red", err=True)
    if error.hint:
        typer.echo(error.hint, err=True)


@contextlib.contextmanager
def reporting(*, as_json: bool = False, verbose: bool = False, diff: bool = False) -> Iterator[Report]:
    """Run a command: yields the report that it fills, then prints that and ends the process with its exit code.

    A `RewriterError` becomes a message and a part of the report, never a traceback. With `as_json`, what anything else
    (a plugin, a modeling file under proof) prints goes to standard error: standard output is the JSON document alone.

    Args:
        as_json: See `Report`.
        verbose: See `Report`.
        diff: See `Report`.

    Raises:
        typer.Exit: The exit code is not 0.
    """
    from ..report import Report

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without UTF-8 must not end in a UnicodeEncodeError
            stream.reconfigure(errors="backslashreplace")
    report = Report(as_json=as_json, verbose=verbose, diff=diff)
    try:
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            yield report
    except RewriterError as error:
        complain(error)
        report.error(error)
    report.close()
    if report.exit_code:
        raise typer.Exit(report.exit_code)
