"""Printing a syntax tree, and knowing the line of each node while at it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import libcst as cst
from libcst._nodes.internal import CodegenState  # the public position provider costs six times as much

_NOTHING = contextlib.nullcontext()
_STATEMENTS = frozenset(
    {
        *(cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.Try, cst.TryStar, cst.With, cst.Match),
        *(cst.FunctionDef, cst.ClassDef),
    }
)
"""What a block holds: asking for the class of a node takes a fifth of the time of looking the node up."""

Tokens = Mapping[tuple[cst.CSTNode, str], Sequence[str]]
"""A function that stands in no other, or a statement of one, and its indentation → the tokens it is printed as."""


@dataclass(frozen=True)
class Printed:
    """A tree as text.

    Attributes:
        text: The text.
        lines: Node → the 1-based line on which it starts, leading comments included.
        tokens: What is not printed again where a changed tree has the same functions and statements.
    """

    text: str
    lines: Mapping[cst.CSTNode, int] = field(repr=False)
    tokens: Tokens = field(repr=False)


class _State(CodegenState):
    """Prints a tree: LibCST enters a generator for each node that somebody may want the exact position of."""

    def __init__(self, tree: cst.Module) -> None:
        super().__init__(default_indent=tree.default_indent, default_newline=tree.default_newline)

    def record_syntactic_position(self, node: cst.CSTNode, **_: Any) -> Any:
        return _NOTHING


class _LineState(_State):
    """Notes the line on which every node starts, and the tokens of every outermost function and its statements."""

    def __init__(self, tree: cst.Module) -> None:
        super().__init__(tree)
        self.line = 1
        self.lines: dict[cst.CSTNode, int] = {}
        self.known: dict[tuple[cst.CSTNode, str], Sequence[str]] = {}
        self._function: cst.CSTNode | None = None
        self._starts: dict[cst.CSTNode, int] = {}

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.line += value.count("\n")

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.lines[node] = self.line
        if type(node) not in _STATEMENTS:
            return
        if self._function is None and type(node) is cst.FunctionDef:
            self._function = node
            self._starts = dict.fromkeys((node, *node.body.body), 0)
        if node in self._starts:
            self._starts[node] = len(self.tokens)

    def after_codegen(self, node: cst.CSTNode) -> None:
        if type(node) in _STATEMENTS and node in self._starts:
            self.known[node, "".join(self.indent_tokens)] = self.tokens[self._starts[node] :]
            if node is self._function:
                self._function, self._starts = None, {}


@dataclass(frozen=True)
class _Known:
    """Stands where a function does whose tokens are known."""

    tokens: Sequence[str]

    def _codegen(self, state: CodegenState) -> None:
        state.tokens.extend(self.tokens)


def printed(tree: cst.Module, known: Tokens | None = None) -> bytes:
    """Return what `tree.bytes` is, in less time.

    Args:
        tree: A module.
        known: Of the tree that it came from; functions that are still the same are not printed again.
    """
    state = _State(tree)
    (_with_known(tree, known) if known else tree)._codegen(state)
    return "".join(state.tokens).encode(tree.encoding)


def _with_known(tree: cst.Module, known: Tokens) -> cst.Module:
    indent = tree.default_indent
    return tree.with_changes(body=[_with_known_parts(node, "", indent, known) for node in tree.body])


def _with_known_parts(node: Any, indent: str, default: str, known: Tokens) -> cst.CSTNode:
    """Return a statement with what is known of it in the place of itself, or of what is in it."""
    tokens = known.get((node, indent))
    if tokens is not None:
        return cast(cst.CSTNode, _Known(tokens))
    if not isinstance(node, (cst.ClassDef, cst.FunctionDef)) or not isinstance(node.body, cst.IndentedBlock):
        return node
    inner = indent + (default if node.body.indent is None else node.body.indent)
    parts = [_with_known_parts(part, inner, default, known) for part in node.body.body]
    return node.with_changes(body=node.body.with_changes(body=parts))


def printed_with_lines(tree: cst.Module) -> Printed:
    """Return `tree` as text, with what is learned on the way."""
    state = _LineState(tree)
    tree._codegen(state)
    return Printed("".join(state.tokens), state.lines, state.known)
