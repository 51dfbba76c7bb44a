"""Printing a syntax tree, and knowing the line of each node while at it."""

from __future__ import annotations

import libcst as cst
from libcst._nodes.internal import CodegenState  # the public position provider costs six times as much


class _LineState(CodegenState):
    """Prints a tree and notes the line on which every node starts."""

    def __init__(self, tree: cst.Module) -> None:
        super().__init__(default_indent=tree.default_indent, default_newline=tree.default_newline)
        self.line = 1
        self.lines: dict[cst.CSTNode, int] = {}

    def add_token(self, value: str) -> None:
        super().add_token(value)
        self.line += value.count("\n")

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.lines[node] = self.line


def printed(tree: cst.Module) -> tuple[str, dict[cst.CSTNode, int]]:
    """Return the text of `tree`, and the 1-based line on which each node starts, leading comments included."""
    state = _LineState(tree)
    tree._codegen(state)
    return "".join(state.tokens), state.lines
