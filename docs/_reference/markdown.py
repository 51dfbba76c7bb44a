"""Pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a line break in a cell becomes a space, and a bar is escaped.

    Args:
        head: The column titles.
        rows: The cells, as Markdown.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: str, language: str = "") -> str:
    """Return a fenced block, whatever fences are in the text."""
    longest = max((len(found) for found in re.findall(r"^`{3,}", text, flags=re.MULTILINE)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def quoted(text: str) -> str:
    """Return inline code; nothing for an empty text."""
    return f"`{text}`" if text else ""


def anchor(heading: str) -> str:
    """Return what a link to a heading ends in, as code hosts and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def listed(names: Iterable[str]) -> str:
    """Return names as inline code with commas between them."""
    return ", ".join(map(quoted, names))


def join(parts: Iterable[str]) -> str:
    """Return a page of parts, with one empty line between them and none left out for an empty part."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")
