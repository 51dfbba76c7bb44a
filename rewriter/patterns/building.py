"""Writing a replacement: with the file's names, the parentheses that it needs, and the layout of what it replaces."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import libcst as cst

from ..tree import replace, walk
from .template import Template, occurrences

_ATOMIC = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.SimpleString, cst.List, cst.Dict, cst.Set)
"""Expressions that mean the same wherever they are put."""


def built(
    template: Template, bound: Mapping[str, cst.BaseExpression], use: Callable[[str], str]
) -> tuple[Template, cst.BaseExpression]:
    """Return the replacement, on nodes of its own: its template, and what that becomes.

    Args:
        template: The replacement as the author wrote it.
        bound: Wildcard → the code that it stands for, which is put in as it is.
        use: Returns the file's own name of a qualified name.
    """
    template = template.fresh()
    changes: dict[cst.CSTNode, cst.CSTNode] = {
        node: cst.parse_expression(_local(name, use)) for node, name in template.named.items()
    }
    places = occurrences(template)
    changes |= {place: parenthesized(bound[place.value]) for place in places}
    for place in places:
        without = {**changes, place: bound[place.value]}
        if _same(replace(template.node, without), replace(template.node, changes)):
            changes = without
    return template, replace(template.node, changes)


def _local(name: str, use: Callable[[str], str]) -> str:
    return name.removeprefix("builtins.") if name.startswith("builtins.") else use(name)


def fitted(node: cst.BaseExpression, place: cst.BaseExpression, statement: cst.CSTNode) -> cst.BaseExpression:
    """Return an expression so that it means the same in the place of another: in parentheses, where it needs them.

    Args:
        node: The expression.
        place: What it replaces.
        statement: The statement that this stands in.
    """
    if place.lpar:
        node = node.with_changes(lpar=[*place.lpar, *node.lpar], rpar=[*node.rpar, *place.rpar])
    inside = parenthesized(node)
    return node if _same(replace(statement, {place: node}), replace(statement, {place: inside})) else inside


def parenthesized(node: cst.BaseExpression) -> cst.BaseExpression:
    """Return an expression in parentheses, unless it has them, or needs none anywhere."""
    if isinstance(node, _ATOMIC) or node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _same(one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Tell whether Python reads the same in two pieces of code."""
    try:
        first, second = (ast.dump(ast.parse(cst.Module([]).code_for_node(node).strip())) for node in (one, other))
    except SyntaxError:
        return False
    return first == second


def laid_out(
    new: cst.BaseExpression, template: Template, old: cst.CSTNode, bound: Mapping[str, cst.BaseExpression]
) -> cst.BaseExpression:
    """Give a call the line breaks and comments of the one that it replaces, if their arguments answer to each other.

    Args:
        new: What was built.
        template: What it was built from.
        old: The code that it replaces.
        bound: Wildcard → the code in `old` that it stands for.
    """
    if not isinstance(new, cst.Call) or not isinstance(old, cst.Call) or not isinstance(template.node, cst.Call):
        return new
    held = [_held(arg, bound) for arg in old.args]
    wanted = [{name.value for name in _names(arg, template)} for arg in template.node.args]
    if held != wanted or not _commas_agree(new.args, old.args):
        return new
    args = [
        arg.with_changes(comma=known.comma, whitespace_after_arg=known.whitespace_after_arg)
        for arg, known in zip(new.args, old.args, strict=True)
    ]
    return new.with_changes(
        args=args,
        whitespace_after_func=old.whitespace_after_func,
        whitespace_before_args=old.whitespace_before_args,
    )


def _held(arg: cst.Arg, bound: Mapping[str, cst.BaseExpression]) -> set[str]:
    inside = {id(node) for node in walk(arg)}
    return {name for name, node in bound.items() if id(node) in inside}


def _names(arg: cst.Arg, template: Template) -> list[cst.Name]:
    inside = {id(node) for node in walk(arg)}
    return [name for name in occurrences(template) if id(name) in inside]


def _commas_agree(new: Sequence[cst.Arg], old: Sequence[cst.Arg]) -> bool:
    """Tell whether the commas of a call may be taken over: all but the last need one."""
    return len(new) == len(old) and all(isinstance(arg.comma, cst.Comma) for arg in old[:-1])


def lost_comments(before: cst.CSTNode, after: cst.CSTNode) -> list[str]:
    """Return the comments in a piece of code that are not in what replaces it."""
    return list((_comments(before) - _comments(after)).elements())


def _comments(node: Any) -> Counter[str]:
    text = cst.Module([]).code_for_node(node)
    if "#" not in text:
        return Counter()
    tokens = tokenize.generate_tokens(io.StringIO(f"(\n{text}\n)\n").readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)
