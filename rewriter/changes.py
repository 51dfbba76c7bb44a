"""The differences between two syntax trees, as changes of statements that can be made one by one.

A line diff cuts a rewriting anywhere; what it leaves is seldom Python. Here two bodies are matched statement by
statement, and what has the same name, or stands in the same place with the same shape, is entered. So a tree with only
some of the changes made is a program again, and a fault can be searched for among them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

import libcst as cst

from .printing import printed_with_lines
from .tree import bound_name, first_line, identifiers

Statements = tuple[cst.CSTNode, ...]
_Path = tuple[str | int, ...]
_ADDED_PASS = re.compile(r"^[ \t]*pass\r?\n", re.MULTILINE)
"""What LibCST prints for a body without statements."""


@dataclass(frozen=True)
class Change:
    """One difference between two trees.

    A changed import is two changes, one that adds and one that takes away, so that any of its readers can stay.

    Attributes:
        number: Its place among the changes of the two trees.
        where: The class and function that it lies in, e.g. `BertEncoder.forward`; empty at the level of the module.
        old: The statements that go, as text; for a changed header, that alone.
        new: The statements that come.
        first: 1-based line in the tree before; of what follows, where nothing goes.
        last: Last line in the tree before; `first - 1` where nothing goes.
        line: 1-based line in the tree after; of what follows, where nothing comes.
        adds: Whether it only adds a name that was not there: an import, a definition, a method. Alone, such a change
            alters no behaviour.
        before: The nodes that go; for a changed header, the statement without its bodies.
        after: The nodes that come, likewise.
    """

    number: int
    where: str
    old: str
    new: str
    first: int
    last: int
    line: int
    adds: bool
    before: Statements = field(default=(), repr=False, compare=False)
    after: Statements = field(default=(), repr=False, compare=False)


def changes(before: cst.Module, after: cst.Module) -> list[Change]:
    """Return what makes `after` of `before`, in the order of the file.

    Args:
        before: A tree.
        after: The tree that became of it; it need not share nodes with `before`.
    """
    return list(_difference(before, after).changes)


def keep(before: cst.Module, after: cst.Module, kept: Collection[Change]) -> cst.Module:
    """Return `before` with only some of its changes made.

    Args:
        before: As it was given to `changes`.
        after: As it was given to `changes`.
        kept: Some of the changes between the two, in any order.

    Returns:
        A tree that shares with `before` what is not changed, and with `after` what is.
    """
    difference = _difference(before, after)
    return difference.build({change.number for change in kept})


def consistent(every: Sequence[Change], chosen: Collection[Change]) -> list[Change]:
    """Return `chosen` so that no name of the module is missing that was there before, or is after.

    An import or definition that a chosen change reads is made too, and one that a change left out still reads does not
    go: otherwise half of a rewriting fails for that reason alone.

    Args:
        every: All the changes between two trees.
        chosen: Some of them.
    """
    kept = {change.number for change in chosen}
    for _ in every:
        made = [change for change in every if change.number in kept]
        left = [change for change in every if change.number not in kept]
        read = frozenset[str]().union(*(_read(change.after) for change in made))
        still_read = frozenset[str]().union(*(_read(change.before) for change in left))
        wanted = {change.number for change in left if (_bound_by(change.after) - _bound_by(change.before)) & read}
        stay = {change.number for change in made if (_bound_by(change.before) - _bound_by(change.after)) & still_read}
        if not wanted and not stay:
            break
        kept = (kept | wanted) - stay
    return [change for change in every if change.number in kept]


@lru_cache(maxsize=4)
def _difference(before: cst.Module, after: cst.Module) -> _Difference:
    return _Difference(before, after)


@dataclass(frozen=True)
class _Edit:
    """A run of statements in the place of another."""

    number: int
    old: Sequence[Any]
    new: Sequence[Any]


@dataclass(frozen=True)
class _Entered:
    """A statement (or the module) that stays, and in which something changes.

    Attributes:
        before: As it was.
        after: As it became.
        frame: The number of the change of all that lies outside its bodies; None when that is the same.
        bodies: Path to a body → the items of it: nodes that stay, edits, and entered statements.
    """

    before: Any
    after: Any
    frame: int | None
    bodies: dict[_Path, list[Any]]


class _Difference:
    """Two trees, matched."""

    def __init__(self, before: cst.Module, after: cst.Module) -> None:
        self._before, self._after = before, after
        self._texts: dict[tuple[bool, cst.CSTNode], str] = {}
        self._old_lines = printed_with_lines(before).lines
        self._new_lines = printed_with_lines(after).lines
        self._known = identifiers(before)
        self.changes: list[Change] = []
        self._plan = self._enter(before, after, ())

    def build(self, kept: set[int]) -> cst.Module:
        """Return the tree before with the changes of these numbers made."""
        result: cst.Module = _built(self._plan, kept)
        return result

    def _text(self, node: cst.CSTNode, *, new: bool) -> str:
        key = (new, node)
        if key not in self._texts:
            module = self._after if new else self._before
            self._texts[key] = node.code if isinstance(node, cst.Module) else module.code_for_node(node)
        return self._texts[key]

    def _enter(self, before: Any, after: Any, where: tuple[str, ...]) -> _Entered:
        if isinstance(before, (cst.FunctionDef, cst.ClassDef)):
            where = (*where, before.name.value)
        frame = None
        one, other = _blank(before), _blank(after)
        if self._text(one, new=False) != self._text(other, new=True):
            frame = self._add_frame(before, after, one, other, where)
        bodies = {
            path: self._match(_at(before, path).body, _at(after, path).body, before, where) for path in _bodies(before)
        }
        return _Entered(before, after, frame, bodies)

    def _match(self, old: Sequence[Any], new: Sequence[Any], owner: Any, where: tuple[str, ...]) -> list[Any]:
        """Match two bodies: what is the same, what is entered, what is replaced."""
        keys = [self._text(node, new=False) for node in old]
        others = [self._text(node, new=True) for node in new]
        items: list[Any] = []
        for kind, first, last, start, end in SequenceMatcher(None, keys, others, autojunk=False).get_opcodes():
            if kind == "equal":
                items += old[first:last]
                continue
            spot = _Spot(owner, where, old, new, last, end)
            items += self._match_run(old[first:last], new[start:end], spot)
        return items

    def _match_run(self, old: Sequence[Any], new: Sequence[Any], spot: _Spot) -> Iterator[Any]:
        """Match two runs that have no statement in common: by name and kind, then by place."""
        anchors = [self._anchor(node, new=False) for node in old]
        others = [self._anchor(node, new=True) for node in new]
        for kind, first, last, start, end in SequenceMatcher(None, anchors, others, autojunk=False).get_opcodes():
            imports = any(map(_imported, (*old[first:last], *new[start:end])))
            if kind == "equal" or (kind == "replace" and last - first == end - start and not imports):
                for one, other in zip(old[first:last], new[start:end], strict=True):
                    yield self._pair(one, other, spot)
            elif kind == "replace" and not imports:
                yield self._edit(old[first:last], new[start:end], spot)
            else:  # one change per statement that comes or goes
                yield from (self._edit([node], [], spot) for node in old[first:last])
                yield from (self._edit([], [node], spot) for node in new[start:end])

    def _anchor(self, node: Any, *, new: bool) -> Hashable:
        """Return what a statement is recognised by when its text has changed; a simple one is not."""
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            return type(node), node.name.value
        if _bodies(node):
            return type(node), self._text(_blank(node), new=new)
        return _imported(node) or object()

    def _pair(self, one: Any, other: Any, spot: _Spot) -> _Edit | _Entered:
        if type(one) is type(other) and _shape(one) and _shape(one) == _shape(other):
            return self._enter(one, other, spot.where)
        return self._edit([one], [other], spot)

    def _edit(self, old: Sequence[Any], new: Sequence[Any], spot: _Spot) -> _Edit:
        number = len(self.changes)
        first = first_line(old[0], self._old_lines) if old else self._line_of_next(spot.old, spot.last, new=False)
        last = self._old_lines[old[-1]] + self._text(old[-1], new=False).count("\n") - 1 if old else first - 1
        line = first_line(new[0], self._new_lines) if new else self._line_of_next(spot.new, spot.end, new=True)
        names = {node.name.value for node in (*old, *new) if isinstance(node, (cst.FunctionDef, cst.ClassDef))}
        where = (*spot.where, *names) if len(names) == 1 and max(len(old), len(new)) == 1 else spot.where
        self.changes.append(
            Change(
                number,
                ".".join(where),
                "".join(self._text(node, new=False) for node in old),
                "".join(self._text(node, new=True) for node in new),
                first,
                last,
                line,
                not old and all(_adds(node, spot.owner, self._known) for node in new),
                tuple(old),
                tuple(new),
            )
        )
        return _Edit(number, old, new)

    def _add_frame(self, before: Any, after: Any, one: Any, other: Any, where: tuple[str, ...]) -> int:
        number = len(self.changes)
        first = first_line(before, self._old_lines) or 1
        inner = [_at(before, path).body for path in _bodies(before)]
        starts = [self._old_lines[body[0]] for body in inner if body]
        last = max(first, min(starts, default=first + 1) - 1)
        line = first_line(after, self._new_lines) or 1
        texts = [_ADDED_PASS.sub("", self._text(node, new=side)) for side, node in ((False, one), (True, other))]
        self.changes.append(
            Change(number, ".".join(where), texts[0], texts[1], first, last, line, False, (one,), (other,))
        )
        return number

    def _line_of_next(self, body: Sequence[Any], index: int, *, new: bool) -> int:
        """Return the line of the statement at `index`, or the one after the last."""
        lines = self._new_lines if new else self._old_lines
        if index < len(body):
            return lines[body[index]]
        if not body:
            return 1
        return lines[body[-1]] + self._text(body[-1], new=new).count("\n")


@dataclass(frozen=True)
class _Spot:
    """Where two runs lie: in which statement, in which bodies, and before which statements of these."""

    owner: Any
    where: tuple[str, ...]
    old: Sequence[Any]
    new: Sequence[Any]
    last: int
    end: int


def _built(item: _Entered, kept: set[int]) -> Any:
    node = item.after if item.frame in kept else item.before
    for path, parts in item.bodies.items():
        body: list[Any] = []
        for part in parts:
            if isinstance(part, _Edit):
                body += part.new if part.number in kept else part.old
            else:
                body.append(_built(part, kept) if isinstance(part, _Entered) else part)
        node = _with_body(node, path, body)
    return node


def _bodies(node: Any) -> list[_Path]:
    """Return the paths to the bodies of a compound statement; none when it is not entered."""
    if isinstance(node, cst.Module):
        return [()]
    return list(_paths(node))


def _paths(node: Any, path: _Path = ()) -> Iterator[_Path]:
    if isinstance(getattr(node, "body", None), cst.IndentedBlock):
        yield (*path, "body")
    for name in ("handlers", "orelse", "finalbody"):
        part = getattr(node, name, None)
        if isinstance(part, cst.CSTNode):
            yield from _paths(part, (*path, name))
        for index, handler in enumerate(part if isinstance(part, (list, tuple)) else ()):
            yield from _paths(handler, (*path, name, index))


def _shape(node: Any) -> object:
    """Return what two statements must share for one to be entered beside the other; empty for one that is not.

    A coroutine's statements are not a function's, and a one-line suite has no statements of its own.
    """
    paths = _bodies(node)
    if any(isinstance(part, cst.SimpleStatementSuite) for part in _suites(node)):
        return ()
    name = node.name.value if isinstance(node, (cst.FunctionDef, cst.ClassDef)) else ""
    return paths and (name, paths, getattr(node, "asynchronous", None) is not None)


def _suites(node: Any) -> Iterator[Any]:
    yield getattr(node, "body", None)
    for name in ("orelse", "finalbody"):
        if isinstance(getattr(node, name, None), cst.CSTNode):
            yield from _suites(getattr(node, name))
    for handler in getattr(node, "handlers", ()):
        yield from _suites(handler)


def _at(node: Any, path: _Path) -> Any:
    for step in path:
        node = getattr(node, step) if isinstance(step, str) else node[step]
    return node


def _with_body(node: Any, path: _Path, body: Sequence[Any]) -> Any:
    """Return `node` with the statements of one of its bodies replaced; itself when they are the same."""
    if not path:
        same = len(body) == len(node.body) and all(map(lambda one, other: one is other, body, node.body))
        return node if same else node.with_changes(body=body)
    step, rest = path[0], path[1:]
    assert isinstance(step, str)
    old = getattr(node, step)
    if isinstance(old, cst.CSTNode):
        new: Any = _with_body(old, rest, body)
        return node if new is old else node.with_changes(**{step: new})
    index = rest[0]
    assert isinstance(index, int)
    items = [_with_body(item, rest[1:], body) if number == index else item for number, item in enumerate(old)]
    return node if items[index] is old[index] else node.with_changes(**{step: items})


def _blank(node: Any) -> Any:
    """Return a statement without the statements in it: its header, and the layout of its bodies."""
    for path in _bodies(node):
        node = _with_body(node, path, ())
    return node


def _imported(node: Any) -> frozenset[str]:
    """Return the names that an import statement binds; none for any other statement."""
    if not isinstance(node, cst.SimpleStatementLine):
        return frozenset()
    if not all(isinstance(part, (cst.Import, cst.ImportFrom)) for part in node.body):
        return frozenset()
    return frozenset(name for part in node.body for name in _bound(part) if name is not None)


def _read(nodes: Statements) -> frozenset[str]:
    """Return the identifiers in statements, those that imports bind left out."""
    return frozenset[str]().union(*(identifiers(node) for node in nodes if not _imported(node)))


def _bound_by(nodes: Statements) -> frozenset[str]:
    """Return the names that definitions, imports and assignments among some statements bind."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            names.add(node.name.value)
        elif isinstance(node, cst.SimpleStatementLine):
            names |= {name for part in node.body for name in _bound(part) if name is not None}
    return frozenset(names)


def _adds(node: Any, owner: Any, known: frozenset[str]) -> bool:
    """Tell whether a new statement of a module or class only binds a name that was not there."""
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        taken = (
            (item.name.value for item in owner.body.body if isinstance(item, cst.FunctionDef))
            if isinstance(owner, cst.ClassDef)
            else known
        )
        return isinstance(owner, (cst.Module, cst.ClassDef)) and node.name.value not in taken
    if not isinstance(owner, cst.Module) or not isinstance(node, cst.SimpleStatementLine):
        return False
    if imported := _imported(node):  # an import may repeat names that are there, beside a new one
        return not imported <= known
    names = list(itertools.chain.from_iterable(map(_bound, node.body)))
    return bool(names) and None not in names and not known & set(names)


def _bound(statement: cst.BaseSmallStatement) -> Iterator[str | None]:
    """Yield the names that an import or an assignment binds; None for anything else."""
    targets: list[cst.BaseExpression] = []
    if isinstance(statement, (cst.Import, cst.ImportFrom)) and not isinstance(statement.names, cst.ImportStar):
        yield from map(bound_name, statement.names)
        return
    if isinstance(statement, cst.Assign):
        targets = [target.target for target in statement.targets]
    elif isinstance(statement, cst.AnnAssign):
        targets = [statement.target]
    yield from (target.value if isinstance(target, cst.Name) else None for target in targets or [cst.Ellipsis()])


def bound_names(change: Change) -> frozenset[str]:
    """Return the names that an addition binds, and for an import or assignment others that stand there."""
    names: set[str] = set()
    for node in change.after:
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            names.add(node.name.value)
        else:
            names |= words(change.new.partition("=")[0])
    return frozenset(names)


def words(text: str) -> frozenset[str]:
    """Return the words of a text: its names, and whatever else is spelled like one."""
    return frozenset(re.findall(r"\w+", text))
