"""The sources of functions, kept while a pair of files is checked.

MindSpore's graph compiler finds and tokenizes the source of each function again for each graph it is a part of, though
a check compiles the same hundred functions dozens of times.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

PARSERS = ("mindspore.graph._parse.parser", "mindspore._extends.parse.parser")
"""Where MindSpore's parser is, from one version to the next."""

Lines = tuple[list[str], int]


class Sources:
    """Sources of functions by their code, for the graph compiler to find."""

    def __init__(self) -> None:
        # By identity: two functions of equal code may be written differently. The code is kept, so its id stays its.
        self._known: dict[int, tuple[CodeType, Lines]] = {}

    @contextlib.contextmanager
    def at_hand(self) -> Iterator[None]:
        """Have the graph compiler ask here meanwhile; a MindSpore whose parser is elsewhere reads as it always does."""
        modules: list[Any] = [sys.modules[name] for name in PARSERS if name in sys.modules]
        before = [(module, module.inspect) for module in modules if hasattr(module, "inspect")]
        for module, native in before:
            module.inspect = _Inspect(native, self)
        try:
            yield
        finally:
            for module, native in before:
                module.inspect = native

    def lines(self, native: Any, item: Any) -> Lines:
        """Return what `inspect.getsourcelines(item)` does."""
        code = getattr(inspect.unwrap(item), "__code__", None)
        if not isinstance(code, CodeType):
            return _lines(native, item)
        if id(code) not in self._known:
            self._known[id(code)] = code, _lines(native, item)
        lines, number = self._known[id(code)][1]
        return [*lines], number


class _Inspect:
    """The module `inspect` with a memory."""

    def __init__(self, native: Any, sources: Sources) -> None:
        self._native = native
        self._sources = sources

    def getsourcelines(self, item: Any) -> Lines:
        return self._sources.lines(self._native, item)

    def getsource(self, item: Any) -> str:
        return "".join(self.getsourcelines(item)[0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)


def _lines(native: Any, item: Any) -> Lines:
    lines, number = native.getsourcelines(item)
    return lines, number
