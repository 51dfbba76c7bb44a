"""Which names of a function may share memory with a tensor that the function writes into."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from rewriter.tree import Resolve, children, walk

from .mint.calls import is_in_place

_NO_TENSOR = ("shape", "ndim", "dtype")


class Memory:
    """Tells which tensors of a function share memory, and which of them it writes into.

    A root is a local name, or an attribute of the module: `x`, `self.position_ids`. All roots that an assignment hands
    on to another are taken to share memory, whatever the order of the statements; a call may hand on each of its
    arguments, and arithmetic makes a tensor of its own.

    Args:
        function: An outermost function.
        resolve: Qualified names of the file.
        self_: What the function calls its module, if it has one.
    """

    def __init__(self, function: cst.FunctionDef, resolve: Resolve, self_: str | None) -> None:
        self._resolve = resolve
        self._self = self_
        self._parent: dict[str, str] = {}
        for node in walk(function):
            for target, value in _handed_on(node):
                self._join([*self._roots(target), *self._roots(value)])
        self._written: set[str] = set()
        self._writes_anywhere = False
        for node in walk(function):
            for target in _written(node):
                roots = {self._group(root) for root in self._roots(target)}
                self._written |= roots
                self._writes_anywhere = self._writes_anywhere or not roots

    def is_written(self, node: cst.BaseExpression) -> bool:
        """Return whether the function may write into the memory of `node`, one of its expressions."""
        roots = {self._group(root) for root in self._roots(node)}
        return self._writes_anywhere or bool(self._written and not roots) or bool(roots & self._written)

    def _join(self, roots: list[str]) -> None:
        for root in roots[1:]:
            self._parent[self._group(root)] = self._group(roots[0])

    def _group(self, root: str) -> str:
        while root in self._parent and self._parent[root] != root:
            root = self._parent[root]
        return root

    def _roots(self, node: cst.CSTNode) -> Iterator[str]:
        """Yield the roots whose memory the value of `node` may share."""
        if isinstance(node, (cst.Name, cst.Attribute)):
            yield from self._root(node)
        elif isinstance(node, cst.Subscript):
            yield from self._roots(node.value)
        elif isinstance(node, cst.Call):
            yield from self._roots(node.func.value if isinstance(node.func, cst.Attribute) else node.func)
            for arg in node.args:
                yield from self._roots(arg.value)
        elif isinstance(node, cst.BinaryOperation):
            # Of two tensors it makes a third; two tuples it puts together.
            displays = (cst.Tuple, cst.List, cst.BinaryOperation)
            for side in (node.left, node.right):
                yield from self._roots(side) if isinstance(side, displays) else ()
        elif isinstance(node, cst.IfExp):
            yield from self._roots(node.body)
            yield from self._roots(node.orelse)
        elif not isinstance(node, (cst.UnaryOperation, cst.Comparison, cst.Lambda)):
            for part in children(node):
                yield from self._roots(part)

    def _root(self, node: cst.Name | cst.Attribute) -> Iterator[str]:
        if isinstance(node, cst.Attribute):
            if node.attr.value in _NO_TENSOR or self._resolve(node) is not None:
                return
            if isinstance(node.value, cst.Name) and node.value.value == self._self:
                yield f"{self._self}.{node.attr.value}"
            else:
                yield from self._roots(node.value)
        elif node.value != self._self and self._resolve(node) is None:
            yield node.value


def single_targets(target: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what an assignment to `target` assigns to: `a` and `b[0]` for `(a, b[0])`."""
    if isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from single_targets(element.value)
    else:
        yield target


def _handed_on(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """Yield what a node assigns to what."""
    if isinstance(node, cst.Assign):
        yield from ((target.target, node.value) for target in node.targets)
    elif isinstance(node, (cst.AnnAssign, cst.NamedExpr)) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, cst.AugAssign) and isinstance(node.value, (cst.Tuple, cst.List, cst.BinaryOperation)):
        yield node.target, node.value  # `states += (x,)` keeps x; a tensor only counts it in
    elif isinstance(node, (cst.For, cst.CompFor)):
        yield node.target, node.iter
    elif isinstance(node, cst.WithItem) and node.asname is not None:
        yield node.asname.name, node.item
    elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        yield from ((node.func.value, arg.value) for arg in node.args)  # `states.append(x)`


def _written(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what a node writes into, in place."""
    if isinstance(node, cst.AugAssign):
        yield node.target
    elif isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.For, cst.CompFor)):
        yield from (target.value for target in single_targets(node.target) if isinstance(target, cst.Subscript))
    elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and is_in_place(node):
        yield node.func.value
