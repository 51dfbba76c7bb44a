"""Whether a piece of code is what a pattern means, and what its wildcards stand for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import libcst as cst

from ..tree import Resolve, children
from .arguments import Mismatch, Signature, paired, same_code
from .template import CONSTANTS, Template

Bound = dict[str, list[cst.BaseExpression]]
"""Wildcard → the expressions that it stands for, one for each time that the pattern has it; their code is the same."""

_LITERALS = (cst.Integer, cst.Float, cst.SimpleString, cst.UnaryOperation, cst.ConcatenatedString)


def match(
    template: Template, node: cst.CSTNode, resolve: Resolve, signatures: Mapping[str, Signature] | None = None
) -> Bound:
    """Match an expression.

    Args:
        template: The pattern.
        node: The expression.
        resolve: Returns the qualified name of an expression of the file.
        signatures: Qualified name → signature, where it is known.

    Raises:
        Mismatch: It is something else.
        Unclear: It may be what is meant, and the message says why that cannot be told.
    """
    bound: Bound = {}
    _Matching(template, resolve, signatures or {}, bound).match(template.node, node)
    return bound


class _Matching:
    """One attempt."""

    def __init__(self, template: Template, resolve: Resolve, signatures: Mapping[str, Signature], bound: Bound) -> None:
        self._template = template
        self._resolve = resolve
        self._signatures = signatures
        self._bound = bound

    def match(self, pattern: cst.CSTNode, node: cst.CSTNode) -> None:
        """Match a part of the pattern, and put what its wildcards stand for into `bound`."""
        if pattern in self._template.named:
            if self._resolve(node) != self._template.named[pattern]:
                raise Mismatch
        elif isinstance(pattern, cst.Name) and pattern.value in self._template.wildcards:
            self._bind(pattern.value, node)
        elif isinstance(pattern, cst.Name) or (isinstance(pattern, _LITERALS) and literal(pattern) is not None):
            if literal(pattern) != literal(node):
                raise Mismatch
        elif type(pattern) is not type(node):
            raise Mismatch
        else:
            self._parts(pattern, node)

    def _parts(self, pattern: cst.CSTNode, node: Any) -> None:
        if isinstance(pattern, cst.Call):
            self.match(pattern.func, node.func)
            signature = self._signatures.get(self._template.named.get(pattern.func, ""))
            pairs: list[tuple[cst.CSTNode, cst.CSTNode]] = [*paired(pattern.args, node.args, signature)]
        elif isinstance(pattern, cst.Attribute):
            # What an import names is a function of a module; an attribute of a wildcard is one of a value.
            if pattern.attr.value != node.attr.value or self._resolve(node) is not None:
                raise Mismatch
            pairs = [(pattern.value, node.value)]
        elif isinstance(pattern, cst.Slice):
            pairs = _slices(pattern, node)
        else:
            one, other = children(pattern), children(node)
            if len(one) != len(other):
                raise Mismatch
            pairs = list(zip(one, other, strict=True))
        for part, code in pairs:
            self.match(part, code)

    def _bind(self, name: str, node: cst.CSTNode) -> None:
        if not isinstance(node, cst.BaseExpression):
            raise Mismatch
        known = self._bound.setdefault(name, [])
        if known and not same_code(known[0], node):
            raise Mismatch
        known.append(node)


def _slices(pattern: cst.Slice, node: cst.Slice) -> list[tuple[cst.CSTNode, cst.CSTNode]]:
    """Pair the bounds of two slices; a second colon without a step says nothing."""
    pairs = [(pattern.lower, node.lower), (pattern.upper, node.upper), (pattern.step, node.step)]
    if any((one is None) != (other is None) for one, other in pairs):
        raise Mismatch
    return [(one, other) for one, other in pairs if one is not None and other is not None]


def literal(node: cst.CSTNode) -> str | None:
    """Return a literal's value, and its type, as text: `-1`, `1.0`, `'fro'`, `None`; None for anything else."""
    if isinstance(node, cst.Name):
        return node.value if node.value in CONSTANTS else None
    if not isinstance(node, _LITERALS):
        return None
    try:
        return repr(ast.literal_eval(f"(\n{cst.Module([]).code_for_node(node)}\n)"))
    except (ValueError, SyntaxError):
        return None
