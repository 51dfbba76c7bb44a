"""The fenced blocks of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md"))
)
CODE = ("python", "bash", "toml", "yaml")
SHOWN = ("", "text", "diff")
"""What a program printed, a signature, a drawing: nothing that can be run."""

FENCE = re.compile(
    r'^(?P<indent> *)(?P<fence>`{3,})(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^ *(?P=fence)$',
    flags=re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: Path of the page, from the root of the repository.
        line: 1-based line of its first line of text.
        language: What stands behind the fence.
        title: The file that the reader is to write it to; empty for none.
        text: The text, without the indentation that the whole block has.
    """

    page: str
    line: int
    language: str
    title: str
    text: str


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page: str, *languages: str) -> list[Block]:
    """Return the blocks of a page, in order; only those in `languages`, where any are named."""
    return [block for block in parsed(page, text_of(page)) if not languages or block.language in languages]


def parsed(page: str, text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        lines = [line.removeprefix(match["indent"]) for line in match["text"].splitlines(keepends=True)]
        line = text.count("\n", 0, match.start("text")) + 1
        found.append(Block(page, line, match["language"], match["title"] or "", "".join(lines)))
    return found
