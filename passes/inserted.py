"""Putting functions and classes of our own into a file: under names that are free in it, before what needs them."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Container
from functools import lru_cache

import libcst as cst

from rewriter.tree import identifiers

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


@lru_cache(maxsize=256)
def definitions(text: str) -> tuple[str, ...]:
    """Return the names of the functions and classes of a source text, in order."""
    return tuple(node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))


def with_free_names(text: str, tree: cst.Module) -> str:
    """Return `text` with other names for what it defines where `tree` uses the names already."""
    taken = identifiers(tree)
    for name in definitions(text):
        if name in taken:
            text = re.sub(rf"\b{name}\b", free_name(name, taken), text)
    return text


def free_name(name: str, taken: Container[str]) -> str:
    """Return `name`, with a number behind it where it is taken."""
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain((name,), numbered) if one not in taken)


def first_class(tree: cst.Module) -> int:
    """Return the index of the first class of a file that has one."""
    return next(index for index, node in enumerate(tree.body) if isinstance(node, cst.ClassDef))


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[_Statement, ...]:
    """Return the statements of a text, which is the same one in most files of a tree."""
    return tuple(cst.parse_module(text).body)


def put_before(tree: cst.Module, text: str, index: int) -> cst.Module:
    """Put the definitions of `text` before the function or class that is statement `index` of `tree`."""
    newline = tree.default_newline
    parts = list(_parsed(text.replace("\n", newline)))
    blank = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
    parts[0] = parts[0].with_changes(leading_lines=blank)
    body = list(tree.body)
    anchor = body[index]
    assert isinstance(anchor, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    if not anchor.leading_lines or anchor.leading_lines[0].comment is not None:
        body[index] = anchor.with_changes(leading_lines=[*blank, *anchor.leading_lines])
    body[index:index] = parts
    return tree.with_changes(body=body)
