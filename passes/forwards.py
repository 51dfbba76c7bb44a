"""Finding the module classes of a modeling file and the forwards that loop over a list of modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import libcst as cst

from rewriter import PassContext
from rewriter.tree import dotted_name, find

FLAT_SUFFIX = "_flat"
FLAT_DOCSTRING = '"""The part of `{forward}` that only computes on tensors."""'
"""By this docstring the passes after `flatten` know its methods from a user's."""
RECORDED_SUFFIX = "_recorded"
RECORDED_DOCSTRING = '"""What `{forward}` does, to be recorded as a whole."""'
"""The same for the methods that `record` makes."""


@dataclass(frozen=True)
class ModuleClass:
    """A class that derives, as far as the file shows, from the dialect's module class.

    Attributes:
        node: The class.
        lists: Names of the attributes that hold a list of modules.
    """

    node: cst.ClassDef
    lists: frozenset[str]

    def method(self, name: str) -> cst.FunctionDef | None:
        """Return the method called `name`, if the class itself has one."""
        return next((m for m in self.methods() if m.name.value == name), None)

    def methods(self) -> Iterator[cst.FunctionDef]:
        """Yield the methods the class itself has."""
        for statement in self.node.body.body:
            if isinstance(statement, cst.FunctionDef):
                yield statement


def module_classes(context: PassContext) -> list[ModuleClass]:
    """Return the top-level classes that have a forward or hold a list of modules, in source order."""
    lists: dict[str, frozenset[str]] = {}
    found: list[ModuleClass] = []
    for node in context.tree.body:
        if isinstance(node, cst.ClassDef):
            inherited = (
                lists.get(base.value.value, frozenset()) for base in node.bases if isinstance(base.value, cst.Name)
            )
            names = _module_lists(node, context).union(*inherited)
            lists[node.name.value] = names
            item = ModuleClass(node, names)
            if item.method(context.dialect.forward) is not None or names:
                found.append(item)
    return found


def is_flat(method: cst.FunctionDef) -> bool:
    """Tell whether `flatten` made the method."""
    return (method.get_docstring() or "").startswith("The part of `") and FLAT_SUFFIX in method.name.value


def is_recorded(method: cst.FunctionDef) -> bool:
    """Tell whether `record` made the method."""
    return (method.get_docstring() or "").startswith("What `") and RECORDED_SUFFIX in method.name.value


def module_attributes(loop: cst.For, lists: frozenset[str], self_: str) -> set[str]:
    """Return the attributes of the module that a loop takes its layers from.

    These are the known module lists in what it iterates over, any attribute there whose items the body calls, and the
    known module lists that the body indexes.
    """
    iterated = {name for node in find(loop.iter, cst.Attribute) if (name := self_attribute(node, self_)) is not None}
    bound = {name.value for name in find(loop.target, cst.Name)}
    called = {call.func.value for call in find(loop.body, cst.Call) if isinstance(call.func, cst.Name)}
    indexed = {self_attribute(node.value, self_) or "" for node in find(loop.body, cst.Subscript)}
    return (iterated if bound & called else iterated & lists) | (indexed & lists)


def self_name(function: cst.FunctionDef) -> str | None:
    """Return the name of the first positional parameter."""
    params = (*function.params.posonly_params, *function.params.params)
    return params[0].name.value if params else None


def self_attribute(node: cst.CSTNode, self_: str) -> str | None:
    """Return `x` for the expression `self.x`."""
    if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == self_:
        return node.attr.value
    return None


def _module_lists(node: cst.ClassDef, context: PassContext) -> frozenset[str]:
    """Return the attributes that some method sets to a list of modules."""
    known = context.facts.memo
    if node not in known:
        for statement in node.body.body:
            if statement not in known:  # a pass changes few methods of a class
                known[statement] = frozenset(_set_to_lists(statement, context))
        known[node] = frozenset[str]().union(*(known[statement] for statement in node.body.body))
    return cast(frozenset[str], known[node])


def _set_to_lists(statement: cst.CSTNode, context: PassContext) -> Iterator[str]:
    assigns: tuple[cst.Assign | cst.AnnAssign, ...] = (*find(statement, cst.Assign), *find(statement, cst.AnnAssign))
    for assign in assigns:
        if assign.value is None:
            continue
        targets = [t.target for t in assign.targets] if isinstance(assign, cst.Assign) else [assign.target]
        names = [name for name in map(dotted_name, targets) if name and name.count(".") == 1]
        if not names:
            continue
        made = {context.qualified_name(call.func) for call in find(assign.value, cst.Call)}
        if made & set(context.dialect.module_lists):
            yield from (name.split(".")[1] for name in names)
