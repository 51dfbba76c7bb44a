"""The page on the command line: every command, argument and option, as typer has them."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

import typer.main

from . import markdown

HEAD = """\
# Commands

What `rewriter COMMAND --help` says, command by command. `python -m rewriter` is the same program.

Exit codes: 0 done; 1 a promise failed (nothing matched, a verdict is `different`); 2 usage, or input that cannot be
read; 130 interrupted. Options that a project always needs have a place in [`pyproject.toml`](settings.md)."""


def page() -> str:
    """Return the page."""
    return markdown.join([HEAD, *(part for name, command in commands().items() for part in _section(name, command))])


def commands() -> dict[str, Any]:
    """Return name → command, in the order of `rewriter --help`."""
    return dict(_group().commands)


def parameters(command: Any) -> list[Any]:
    """Return the arguments and options of a command, without --help."""
    return [one for one in command.params if one.name != "help"]


def spelled(parameter: Any) -> str:
    """Return an argument as `PATH`, an option as `-o, --output OUT` or `--full / --quick`."""
    if parameter.param_type_name == "argument":
        return str(parameter.make_metavar(_context()))
    names = ", ".join(sorted(parameter.opts, key=len))
    if parameter.secondary_opts:
        names += " / " + ", ".join(parameter.secondary_opts)
    if parameter.is_flag or parameter.count:
        return names
    return f"{names} {_metavar(parameter)}"


def _section(name: str, command: Any) -> list[str]:
    given = [one for one in parameters(command) if one.param_type_name == "argument"]
    usage = " ".join(["rewriter", name, "[OPTIONS]", *(spelled(one) for one in given)])
    rows = [(f"`{spelled(one)}`", _help(one), _default(one)) for one in parameters(command)]
    return [
        f"## rewriter {name}",
        markdown.code(usage, "text"),
        *_paragraphs(command.help or ""),
        markdown.table(("argument or option", "what it does", "default"), rows) if rows else "",
    ]


def _paragraphs(text: str) -> list[str]:
    """Return the text of a docstring, the commands of its examples as a block."""
    lines = inspect.cleandoc(text).splitlines()
    found: list[str] = []
    examples: list[str] = []
    for line in lines:
        example = re.match(r"(?:Examples?:\s+|\s+)(rewriter .*)", line)
        if example:
            examples.append(example[1])
        elif line.strip() not in ("Example:", "Examples:", "\b"):
            found.append(_escaped(line))
    return ["\n".join(found).strip(), markdown.code("\n".join(examples), "bash") if examples else ""]


def _escaped(line: str) -> str:
    """Keep Markdown from taking `NAME_rewritten.py` or `*` for emphasis, and `<x>` for a tag."""
    return re.sub(r"([*_<])", r"\\\1", line)


def _help(parameter: Any) -> str:
    return _escaped_outside_code(getattr(parameter, "help", None) or "")


def _escaped_outside_code(text: str) -> str:
    return "`".join(_escaped(part) if at % 2 == 0 else part for at, part in enumerate(text.split("`")))


def _default(parameter: Any) -> str:
    value = parameter.default
    if callable(value) or parameter.required or value is None or value is False or value in ("", ()):
        return "required" if parameter.required else ""
    return markdown.quoted(str(getattr(value, "value", value)))


def _metavar(parameter: Any) -> str:
    """Return what stands for a value: the author's word, the choices, or N for a number."""
    text = str(parameter.metavar or parameter.make_metavar(_context())).strip("[]<>")
    return {"int": "N", "int range": "N", "float": "X", "float range": "X"}.get(text, text)


@functools.cache
def _group() -> Any:
    """Return the tree of commands, which typer makes anew each time."""
    from rewriter.cli import app

    return typer.main.get_command(app)


def _context() -> Any:
    return _group().context_class(_group(), info_name="rewriter")
