"""A progress bar for what takes minutes, where the number of steps is known."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..benchmark.plan import Progress
    from ..report import Report

EVERY_S = 0.25


@contextlib.contextmanager
def bar(report: Report, title: str) -> Iterator[Progress]:
    """Show a bar on standard error while the block runs, if that is a terminal; yields what moves it.

    It is drawn when it is moved, and a few times a second at most: a thread that draws would be part of what is timed.

    Args:
        report: Of the command; with JSON, what others print to standard output goes to standard error meanwhile.
        title: What runs.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from ..report import output_to_stderr

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with output_to_stderr() if report.as_json else contextlib.nullcontext():
        shown = Progress(*columns, console=console, transient=True, auto_refresh=False, disable=not sys.stderr.isatty())
        with shown:
            task = shown.add_task(escape(title), total=1.0)
            drawn = 0.0

            def move(what: str, done: float = 0.0) -> None:
                nonlocal drawn
                due = time.monotonic() - drawn > EVERY_S
                shown.update(task, description=escape(f"{title}: {what}"), completed=done, refresh=due)
                drawn = time.monotonic() if due else drawn

            yield move
