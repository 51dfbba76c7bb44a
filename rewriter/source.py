"""The source layer: from bytes on disk to a concrete syntax tree, and back without touching what was not rewritten.

LibCST keeps every comment, blank line, newline style, byte-order mark and declared encoding, so `parse` followed by
`SourceFile.render` gives the same bytes for a tree that nobody changed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst

from .errors import UnreadableSource
from .printing import printed

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
    """

    name: str
    data: bytes
    tree: cst.Module
    lines: Mapping[cst.CSTNode, int] = field(repr=False)
    package: str = ""
    path: Path | None = None

    @property
    def text(self) -> str:
        """The source decoded, with its own newlines and byte-order mark."""
        return self.decode(self.data)

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
        with collector_paused():
            tree = cst.parse_module(data)
            text, lines = printed(tree)
        kept = text.encode(tree.encoding)
    except RecursionError:
        raise UnreadableSource(f"{name}: an expression or block is nested too deeply") from None
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableSource(
            f"{name}: cannot be decoded ({error})",
            hint=_ENCODING_HINT,
        ) from None
    except cst.ParserSyntaxError as error:
        raise UnreadableSource(_syntax_message(name, data, error), hint="Nothing was written.") from None
    except Exception as error:  # `tokenize` and LibCST's native parser raise SyntaxErrors of several kinds
        hint = _ENCODING_HINT if "encoding" in str(error) else "Nothing was written."
        raise UnreadableSource(f"{name}: cannot be parsed ({error})", hint=hint) from None
    if kept != data:
        raise UnreadableSource(
            f"{name}: its line endings cannot be kept byte for byte", hint="Use LF or CRLF line endings throughout."
        )
    return SourceFile(name=name, data=data, tree=tree, lines=lines, package=package, path=path)


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


def _syntax_message(name: str, data: bytes, error: cst.ParserSyntaxError) -> str:
    """Word a syntax error as Python itself does: file, line, text and a caret."""
    line, column = error.raw_line, error.raw_column
    reason = error.message
    try:
        compile(data, name, "exec", dont_inherit=True)
    except SyntaxError as own:  # CPython's messages say more than a grammar's "expected one of"
        line, column, reason = own.lineno or line, (own.offset or column + 1) - 1, own.msg
    except ValueError:
        pass
    lines = data.decode("utf-8", errors="replace").splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    caret = "".join("\t" if char == "\t" else " " for char in text[:column]) + "^"
    return f"{name}:{line}:{column + 1}: syntax error: {reason}\n    {text}\n    {caret}"
