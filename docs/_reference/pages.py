"""Which reference pages there are."""

from __future__ import annotations

from collections.abc import Callable

from . import apis, commands, examples, passes, settings, verdict, weight_passes

PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands.page,
    "reference/settings.md": settings.page,
    "reference/passes.md": passes.page,
    "reference/weight-passes.md": weight_passes.page,
    "reference/apis.md": apis.page,
    "reference/verdict.md": verdict.page,
    "reference/examples.md": examples.page,
}


def pages() -> dict[str, str]:
    """Return path below docs/ → Markdown text of every generated page."""
    return {path: write() for path, write in PAGES.items()}
