"""What passes ask about a syntax tree: names, lines, nodes of a kind; and how they replace nodes.

LibCST nodes are immutable, and a changed tree shares every untouched node with the one it came from. So the metadata of
the tree as it was read stays true for every node that is still in it, whichever passes ran in between: one scope
analysis serves the whole pipeline.
"""

from __future__ import annotations

import builtins
import dataclasses
import operator
import symtable
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any, TypeGuard, TypeVar, cast

import libcst as cst
from libcst.metadata import GlobalScope, MetadataWrapper, QualifiedNameSource, Scope, ScopeProvider

from .source import SourceFile

Node = TypeVar("Node", bound=cst.CSTNode)
Resolve = Callable[[cst.CSTNode], str | None]
"""Returns the qualified name of an expression, or None."""
NodeMap = Mapping[cst.CSTNode, cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel]


class Names:
    """What the names of a file stand for, for a tree and its descendants.

    Nearly every name of a modeling file is bound by one import or not by an import at all; the standard library's
    symbol table tells which. Only for the others is LibCST's scope analysis worth its second.

    Args:
        source: The file as it was read; without a package, relative imports stay relative.
    """

    def __init__(self, source: SourceFile) -> None:
        self._source = source

    def qualified(self, node: cst.CSTNode) -> str | None:
        """Return the dotted name an expression stands for, e.g. `mindspore.ops.cat` for `P.cat`.

        Only imported names and builtins have one (`builtins.len`); what the file itself defines or shadows, and a name
        that may stand for more than one thing, gives None; so does an attribute of a builtin that the file binds, too.
        """
        dotted = dotted_name(node)
        if dotted is None:
            return None
        root, dot, rest = dotted.partition(".")
        if root.startswith("__") and not root.endswith("__"):
            return None  # a class reads it under a mangled name
        if root in self._only_imported:
            return self.plain[root] + dot + rest if root in self.plain else None
        if self._bindings is not None and root not in self._bindings.imported:
            if root not in _BUILTINS:
                return None
            if root not in self._bindings.bound:
                return f"builtins.{dotted}"
            if rest:  # `input.shape`: a local name, since nobody asks for a method of a builtin
                return None
        return self._qualified_by_scope(node, dotted)

    def _qualified_by_scope(self, node: cst.CSTNode, dotted: str) -> str | None:
        probe: cst.CSTNode = node
        while isinstance(probe, cst.Attribute):
            probe = probe.value
        scopes = self._scopes
        scope = scopes.get(probe) or next(one for one in scopes.values() if isinstance(one, GlobalScope))
        found = scope.get_qualified_names_for(dotted)
        known = {name for name in found if name.source is not QualifiedNameSource.LOCAL}
        if len(known) != 1 or len(found) != 1:
            return None
        return self.absolute(next(iter(known)).name)

    def binds(self, name: str) -> bool:
        """Tell whether something in the file binds a name, or may."""
        return self._bindings is None or name in self._bindings.bound

    def imports(self, name: str) -> bool:
        """Tell whether an import anywhere in the file binds a name, or may."""
        return self._bindings is None or name in self._bindings.imported

    def absolute(self, name: str) -> str:
        """Turn a relative dotted name (`..utils.logging`) into an absolute one where the package is known."""
        level = len(name) - len(name.lstrip("."))
        if level == 0 or not self._source.package:
            return name
        parts = self._source.package.split(".")
        if level - 1 >= len(parts):
            return name
        return ".".join([*parts[: len(parts) - (level - 1)], name[level:]])

    @cached_property
    def imported(self) -> Mapping[str, frozenset[str]]:
        """Local name → the qualified names that the module's imports bind to it, one in all sane files."""
        found: dict[str, set[str]] = {}
        kinds: tuple[type[cst.Import | cst.ImportFrom], ...] = (cst.Import, cst.ImportFrom)
        for statement in find(self._source.tree, kinds, into_functions=False):
            for local, qualified in _imports_of(statement):
                found.setdefault(local, set()).add(self.absolute(qualified))
        return {local: frozenset(qualified) for local, qualified in found.items()}

    @cached_property
    def plain(self) -> Mapping[str, str]:
        """Local name → qualified name for what one module-level import binds and nothing else in the file."""
        found = self._only_imported
        return {local: next(iter(qualified)) for local, qualified in found.items() if len(qualified) == 1}

    @cached_property
    def _only_imported(self) -> Mapping[str, frozenset[str]]:
        """What `imported` has, without the names that something else in the file binds as well."""
        if self._bindings is None:
            return {}
        bound = self._bindings.bound
        return {
            local: qualified
            for local, qualified in self.imported.items()
            if bound[local] == 1 and local not in self._bindings.assigned
            if not local.startswith("__")  # a class reads it under a mangled name
        }

    @cached_property
    def _bindings(self) -> _Bindings | None:
        """What binds each name; None when this Python cannot compile the file (it may be written for a newer one)."""
        try:
            return _Bindings(symtable.symtable(self._source.text.removeprefix("\ufeff"), self._source.name, "exec"))
        except (SyntaxError, ValueError):
            return None

    @cached_property
    def _scopes(self) -> Mapping[cst.CSTNode, Scope | None]:
        return MetadataWrapper(self._source.tree, unsafe_skip_copy=True).resolve(ScopeProvider)


class _Bindings:
    """How often, and how, each identifier is bound anywhere in a file.

    Attributes:
        bound: Identifier → in how many scopes something binds it.
        assigned: The identifiers that something else than an import binds.
        imported: The identifiers that an import binds.
    """

    def __init__(self, module: symtable.SymbolTable) -> None:
        self.bound: Counter[str] = Counter()
        self.assigned: set[str] = set()
        self.imported: set[str] = set()
        tables = [module]
        while tables:
            table = tables.pop()
            tables.extend(table.get_children())
            for symbol in table.get_symbols():
                name = symbol.get_name()
                assigned = symbol.is_assigned() or symbol.is_parameter()
                if assigned:
                    self.assigned.add(name)
                if symbol.is_imported():
                    self.imported.add(name)
                if assigned or symbol.is_imported():
                    self.bound[name] += 1


_BUILTINS = frozenset(dir(builtins))


def _imports_of(statement: cst.Import | cst.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield (local name, qualified name) for each name that an import binds; relative names keep their dots."""
    if isinstance(statement.names, cst.ImportStar):
        return
    module = ""
    if isinstance(statement, cst.ImportFrom):
        module = "." * len(statement.relative) + (dotted_name(statement.module) or "" if statement.module else "")
    for alias in statement.names:
        name = alias.evaluated_name
        if isinstance(statement, cst.ImportFrom):
            qualified = module + ("" if module.endswith(".") else ".") + name
        else:
            qualified = name if alias.asname is not None else name.split(".")[0]
        yield bound_name(alias), qualified


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
    "dot",
    "equal",
    "lbracket",
    "rbracket",
    "lbrace",
    "rbrace",
    "colon",
)


@cache
def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """Return the fields of a node class that can hold code, as opposed to layout."""
    fields = dataclasses.fields(kind)
    return tuple(f.name for f in fields if f.type is not str and not f.name.startswith(_LAYOUT_FIELDS))


def is_a(item: object, kind: type[Node] | tuple[type[Node], ...]) -> TypeGuard[Node]:
    """Do as `isinstance` does, in a third of the time where the answer is no: LibCST's nodes are abstract classes."""
    own: Any = type(item)
    return _is_subclass(own, kind)


@cache
def _is_subclass(kind: type, wanted: type | tuple[type, ...]) -> bool:
    return issubclass(kind, wanted)


class _Sorts(dict[type, int]):
    """Type of a node's field → 1 for a node, 2 for a sequence of nodes, 0 for anything else."""

    def __missing__(self, kind: type) -> int:
        sort = 1 if issubclass(kind, cst.CSTNode) else 2 if issubclass(kind, (list, tuple)) else 0
        self[kind] = sort
        return sort


_SORTS = _Sorts()


class _Getters(dict[type, Callable[[cst.CSTNode], tuple[Any, ...]]]):
    """Class of a node → what returns the values of its fields, all at once."""

    def __missing__(self, kind: type) -> Callable[[cst.CSTNode], tuple[Any, ...]]:
        names = _fields(kind)
        get: Any = operator.attrgetter(*names) if names else lambda node: ()
        self[kind] = getter = get if len(names) != 1 else lambda node: (get(node),)
        return getter


_GETTERS = _Getters()


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """Return the parts of `node` that hold code; LibCST's own `children` takes twenty times as long."""
    found: list[cst.CSTNode] = []
    for value in _GETTERS[type(node)](node):
        sort = _SORTS[type(value)]
        if sort == 1:
            found.append(value)
        elif sort:
            found.extend(value)
    return found


def walk(node: cst.CSTNode, *, into_functions: bool = True) -> Iterator[cst.CSTNode]:
    """Return `node` and its descendants, a node before its parts and statements in source order.

    Args:
        node: Where to start.
        into_functions: Whether to go into nested functions, lambdas and classes (never true of `node` itself).
    """
    return find(node, cst.CSTNode, into_functions=into_functions)


_STATEMENTS = (cst.FunctionDef, cst.SimpleStatementLine, cst.If, cst.For)
"""Most passes leave most statements as they are and all look through them, so what is in one is remembered."""

_STATEMENT_KINDS = frozenset(_STATEMENTS)
_REMEMBERED = _STATEMENT_KINDS | {cst.ClassDef}
_SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda)


@lru_cache(maxsize=8192)
def _statement_nodes(statement: cst.CSTNode) -> tuple[cst.CSTNode, ...]:
    found: list[cst.CSTNode] = []
    stack: list[cst.CSTNode] = [statement]
    while stack:
        item = stack.pop()
        if type(item) in _STATEMENT_KINDS and item is not statement:
            found.extend(_statement_nodes(item))
            continue
        found.append(item)
        stack.extend(reversed(children(item)))
    return tuple(found)


def _parts(node: cst.CSTNode, into_functions: bool) -> list[cst.CSTNode]:
    parts = children(node)
    if into_functions:
        return parts
    return [part for part in parts if not is_a(part, _SCOPES)]


def find(
    node: cst.CSTNode, kind: type[Node] | tuple[type[Node], ...], *, into_functions: bool = True
) -> Iterator[Node]:
    """Yield the descendants of `node` that are of `kind`, itself included, in source order."""
    stack = [node]
    while stack:
        item = stack.pop()
        if type(item) in _STATEMENT_KINDS and (into_functions or not _found(item, _SCOPES)):
            yield from _found(item, kind)
            continue
        if is_a(item, kind):
            yield item
        stack.extend(reversed(_parts(item, into_functions)))


@lru_cache(maxsize=32768)
def _found(statement: cst.CSTNode, kind: type[Node] | tuple[type[Node], ...]) -> tuple[Node, ...]:
    if kind is cst.CSTNode:
        return cast(tuple[Node, ...], _statement_nodes(statement))
    by_kind = _by_kind(statement)
    wanted = by_kind.keys() & _concrete(kind)
    if len(wanted) < 2:
        return cast(tuple[Node, ...], by_kind[wanted.pop()]) if wanted else ()
    return cast(tuple[Node, ...], tuple([item for item in _statement_nodes(statement) if type(item) in wanted]))


@cache
def _concrete(kind: type | tuple[type, ...]) -> frozenset[type]:
    """Return LibCST's classes of nodes that are of a kind."""
    return frozenset(own for own in _below(cst.CSTNode) if issubclass(own, kind))


def _below(kind: type) -> Iterator[type]:
    derived: list[type] = type.__subclasses__(kind)
    for own in derived:
        yield own
        yield from _below(own)


@lru_cache(maxsize=8192)
def _by_kind(statement: cst.CSTNode) -> dict[type, tuple[cst.CSTNode, ...]]:
    """Return the nodes of a statement by their class, each in source order."""
    found: dict[type, list[cst.CSTNode]] = defaultdict(list)
    for node in _statement_nodes(statement):
        found[type(node)].append(node)
    return {kind: tuple(nodes) for kind, nodes in found.items()}


@lru_cache(maxsize=8192)
def identifiers(tree: cst.CSTNode) -> frozenset[str]:
    """Return every identifier that `tree` reads or binds; attribute names, keywords and module paths are left out."""
    found: set[str] = set()
    stack: list[cst.CSTNode] = [tree]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is cst.Name:
            found.add(cast(cst.Name, node).value)
        elif kind is cst.Attribute or kind is cst.Arg:
            stack.append(cast("cst.Attribute | cst.Arg", node).value)
        elif kind is cst.ImportAlias:
            found.add(bound_name(cast(cst.ImportAlias, node)))
        elif kind is cst.ImportFrom:
            names = cast(cst.ImportFrom, node).names
            stack.extend(() if isinstance(names, cst.ImportStar) else names)
        elif kind in _REMEMBERED and node is not tree:
            found |= identifiers(node)
        else:
            stack.extend(children(node))
    return frozenset(found)


def bound_name(alias: cst.ImportAlias) -> str:
    """Return the local name that one item of an import binds."""
    if alias.asname is not None:
        return alias.asname.name.value if isinstance(alias.asname.name, cst.Name) else ""
    return alias.evaluated_name.split(".")[0]


@lru_cache(maxsize=8192)
def words(statement: cst.BaseStatement) -> frozenset[str]:
    """Return the names in a statement, whatever they name: by them one sees quickly what is not in it."""
    return frozenset([name.value for name in find(statement, cst.Name)])


def forget() -> None:
    """Let go of what is remembered of statements; for a process that goes on to other files."""
    for remembered in (_statement_nodes, _found, _by_kind, identifiers, _statement_ids, words):
        remembered.cache_clear()


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


@lru_cache(maxsize=8192)
def _statement_ids(statement: cst.CSTNode) -> frozenset[int]:
    return frozenset(map(id, _statement_nodes(statement)))


def _rebuild(node: cst.CSTNode, changes: NodeMap, wanted: set[int]) -> Any:
    if id(node) in wanted:
        return changes[node]
    if type(node) is cst.FunctionDef and wanted.isdisjoint(_statement_ids(node)):
        return node
    updates: dict[str, Any] = {}
    for name, value in zip(_fields(type(node)), _GETTERS[type(node)](node), strict=True):
        sort = _SORTS[type(value)]
        if sort == 1:
            new = _rebuild(value, changes, wanted)
            if new is not value:
                updates[name] = new
        elif sort and value:
            items = _rebuild_sequence(value, changes, wanted)
            if items is not None:
                updates[name] = items
    return node.with_changes(**updates) if updates else node


def _rebuild_sequence(items: Sequence[Any], changes: NodeMap, wanted: set[int]) -> list[Any] | None:
    result: list[Any] = []
    changed = False
    for item in items:
        new = _rebuild(item, changes, wanted)
        if new is item:
            result.append(item)
            continue
        changed = True
        if isinstance(new, cst.FlattenSentinel):
            result.extend(new)
        elif new is not cst.RemovalSentinel.REMOVE:
            result.append(new)
    return result if changed else None
