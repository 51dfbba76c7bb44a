"""Reading what MindSpore says when it refuses to compile: where the cause stands, and what it is, in plain words.

The next kind of message is a line in `KINDS`.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from .subject import first_line

LONGEST = 160
"""An unknown message is cut after so many characters."""

SYNTAX = {
    "Try": "`try`",
    "Delete": "`del`",
    "Import": "`import`",
    "ImportFrom": "`import`",
    "NamedExpr": "an assignment inside an expression (`:=`)",
    "Global": "`global`",
    "Nonlocal": "`nonlocal`",
    "ClassDef": "a class definition",
    "Yield": "`yield`",
    "YieldFrom": "`yield`",
    "Await": "`await`",
}
"""Kind of syntax node, as Python and MindSpore call it → what a reader calls it."""

_VALUES = "asnumpy|tolist|item|numpy"
KINDS: tuple[tuple[str, str], ...] = (
    (
        r"local variable '(\w+)' is not defined in",
        "`{0}` has a value on some paths only, and a graph has all paths in it",
    ),
    (rf"cannot get attributes ({_VALUES}) or", "`.{0}()` takes values out of the graph, and there are none yet"),
    (r"cannot get attributes (\w+) or the (\w+)", "a graph does not know `.{0}` of a {1}"),
    (
        r"When handling script '__call_func_str__",
        "a graph cannot build this object (a ModelOutput, a dataclass), or call this, with tensors",
    ),
    (r"When handling script '", "a graph needs a fixed value here, and this depends on what it is called with"),
    (
        r"^(?:The )?'\w+' object has no attribute '(\w+)'",
        "`{0}` is an attribute that the module does not have when the graph is made; a graph cannot add one",
    ),
    (r"[Oo]nly support jit_class instance", "a graph cannot enter this `with` block, or use this object"),
    (r"Unsupported op \[(\w+)\] on (\w+)", "there is no kernel for {0} on {1}"),
    (r"parameters number of the function is (\d+), but the number of provided arguments is (\d+)",
     "in a graph this takes {0} arguments, and here are {1}"),
    (r"object has no attribute '?(\w+)'?", "what has the attribute `{0}` here has none in a graph"),
    (r"^name '(\w+)' is not defined", "the name `{0}` cannot be seen from inside a graph"),
    (r"method or function '([\w.]+)' is not supported", "a graph cannot call `{0}`"),
    (r"call depth", "the calls are nested more deeply than the compiler goes"),
)  # fmt: skip
"""Pattern of a message → what it means, with the pattern's groups."""

_FRAME = re.compile(r"(# \d+ )?In file ([^\n:]+\.py):(\d+)")
_SYNTAX = re.compile(r"Unsupported (?:statement|expression) '(\w+)'")
_UNBOUND = re.compile(r"local variable '(\w+)' is not defined in")
_ATTRIBUTE = re.compile(r"^(?:The )?'\w+' object has no attribute '(\w+)'")


@dataclass(frozen=True)
class Refusal:
    """Why MindSpore does not compile something.

    Attributes:
        file: The file of the cause; empty where MindSpore does not say.
        line: The line there; 0 where it is not known.
        source: That line, stripped.
        why: The cause in plain words; MindSpore's own, shortened, where they are not known.
        message: The first line of MindSpore's message.
    """

    file: str
    line: int
    source: str
    why: str
    message: str


def read(error: Exception, parsed: list[Any], framework: tuple[str, ...]) -> Refusal:
    """Read a refusal.

    Args:
        error: What the compiler raised.
        parsed: The functions that it parsed, the last one last: it is there that it stumbles over syntax.
        framework: Folders of libraries. A line in one is never the cause; the line that calls it is.
    """
    text = str(error)
    file, line = _place(text, parsed, framework)
    source = linecache.getline(file, line).strip() if file and line else ""
    return Refusal(file, line, source, explain(text), _short(text))


def explain(text: str) -> str:
    """Return what a message of MindSpore means, in plain words."""
    syntax = _SYNTAX.search(text)
    if syntax:
        return f"a graph cannot hold {SYNTAX.get(syntax[1], f'this (`{syntax[1]}`)')}"
    for pattern, words in KINDS:
        found = re.search(pattern, text)
        if found:
            return words.format(*found.groups())
    return _short(text)


def _short(text: str) -> str:
    line = " ".join(first_line(text).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _place(text: str, parsed: list[Any], framework: tuple[str, ...]) -> tuple[str, int]:
    """Return the file and the line of the cause: from the syntax where the message has none, else from its frames."""
    found = next(_places_in_source(text, parsed, framework), None)
    return found or next(_frames(text, framework), ("", 0))


def _frames(text: str, framework: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Yield the places in a message, the innermost first; numbered ones come the other way round."""
    frames = [(bool(number), file, int(line)) for number, file, line in _FRAME.findall(text)]
    order = [item for item in frames if not item[0]] + [item for item in reversed(frames) if item[0]]
    return ((file, line) for _, file, line in order if not file.startswith(framework))


def _places_in_source(text: str, parsed: list[Any], framework: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Yield where the last function that was parsed has what the message complains about without a place."""
    looks_like = _sought(text)
    functions = [item for item in parsed if isinstance(item, FunctionType)]
    if looks_like is None or not functions:
        return
    function = functions[-1]
    file = inspect.getsourcefile(function) or ""
    if file.startswith(framework):
        return
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError):
        return
    nodes = (node for node in ast.walk(tree) if looks_like(node))
    places = sorted(first + getattr(node, "lineno", 1) - 1 for node in nodes)
    if places:
        yield str(Path(file)), places[0]


def _sought(text: str) -> Callable[[ast.AST], bool] | None:
    """Return what finds the syntax that a message is about; None when the message has a place of its own."""
    if found := _SYNTAX.search(text):
        kind = found[1]
        return lambda node: type(node).__name__ == kind
    if found := _UNBOUND.search(text):
        name = found[1]
        return lambda node: isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    if found := _ATTRIBUTE.search(text):
        name = found[1]
        return lambda node: isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
    return None
