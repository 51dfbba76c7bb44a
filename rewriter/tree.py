"""What passes ask about a syntax tree: names, lines, nodes of a kind; and how they replace nodes.

LibCST nodes are immutable, and a changed tree shares every untouched node with the one it came from. So the metadata of
the tree as it was read stays true for every node that is still in it, whichever passes ran in between: one scope
analysis serves the whole pipeline.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import libcst as cst
from libcst._nodes.internal import CodegenState  # the public position provider costs six times as much
from libcst.metadata import (
    Assignment,
    GlobalScope,
    ImportAssignment,
    MetadataWrapper,
    QualifiedNameSource,
    Scope,
    ScopeProvider,
)

Node = TypeVar("Node", bound=cst.CSTNode)
NodeMap = Mapping[cst.CSTNode, cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel]


class Names:
    """Qualified names by scope analysis, for a tree and its descendants.

    Args:
        tree: The tree as it was read.
        package: Dotted package for relative imports; empty leaves them relative.
    """

    def __init__(self, tree: cst.Module, package: str) -> None:
        self._package = package
        self._scopes = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(ScopeProvider)
        self._module_scope = next(s for s in self._scopes.values() if isinstance(s, GlobalScope))
        self._inner_scopes = {s for s in self._scopes.values() if s is not None and s is not self._module_scope}

    def qualified(self, node: cst.CSTNode) -> str | None:
        """Return the dotted name an expression stands for, e.g. `mindspore.ops.cat` for `P.cat`.

        Only imported names and builtins have one (`builtins.len`); what the file itself defines or shadows, and a name
        that may stand for more than one thing, gives None.
        """
        dotted = dotted_name(node)
        if dotted is None:
            return None
        found = self.scope_of(node).get_qualified_names_for(dotted)
        known = {q for q in found if q.source is not QualifiedNameSource.LOCAL}
        if len(known) != 1 or len(found) != 1:
            return None
        return self.absolute(next(iter(known)).name)

    def scope_of(self, node: cst.CSTNode) -> Scope:
        """Return the scope `node` is read in; the module's own for a node that a pass made."""
        probe: cst.CSTNode = node
        while isinstance(probe, cst.Attribute):
            probe = probe.value
        return self._scopes.get(probe) or self._module_scope

    def absolute(self, name: str) -> str:
        """Turn a relative dotted name (`..utils.logging`) into an absolute one where the package is known."""
        level = len(name) - len(name.lstrip("."))
        if level == 0 or not self._package:
            return name
        parts = self._package.split(".")
        if level - 1 >= len(parts):
            return name
        return ".".join([*parts[: len(parts) - (level - 1)], name[level:]])

    def imported(self) -> dict[str, str]:
        """Return local name → qualified name for every module-level import."""
        result: dict[str, str] = {}
        for assignment in self._module_scope.assignments:
            if isinstance(assignment, ImportAssignment):
                names = assignment.get_qualified_names_for(assignment.name)
                for name in names:
                    result[assignment.name] = self.absolute(name.name)
        return result

    def is_shadowed(self, name: str) -> bool:
        """Tell whether some function, class or comprehension of the file binds `name` for itself."""
        return any(name in scope.assignments for scope in self._inner_scopes)

    def bindings(self, name: str) -> list[Assignment]:
        """Return every module-level binding of `name`."""
        return [a for a in self._module_scope[name] if isinstance(a, Assignment)]


def dotted_name(node: cst.CSTNode) -> str | None:
    """Return `a.b.c` for a name or a chain of attributes on one, else None."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return None
    return ".".join([node.value, *reversed(parts)])


def parse_dotted(name: str) -> cst.Name | cst.Attribute:
    """Build the expression for a dotted name."""
    return cast("cst.Name | cst.Attribute", cst.parse_expression(name))


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


def lines_of(tree: cst.Module) -> dict[cst.CSTNode, int]:
    """Return the 1-based line on which each node of `tree` starts, leading comments of a statement included."""
    state = _LineState(tree)
    tree._codegen(state)
    return state.lines


def first_line(node: cst.CSTNode, lines: Mapping[cst.CSTNode, int]) -> int:
    """Return the line of `node` itself, past the comments and decorators that lead a statement; 0 if unknown."""
    probe = node
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        probe = node.name
    elif isinstance(node, cst.SimpleStatementLine) and node.body:
        probe = node.body[0]
    elif isinstance(node, cst.For):
        probe = node.target
    elif isinstance(node, (cst.If, cst.While)):
        probe = node.test
    return lines.get(probe, 0)


_LAYOUT_FIELDS = (
    "whitespace",
    "leading_lines",
    "lines_after",
    "lpar",
    "rpar",
    "comma",
    "header",
    "footer",
    "semicolon",
)


@cache
def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """Return the fields of a node class that can hold code, as opposed to layout."""
    return tuple(f.name for f in dataclasses.fields(kind) if not f.name.startswith(_LAYOUT_FIELDS))


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the parts of `node` that hold code; LibCST's own `children` takes ten times as long."""
    for name in _fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, cst.CSTNode):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from value


def walk(node: cst.CSTNode, *, into_functions: bool = True) -> Iterator[cst.CSTNode]:
    """Yield `node` and its descendants, a node before its parts and statements in source order.

    Args:
        node: Where to start.
        into_functions: Whether to go into nested functions, lambdas and classes (never true of `node` itself).
    """
    stack = [node]
    while stack:
        item = stack.pop()
        yield item
        parts: list[cst.CSTNode] = []
        for name in _fields(type(item)):
            value = getattr(item, name)
            if isinstance(value, cst.CSTNode):
                parts.append(value)
            elif isinstance(value, (list, tuple)):
                parts.extend(value)
        if not into_functions:
            parts = [part for part in parts if not isinstance(part, (cst.FunctionDef, cst.ClassDef, cst.Lambda))]
        parts.reverse()
        stack.extend(parts)


def find(
    node: cst.CSTNode, kind: type[Node] | tuple[type[Node], ...], *, into_functions: bool = True
) -> Iterator[Node]:
    """Yield the descendants of `node` that are of `kind`, itself included, in source order."""
    for item in walk(node, into_functions=into_functions):
        if isinstance(item, kind):
            yield item


def identifiers(tree: cst.CSTNode) -> set[str]:
    """Return every identifier that `tree` reads or binds; attribute names, keywords and module paths are left out."""
    found: set[str] = set()
    stack: list[cst.CSTNode] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Name):
            found.add(node.value)
        elif isinstance(node, (cst.Attribute, cst.Arg)):
            stack.append(node.value)
        elif isinstance(node, cst.ImportAlias):
            found.add(bound_name(node))
        elif isinstance(node, cst.ImportFrom):
            stack.extend(() if isinstance(node.names, cst.ImportStar) else node.names)
        else:
            stack.extend(children(node))
    return found


def bound_name(alias: cst.ImportAlias) -> str:
    """Return the local name that one item of an import binds."""
    if alias.asname is not None:
        return alias.asname.name.value if isinstance(alias.asname.name, cst.Name) else ""
    return alias.evaluated_name.split(".")[0]


def replace(root: Node, changes: NodeMap) -> Node:
    """Return `root` with nodes replaced, rebuilding only the paths that lead to them.

    Args:
        root: Any node; most often the module.
        changes: Old node (by identity) → new node, `cst.FlattenSentinel` to put several statements in its place, or
            `cst.RemovalSentinel.REMOVE` to drop an element of a sequence. A change inside a replaced node is lost.
    """
    if not changes:
        return root
    result = _rebuild(root, changes, {id(node) for node in changes})
    return cast(Node, result)


def _rebuild(node: cst.CSTNode, changes: NodeMap, wanted: set[int]) -> Any:
    if id(node) in wanted:
        return changes[node]
    updates: dict[str, Any] = {}
    for name in _fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, cst.CSTNode):
            new = _rebuild(value, changes, wanted)
            if new is not value:
                updates[name] = new
        elif isinstance(value, (list, tuple)) and value:
            items = _rebuild_sequence(value, changes, wanted)
            if items is not None:
                updates[name] = items
    return node.with_changes(**updates) if updates else node


def _rebuild_sequence(items: Sequence[Any], changes: NodeMap, wanted: set[int]) -> list[Any] | None:
    result: list[Any] = []
    changed = False
    for item in items:
        new = _rebuild(item, changes, wanted) if isinstance(item, cst.CSTNode) else item
        changed = changed or new is not item
        if isinstance(new, cst.FlattenSentinel):
            result.extend(new)
        elif new is not cst.RemovalSentinel.REMOVE:
            result.append(new)
    return result if changed else None
