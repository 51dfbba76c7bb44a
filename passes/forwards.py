"""Finding the module classes of a modeling file and the forwards that loop over a list of modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from rewriter import PassContext
from rewriter.tree import dotted_name, find

FLAT_SUFFIX = "_flat"


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
    """Return the top-level classes with a forward, or with a base that is a module class, in source order."""
    found: list[ModuleClass] = []
    for node in context.tree.body:
        if isinstance(node, cst.ClassDef):
            item = ModuleClass(node, frozenset(_module_lists(node, context)))
            if item.method(context.dialect.forward) is not None or item.lists:
                found.append(item)
    return found


def self_name(function: cst.FunctionDef) -> str | None:
    """Return the name of the first positional parameter."""
    params = (*function.params.posonly_params, *function.params.params)
    return params[0].name.value if params else None


def self_attribute(node: cst.CSTNode, self_: str) -> str | None:
    """Return `x` for the expression `self.x`."""
    if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == self_:
        return node.attr.value
    return None


def _module_lists(node: cst.ClassDef, context: PassContext) -> Iterator[str]:
    """Yield the attributes that some method sets to a list of modules."""
    for assign in find(node, cst.Assign):
        if not isinstance(assign.value, cst.Call):
            continue
        if context.qualified_name(assign.value.func) not in context.dialect.module_lists:
            continue
        for target in assign.targets:
            name = dotted_name(target.target)
            if name and name.count(".") == 1:
                yield name.split(".")[1]
