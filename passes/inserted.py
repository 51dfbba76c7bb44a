"""Putting functions and classes of our own into a file: under names that are free in it, before what needs them."""

from __future__ import annotations

import ast
import re

import libcst as cst

from rewriter.tree import identifiers


def definitions(text: str) -> list[str]:
    """Return the names of the functions and classes of a source text, in order."""
    return [node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]


def with_free_names(text: str, tree: cst.Module) -> str:
    """Return `text` with other names for what it defines where `tree` uses the names already."""
    taken = identifiers(tree)
    for name in definitions(text):
        if name in taken:
            free = next(f"{name}_{n}" for n in range(2, 1000) if f"{name}_{n}" not in taken)
            text = re.sub(rf"\b{name}\b", free, text)
    return text


def put_before(tree: cst.Module, text: str, index: int) -> cst.Module:
    """Put the definitions of `text` before the function or class that is statement `index` of `tree`."""
    newline = tree.default_newline
    parts = list(cst.parse_module(text.replace("\n", newline)).body)
    blank = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
    parts[0] = parts[0].with_changes(leading_lines=blank)
    body = list(tree.body)
    anchor = body[index]
    assert isinstance(anchor, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    if not anchor.leading_lines or anchor.leading_lines[0].comment is not None:
        body[index] = anchor.with_changes(leading_lines=[*blank, *anchor.leading_lines])
    body[index:index] = parts
    return tree.with_changes(body=body)
