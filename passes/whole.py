"""Which expressions are certainly whole numbers, as far as one function shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import libcst as cst

from rewriter.dataflow import target_names
from rewriter.tree import Resolve, children, is_a

_ARITHMETIC = (cst.Add, cst.Subtract, cst.Multiply, cst.FloorDivide)
_AUGMENTED = (cst.AddAssign, cst.SubtractAssign, cst.MultiplyAssign, cst.FloorDivideAssign)


class WholeNumbers:
    """Tells whole numbers from what only may be one.

    Shapes are known beside them, for their parts are whole numbers. A name is certainly the one or the other when all
    its bindings in the function are. A bool is no whole number here.

    Args:
        resolve: Qualified names of the file.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._known: dict[cst.FunctionDef, _Known] = {}

    def certain(self, node: cst.BaseExpression, function: cst.FunctionDef) -> bool:
        """Return whether `node`, read in `function` itself and not in one inside it, is certainly a whole number."""
        if function not in self._known:
            self._known[function] = self._settle(function)
        return self._is_whole(node, self._known[function])

    def _settle(self, function: cst.FunctionDef) -> _Known:
        """Take all names for whole numbers and for shapes, and drop what a binding contradicts until none does."""
        bindings = _bindings(function)
        known = _Known(frozenset(bindings), frozenset(bindings))
        while True:
            fewer = _Known(
                frozenset(name for name in known.whole if all(self._binds_whole(one, known) for one in bindings[name])),
                frozenset(
                    name for name in known.shapes if all(self._binds_shape(one, known) for one in bindings[name])
                ),
            )
            if fewer == known:
                return known
            known = fewer

    def _binds_whole(self, binding: _Binding, known: _Known) -> bool:
        value = binding.value
        if value is None:
            return False
        if binding.how is _How.PART:
            return self._is_shape(value, known)
        if binding.how is _How.ITEM:
            return isinstance(value, cst.Call) and self._resolve(value.func) == "builtins.range"
        if binding.how is _How.ANNOTATED:
            return self._resolve(value) == "builtins.int"
        return self._is_whole(value, known)

    def _binds_shape(self, binding: _Binding, known: _Known) -> bool:
        return binding.how is _How.VALUE and binding.value is not None and self._is_shape(binding.value, known)

    def _is_whole(self, node: cst.BaseExpression, known: _Known) -> bool:
        if isinstance(node, cst.Name):
            return node.value in known.whole
        if isinstance(node, cst.UnaryOperation):
            return isinstance(node.operator, (cst.Minus, cst.Plus)) and self._is_whole(node.expression, known)
        if isinstance(node, cst.BinaryOperation):
            sides = (node.left, node.right)
            return isinstance(node.operator, _ARITHMETIC) and all(self._is_whole(side, known) for side in sides)
        if isinstance(node, cst.IfExp):
            return self._is_whole(node.body, known) and self._is_whole(node.orelse, known)
        if isinstance(node, cst.Subscript):
            return isinstance(_only_element(node), cst.Index) and self._is_shape(node.value, known)
        if isinstance(node, cst.Call):
            return _is_size(node, arguments=1) or self._resolve(node.func) == "builtins.len"
        return isinstance(node, cst.Integer) or (isinstance(node, cst.Attribute) and node.attr.value == "ndim")

    def _is_shape(self, node: cst.BaseExpression, known: _Known) -> bool:
        """Return whether `node` is certainly a tuple of whole numbers."""
        if isinstance(node, cst.Name):
            return node.value in known.shapes
        if isinstance(node, cst.Attribute):
            return node.attr.value == "shape"
        if isinstance(node, cst.Call):
            return _is_size(node, arguments=0)
        if isinstance(node, cst.Tuple):
            return all(self._is_whole(element.value, known) for element in node.elements)
        if isinstance(node, cst.IfExp):
            return self._is_shape(node.body, known) and self._is_shape(node.orelse, known)
        if isinstance(node, cst.BinaryOperation):
            sides = (node.left, node.right)
            return isinstance(node.operator, cst.Add) and all(self._is_shape(side, known) for side in sides)
        if isinstance(node, cst.Subscript):
            return isinstance(_only_element(node), cst.Slice) and self._is_shape(node.value, known)
        return False


@dataclass(frozen=True)
class _Known:
    """The names of a function that are whole numbers, and those that are shapes."""

    whole: frozenset[str]
    shapes: frozenset[str]


class _How(Enum):
    VALUE = "bound to the value"
    PART = "bound to a part of the value"
    ITEM = "bound to one item of the value after the other"
    STEP = "changed by the value: n += value"
    ANNOTATED = "a parameter; the value is its annotation"


@dataclass(frozen=True)
class _Binding:
    """How a name is bound, and to what; None for what cannot be seen."""

    how: _How
    value: cst.BaseExpression | None


_UNSEEN = _Binding(_How.VALUE, None)


def _bindings(function: cst.FunctionDef) -> Mapping[str, Sequence[_Binding]]:
    """Return name → how it is bound, once for every binding; what a function inside binds cannot be seen."""
    found: dict[str, list[_Binding]] = {}
    for name, binding in _parameters(function):
        found.setdefault(name, []).append(binding)
    stack: list[tuple[cst.CSTNode, bool]] = [(function.body, False)]
    while stack:
        node, inside = stack.pop()
        for name, binding in _bound(node):
            found.setdefault(name, []).append(_UNSEEN if inside else binding)
        inside = inside or is_a(node, (cst.FunctionDef, cst.ClassDef))
        stack.extend((part, inside) for part in children(node))
    return found


def _parameters(function: cst.FunctionDef) -> Iterator[tuple[str, _Binding]]:
    params = function.params
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        annotated = param.annotation is not None and (param.default is None or isinstance(param.default, cst.Integer))
        binding = _Binding(_How.ANNOTATED, param.annotation.annotation) if annotated and param.annotation else _UNSEEN
        yield param.name.value, binding
    for star in (params.star_arg, params.star_kwarg):
        if isinstance(star, cst.Param):
            yield star.name.value, _UNSEEN


_BINDING = (
    *(cst.Assign, cst.AnnAssign, cst.AugAssign, cst.NamedExpr, cst.For, cst.CompFor, cst.AsName, cst.Del),
    *(cst.Global, cst.Nonlocal, cst.ImportAlias, cst.FunctionDef, cst.ClassDef, cst.Param),
    *(cst.MatchMapping, cst.MatchAs, cst.MatchStar),
)
"""The nodes that bind names: few nodes do, and asking each for its kind takes time."""


def _bound(node: cst.CSTNode) -> Iterator[tuple[str, _Binding]]:
    """Yield the names that a node binds, or may bind: more is safer than less."""
    if not is_a(node, _BINDING):
        return
    if isinstance(node, cst.Assign):
        for target in node.targets:
            yield from _assigned(target.target, node.value)
    elif isinstance(node, (cst.AnnAssign, cst.NamedExpr)):
        if node.value is not None:
            yield from _assigned(node.target, node.value)
    elif isinstance(node, cst.AugAssign) and isinstance(node.target, cst.Name):
        known = isinstance(node.operator, _AUGMENTED)
        yield node.target.value, _Binding(_How.STEP, node.value) if known else _UNSEEN
    elif isinstance(node, (cst.For, cst.CompFor)):
        # The variable of a comprehension is another one than the function's of the same name.
        is_name = isinstance(node, cst.For) and isinstance(node.target, cst.Name)
        for name in target_names(node.target):
            yield name, _Binding(_How.ITEM, node.iter) if is_name else _UNSEEN
    elif isinstance(node, (cst.AsName, cst.Del, cst.ImportAlias, cst.Global, cst.Nonlocal, cst.MatchMapping)):
        yield from ((name, _UNSEEN) for name in _names(node))
    elif isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Param, cst.MatchAs, cst.MatchStar)) and node.name:
        yield node.name.value, _UNSEEN


def _assigned(target: cst.BaseExpression, value: cst.BaseExpression) -> Iterator[tuple[str, _Binding]]:
    if isinstance(target, cst.Name):
        yield target.value, _Binding(_How.VALUE, value)
    elif isinstance(target, (cst.Tuple, cst.List)):
        plain = all(isinstance(item, cst.Element) for item in target.elements)
        values = [one for one in value.elements if isinstance(one, cst.Element)] if isinstance(value, cst.Tuple) else []
        pairs = plain and isinstance(value, cst.Tuple) and len(values) == len(value.elements) == len(target.elements)
        for index, item in enumerate(target.elements):
            if pairs:
                yield from _assigned(item.value, values[index].value)
            elif plain and isinstance(item.value, cst.Name):
                yield item.value.value, _Binding(_How.PART, value)
            else:
                yield from ((name, _UNSEEN) for name in _names(item))


def _names(node: cst.CSTNode) -> Iterator[str]:
    if isinstance(node, cst.Name):
        yield node.value
    for part in children(node):
        yield from _names(part)


def _only_element(node: cst.Subscript) -> cst.BaseSlice | None:
    """Return what stands in the brackets when it is no tuple."""
    is_tuple = len(node.slice) != 1 or isinstance(node.slice[0].comma, cst.Comma)
    return None if is_tuple else node.slice[0].slice


def _is_size(node: cst.Call, arguments: int) -> bool:
    """Return whether `node` is `x.size()` or `x.size(i)`, as mindnlp's tensors have it."""
    return (
        isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "size"
        and len(node.args) == arguments
        and not any(arg.star or arg.keyword for arg in node.args)
    )
