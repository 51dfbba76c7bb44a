"""Finding the calls of a file, each with the functions around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from rewriter.tree import children, find, is_a, walk


@dataclass(frozen=True)
class Found:
    """A call in the file.

    Attributes:
        call: The call.
        function: The innermost function around it; None at module or class level.
        method: The name of the method of a class that it stands in, nested functions left out; empty outside.
    """

    call: cst.Call
    function: cst.FunctionDef | None
    method: str


def calls(tree: cst.Module) -> list[Found]:
    """Return every call, an outer one before those in its arguments."""
    return list(_calls(tree))


_OWNERS = (cst.FunctionDef, cst.ClassDef)


def _calls(tree: cst.Module) -> Iterator[Found]:
    stack: list[tuple[cst.CSTNode, cst.FunctionDef | None, str, bool]] = [(tree, None, "", False)]
    while stack:
        node, function, method, in_class = stack.pop()
        if is_a(node, cst.BaseStatement) and next(find(node, _OWNERS), None) is None:
            yield from (Found(call, function, method) for call in find(node, cst.Call))
            continue
        if is_a(node, cst.Call):
            yield Found(node, function, method)
        elif is_a(node, cst.FunctionDef):
            function, method, in_class = node, node.name.value if in_class else method, False
        elif is_a(node, cst.ClassDef):
            in_class = True
        parts = [(part, function, method, in_class) for part in children(node)]
        stack.extend(reversed(parts))


def writes_in_place(function: cst.FunctionDef | None, tree: cst.Module) -> bool:
    """Return whether a function, or the file where there is none, writes into a tensor that exists already."""
    return any(_writes(node) for node in walk(function or tree))


def _writes(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.AugAssign):
        return True
    if isinstance(node, cst.AssignTarget):
        return isinstance(node.target, cst.Subscript)
    return isinstance(node, cst.Call) and is_in_place(node)


def is_in_place(call: cst.Call) -> bool:
    """Return whether a call is one of a method that writes into its object: `x.add_(1)`, `x.assign(y)`."""
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    return name == "assign" or (name.endswith("_") and not name.endswith("__"))
