"""Which expressions are certainly tensors, as far as one function shows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import libcst as cst

from rewriter.tree import Resolve, children, is_a

from .table import Table


class Tensors:
    """Tells tensors from what only looks like one.

    A name is certainly a tensor when it is a parameter annotated as one and never bound again, or when it is bound
    once, to an expression that certainly is one.

    Args:
        table: The API table: its functions give tensors unless a row says otherwise.
        resolve: Qualified names of the file.
    """

    def __init__(self, table: Table, resolve: Resolve) -> None:
        self._table = table
        self._resolve = resolve

    def certain(self, node: cst.BaseExpression, function: cst.FunctionDef | None, depth: int = 8) -> bool:
        """Return whether `node`, read in `function`, is certainly a tensor.

        Args:
            node: An expression.
            function: The innermost function around it.
            depth: How many names to follow.
        """
        if depth == 0:
            return False
        if isinstance(node, cst.Call):
            return self._call_gives_one(node, function, depth)
        if isinstance(node, cst.BinaryOperation):
            return any(self.certain(side, function, depth - 1) for side in (node.left, node.right))
        if isinstance(node, cst.Subscript):
            return self.certain(node.value, function, depth - 1)
        if isinstance(node, cst.Name) and function is not None:
            return self._name_is_one(node.value, function, depth)
        return False

    def _call_gives_one(self, call: cst.Call, function: cst.FunctionDef | None, depth: int) -> bool:
        name = self._resolve(call.func)
        if name is not None:
            return self._table.gives_tensor(self._table.canonical(name))
        if isinstance(call.func, cst.Attribute):
            method = f"mindspore.Tensor.{call.func.attr.value}"
            return self._table.gives_tensor(method) and self.certain(call.func.value, function, depth - 1)
        return False

    def _name_is_one(self, name: str, function: cst.FunctionDef, depth: int) -> bool:
        bound = _bindings(function).get(name, [])
        annotation = _annotation(function, name)
        if annotation is not None:
            return not bound and self._resolve(annotation) == "mindspore.Tensor"
        if len(bound) != 1 or name in _parameters(function):
            return False
        value = bound[0]
        return value is not None and self.certain(value, function, depth - 1)


def _parameters(function: cst.FunctionDef) -> Iterator[str]:
    params = function.params
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        yield param.name.value
    for star in (params.star_arg, params.star_kwarg):
        if isinstance(star, cst.Param):
            yield star.name.value


def _annotation(function: cst.FunctionDef, name: str) -> cst.BaseExpression | None:
    params = function.params
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        if param.name.value == name and param.annotation is not None:
            return param.annotation.annotation
    return None


@lru_cache(maxsize=1024)  # every pass that asks for tensors asks about the same functions
def _bindings(function: cst.FunctionDef) -> dict[str, list[cst.BaseExpression | None]]:
    """Return name → what it is bound to, once for every binding; None for a binding other than `name = value`."""
    found: dict[str, list[cst.BaseExpression | None]] = {}
    stack: list[cst.CSTNode] = [function.body]
    while stack:
        node = stack.pop()
        plain = _plain_assignment(node)
        if plain is not None:
            found.setdefault(plain[0], []).append(plain[1])
            stack.append(plain[1])
            continue
        for name in _bound_otherwise(node):
            found.setdefault(name, []).append(None)
        stack.extend(children(node))
    return found


def _plain_assignment(node: cst.CSTNode) -> tuple[str, cst.BaseExpression] | None:
    if isinstance(node, cst.Assign) and len(node.targets) == 1 and isinstance(node.targets[0].target, cst.Name):
        return node.targets[0].target.value, node.value
    return None


def _bound_otherwise(node: cst.CSTNode) -> Iterator[str]:
    """Yield the names that a node binds in another way, or may bind: more is safer than less."""
    if not is_a(node, _BINDING):
        return
    if isinstance(node, (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.CompFor, cst.NamedExpr)):
        yield from _names(node.target)
    elif isinstance(node, (cst.AsName, cst.Del, cst.ImportAlias, cst.Global, cst.Nonlocal)):
        yield from _names(node)
    elif isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.MatchAs, cst.MatchStar)) and node.name is not None:
        yield node.name.value


_BINDING = (
    *(cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.CompFor, cst.NamedExpr),
    *(cst.AsName, cst.Del, cst.ImportAlias, cst.Global, cst.Nonlocal),
    *(cst.FunctionDef, cst.ClassDef, cst.MatchAs, cst.MatchStar),
)


def _names(node: cst.CSTNode) -> Iterator[str]:
    if isinstance(node, cst.Name):
        yield node.value
    elif not isinstance(node, (cst.Attribute, cst.Subscript)):
        for part in children(node):
            yield from _names(part)
