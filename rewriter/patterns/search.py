"""The places of a file where a pattern may stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import libcst as cst

from ..tree import children

_TARGETS = (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.CompFor, cst.NamedExpr, cst.Del)
"""What binds or deletes its `target`."""
_NEVER = (cst.Annotation, cst.Import, cst.ImportFrom, cst.MatchPattern)
"""What holds no expression that is computed when the code runs."""
_WORDS = {
    cst.Attribute: "attr",
    cst.Arg: "keyword",
    cst.Param: "name",
    cst.FunctionDef: "name",
    cst.ClassDef: "name",
    cst.NameItem: "item",
    cst.AsName: "name",
}
"""Node → its field that is a word of the syntax and no expression, though LibCST has a `Name` there."""


@dataclass(frozen=True)
class Place:
    """An expression of the file.

    Attributes:
        node: The expression.
        statement: The statement that it stands in.
        why_not: Why nothing may be rewritten there; empty where it may.
    """

    node: cst.CSTNode
    statement: cst.CSTNode
    why_not: str = ""


def places(tree: cst.Module, kinds: tuple[type[cst.CSTNode], ...]) -> Iterator[Place]:
    """Yield the expressions of some kinds, an outer one before those in it, in source order."""
    stack = [Place(tree, tree, "it runs when the file is imported, perhaps before what it needs is")]
    while stack:
        place = stack.pop()
        if isinstance(place.node, kinds):
            yield place
        stack.extend(reversed(list(_inside(place))))


def _inside(place: Place) -> Iterator[Place]:
    """Yield the parts of a place that hold expressions."""
    node = place.node
    if isinstance(node, (cst.BaseStatement, cst.BaseSmallStatement)):
        place = replace(place, statement=node)
    if isinstance(node, cst.FormattedString):
        place = replace(place, why_not="it stands in an f-string")
    word = getattr(node, _WORDS.get(type(node), ""), None)
    for part in children(node):
        if isinstance(part, _NEVER) or part is word:
            continue
        if isinstance(node, _TARGETS) and part is node.target:
            yield from _inside_target(replace(place, node=part))
        elif isinstance(node, cst.FunctionDef) and part is node.body:
            yield replace(place, node=part, why_not="")
        else:
            yield replace(place, node=part)


def _inside_target(place: Place) -> Iterator[Place]:
    """Yield what is computed to find out what is bound: `x` and `f(y)` in `x[f(y)] = …`."""
    node = place.node
    if isinstance(node, (cst.Tuple, cst.List)):
        for element in node.elements:
            yield from _inside_target(replace(place, node=element.value))
    elif isinstance(node, (cst.Attribute, cst.Subscript)):
        yield from _inside(place)
