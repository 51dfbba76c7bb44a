"""The commands in a bash block, as far as pages need it: comments, continued lines, `&&`, `>`, and variables."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from string import Template

from blocks import Block, blocks_of


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        block: Where it stands.
        words: The program and its arguments, variables filled in.
        environment: What is set in front of it.
        output: The file that it prints into; empty for none.
    """

    block: Block
    words: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    output: str = ""

    @property
    def program(self) -> str:
        """Its name, wherever it lies."""
        return PurePath(self.words[0]).name

    @property
    def text(self) -> str:
        """One line to know it by."""
        return shlex.join([self.program, *self.words[1:]])

    @property
    def where(self) -> str:
        """For a message."""
        return f"{self.block.page}:{self.block.line}: {self.text}"


def commands_of(page: str) -> list[Command]:
    """Return the commands of all bash blocks of a page; a variable holds from its line to the end of the page."""
    variables: dict[str, str] = {}
    return [command for block in blocks_of(page, "bash") for command in in_block(block, variables)]


def in_block(block: Block, variables: dict[str, str]) -> Iterator[Command]:
    """Yield the commands of one block, and note the variables that it sets."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = _words(Template(line).safe_substitute(variables))
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            command = _command(block, words[:end], variables)
            if command is not None:
                yield command
            words = words[end + 1 :]


def _words(line: str) -> list[str]:
    reader = shlex.shlex(line, posix=True, punctuation_chars="&>|;")
    reader.whitespace_split = True
    return list(reader)


def _command(block: Block, words: list[str], variables: dict[str, str]) -> Command | None:
    """Return a command; None for a line that only sets variables, which are noted."""
    if unknown := {"|", ";", "||", ">>"} & set(words):
        raise ValueError(f"{block.page}:{block.line}: {unknown} is more shell than this reader knows")
    if words[0] == "export":
        words = words[1:]
    set_here: dict[str, str] = {}
    while words and words[0].partition("=")[0].isidentifier() and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        set_here[name] = value
    if not words:
        variables |= set_here
        return None
    output = words[-1] if ">" in words else ""
    return Command(block, tuple(words[:-2] if output else words), set_here, output)
