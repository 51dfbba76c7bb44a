"""Every fenced block of the documentation says something that holds, without running anything.

Every `rewriter …` line goes through the real parser: the command, its options and their values are there. Python
compiles, TOML and YAML can be read, and a `[tool.rewriter]` table has keys that there are. What is besides run
for real is in `test_run.py`.
"""

from __future__ import annotations

import re

import pytest
from accepting import accept
from blocks import CODE, PAGES, SHOWN, Block, blocks_of, parsed
from mkdocs.utils import yaml_load
from not_run import NOT_RUN
from shell import Command, commands_of, in_block

from rewriter import settings

PROGRAMS = ("mypy", "pip", "pytest", "python", "python3", "rewriter", "ruff", "sed")


def everywhere(*languages: str) -> list:
    return [
        pytest.param(block, id=f"{block.page}:{block.line}") for page in PAGES for block in blocks_of(page, *languages)
    ]


def every_command() -> list:
    return [pytest.param(command, id=command.where) for page in PAGES for command in commands_of(page)]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page):
    for block in blocks_of(page):
        assert block.language in (*CODE, *SHOWN), f"{page}:{block.line}: nobody knows {block.language!r}"
        hidden = re.match(r"(rewriter [a-z]+ |import |from \w+ import )", block.text)
        assert block.language in CODE or not hidden, f"{page}:{block.line}: code that does not say what it is"


@pytest.mark.parametrize("command", every_command())
def test_every_command_is_one(command: Command):
    assert command.program in PROGRAMS, f"{command.where}: not a program that these tests know"
    if command.program == "rewriter":
        accept(command.words[1:])
    if command.program.startswith("python") and command.words[1:3] == ("-m", "rewriter"):
        accept(command.words[3:])


@pytest.mark.parametrize("block", everywhere("python"))
def test_python_compiles(block: Block):
    compile("\n" * (block.line - 1) + block.text, block.page, "exec")


@pytest.mark.parametrize("block", everywhere("toml"))
def test_toml_can_be_read(block: Block, tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text(block.text, encoding="utf-8")
    settings.load(tmp_path)


@pytest.mark.parametrize("block", everywhere("yaml"))
def test_yaml_can_be_read(block: Block):
    assert yaml_load(block.text)


def test_no_reason_is_left_over():
    """A command that went, or is run by now, needs no excuse."""
    texts = [command.text for page in PAGES for command in commands_of(page)]
    for pattern, why in NOT_RUN:
        assert any(re.search(pattern, text) for text in texts), f"{pattern} ({why}) is in no page"


def test_the_blocks_were_found():
    assert len(PAGES) > 15
    assert len(everywhere("python")) > 10
    assert len(every_command()) > 60


@pytest.mark.parametrize(
    "line",
    [
        "rewriter frobnicate modeling_bert.py",
        "rewriter apply",
        "rewriter apply modeling_bert.py --no-such-option",
        "rewriter apply modeling_bert.py --target abacus",
        "rewriter bench modeling_bert.py --rounds many",
        "rewriter verify modeling_bert.py",
        "rewriter --no-such-option",
    ],
)
def test_the_parser_refuses(line):
    """The twin: a page that says this would fail."""
    (block,) = parsed("page.md", f"```bash\n{line}\n```\n")
    (command,) = in_block(block, {})
    with pytest.raises(Exception, match=r"(?i)no such|missing|is not|no option"):
        accept(command.words[1:])


def test_the_reader_of_shell():
    lines = 'A=x B="y z"\nC=1 rewriter apply $A $B \\\n  --diff > out.txt  # why\n.venv/bin/pip install . && pytest\n'
    (block,) = parsed("page.md", f"```bash\n{lines}```\n")
    first, second, third = in_block(block, {})
    assert first.words == ("rewriter", "apply", "x", "y", "z", "--diff")
    assert first.environment == {"C": "1"}
    assert first.output == "out.txt"
    assert second.program == "pip"
    assert third.text == "pytest"
