"""The source layer: from bytes on disk to a concrete syntax tree, and back without touching what was not rewritten.

LibCST keeps every comment, blank line, newline style, byte-order mark and declared encoding, so `parse` followed by
`SourceFile.render` gives the same bytes for a tree that nobody changed.
"""

from __future__ import annotations

import gc
import io
import re
import tokenize
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import libcst as cst

from .errors import UnreadableSource
from .printing import Tokens, printed_with_lines

_SHOWN = 200
"""At most so many characters of a line are shown in a message."""
_ENCODING_HINT = "Save the file as UTF-8, or declare its encoding in the first line (# -*- coding: ... -*-)."


@dataclass(frozen=True)
class SourceFile:
    """A parsed modeling file.

    Attributes:
        name: What messages call it: a path or a dotted module.
        data: The bytes as read.
        tree: The concrete syntax tree of `data`.
        lines: The 1-based line on which each node of `tree` starts, leading comments of a statement included.
        package: Dotted package that relative imports start from; empty for a file outside any package.
        path: Where it was read; None for text handed over in memory.
        tokens: Of the functions of `tree`, so that those that nobody changes are printed once.
    """

    name: str
    data: bytes
    tree: cst.Module
    lines: Mapping[cst.CSTNode, int] = field(repr=False)
    package: str = ""
    path: Path | None = None
    tokens: Tokens = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The source decoded, with its own newlines and byte-order mark."""
        return self.decode(self.data)

    def without_tree(self) -> SourceFile:
        """Return the same with an empty tree, for where only the bytes are of use."""
        return replace(self, tree=cst.Module([], encoding=self.tree.encoding), lines={}, tokens={})

    def decode(self, data: bytes) -> str:
        """Decode `data` as this file is encoded; a byte-order mark stays in the text."""
        encoding = self.tree.encoding
        return data.decode("utf-8" if encoding.lower() in ("utf-8-sig", "utf_8_sig") else encoding)


def parse(data: bytes, *, name: str = "<source>", package: str = "", path: Path | None = None) -> SourceFile:
    """Parse `data` into a `SourceFile`.

    Args:
        data: The raw bytes of a Python file. UTF-8 unless the file declares another encoding (PEP 263).
        name: What error messages call the input.
        package: Dotted package of the file, for relative imports.
        path: Where the bytes were read, if anywhere.

    Raises:
        UnreadableSource: The bytes are not text in the declared encoding, or not Python; the message has the line, and
            a caret under the column.
    """
    try:
        _check_compiles(data, name)
        with collector_paused():
            tree = cst.parse_module(data)
            printed = printed_with_lines(tree)
        text, lines = printed.text, printed.lines
        kept = text.encode(tree.encoding)
    except (RecursionError, MemoryError):  # the latter is what CPython's parser raises when its stack is full
        raise UnreadableSource(f"{name}: an expression or block is nested too deeply") from None
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableSource(
            f"{name}: cannot be decoded ({error})",
            hint=_ENCODING_HINT,
        ) from None
    except UnreadableSource:
        raise
    except Exception as error:  # `tokenize` and LibCST's native parser raise SyntaxErrors of several kinds
        hint = _ENCODING_HINT if "encoding" in str(error) else "Nothing was written."
        raise UnreadableSource(f"{name}: cannot be parsed ({error})", hint=hint) from None
    if kept != data:
        raise UnreadableSource(
            f"{name}: its line endings cannot be kept byte for byte", hint="Use LF or CRLF line endings throughout."
        )
    if not text.isascii() and (other := _unnormalized(lines)):
        raise UnreadableSource(
            f"{name}: Python reads the name `{other}` as `{unicodedata.normalize('NFKC', other)}`",
            hint="Spell it so, that one name has one spelling.",
        )
    return SourceFile(name=name, data=data, tree=tree, lines=lines, package=package, path=path, tokens=printed.tokens)


def read(path: Path, *, package: str | None = None) -> SourceFile:
    """Read and parse the file at `path`.

    Args:
        path: A Python file.
        package: Dotted package; found from the `__init__.py` files above `path` when None.

    Raises:
        UnreadableSource: The file cannot be read or parsed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableSource(f"{path}: cannot be read ({error.strerror or error})") from None
    return parse(data, name=str(path), package=package_of(path) if package is None else package, path=path)


def package_of(path: Path) -> str:
    """Return the dotted package that holds `path`, going up as long as there is an `__init__.py`."""
    parts: list[str] = []
    folder = path.resolve().parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def _unnormalized(nodes: Iterable[cst.CSTNode]) -> str:
    """Return an identifier that Python takes for another spelling of itself (PEP 3131), else nothing."""
    names = {node.value for node in nodes if isinstance(node, cst.Name) and not node.value.isascii()}
    return min((name for name in names if not unicodedata.is_normalized("NFKC", name)), default="")


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector: syntax trees are large and hold no cycles, and scanning them takes long."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def is_python(data: bytes) -> bool:
    """Tell whether this Python compiles `data`, which a parser alone does not: `return` in a class body parses."""
    try:
        _compile(data, "<source>")
    except (SyntaxError, ValueError, MemoryError):
        return False
    return True


def _compile(data: bytes, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the author of the file has to say to it is not ours
        compile(data, name, "exec", dont_inherit=True)


def _check_compiles(data: bytes, name: str) -> None:
    """Make sure that `data` is Python before LibCST sees it.

    LibCST takes what no Python compiles (`break` outside a loop) and the syntax of newer ones, of which no result could
    be checked, and its native parser overflows the stack where CPython's stops with an exception.

    Raises:
        UnreadableSource: It is not; the message has the line, and a caret under the column.
        UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError: It is not even text, or nested too
            deeply.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = data.decode(encoding)
    try:
        _compile(data, name)
    except SyntaxError as error:
        raise UnreadableSource(_syntax_message(name, text, error), hint="Nothing was written.") from None


def _syntax_message(name: str, source: str, error: SyntaxError) -> str:
    """Word a syntax error as Python itself does: file, line, text and a caret."""
    line, column = error.lineno or 1, (error.offset or 1) - 1
    lines = re.split(r"\r\n|\r|\n", source)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    start = max(0, column - _SHOWN // 2) if len(text) > _SHOWN else 0
    text, before = text[start : start + _SHOWN], column - start
    caret = "".join("\t" if char == "\t" else " " for char in text[:before]) + "^"
    return f"{name}:{line}:{column + 1}: syntax error: {error.msg}\n    {text}\n    {caret}"
