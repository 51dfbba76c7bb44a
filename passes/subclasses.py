"""Layers that a file makes, as subclasses written into the file: the same parameters and names, another forward.

A subclass is still what `isinstance`, initialisation, hooks, adapters and state dicts take it for, and a layer that
somebody puts in its place later is used as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from string import Template

import libcst as cst

from rewriter import PassContext
from rewriter.tree import find, identifiers, replace

from .inserted import put_before


@dataclass(frozen=True)
class Subclass:
    """What takes the place of a layer.

    Attributes:
        text: Source of the class; a template for `$name`, `$base`, `$forward`, `$mindspore` and `$ops`.
        note: What it computes by, for the report.
        devices: The targets that it is for.
    """

    text: str
    note: str
    devices: tuple[str, ...] = ("cpu", "portable")


def replace_layers(
    context: PassContext, layers: Mapping[str, Subclass], why_not: Callable[[cst.Call, str], str]
) -> cst.Module:
    """Make a subclass of every layer in `layers` that the functions of the file make.

    Args:
        context: The pass at work.
        layers: Qualified name of a layer → its subclass.
        why_not: Returns why the layer that a call makes must stay; empty when it need not.
    """
    tree = context.tree
    for layer, subclass in layers.items():
        chosen = []
        for call in _calls_in_functions(tree):
            if context.qualified_name(call.func) != layer:
                continue
            reason = _why_none(context, layer, subclass) or why_not(call, layer)
            if reason:
                context.skipped(call, layer, reason)
            else:
                chosen.append(call)
                context.rewritten(call, layer, subclass.note)
        if chosen:
            tree = _with_subclass(tree, chosen, _definition(context, tree, layer, subclass))
    return tree


def _calls_in_functions(tree: cst.CSTNode) -> Iterator[cst.Call]:
    """Yield the calls that run when a function does; what runs on import may stand before the class that it needs."""
    for node in tree.children:
        if isinstance(node, cst.FunctionDef):
            yield from find(node.body, cst.Call)
        elif isinstance(node, _BLOCKS):
            yield from _calls_in_functions(node)


_BLOCKS = (cst.BaseCompoundStatement, cst.BaseSuite, cst.Else, cst.Finally, cst.ExceptHandler)


def _why_none(context: PassContext, layer: str, subclass: Subclass) -> str:
    """Return why no layer of this kind can be replaced in the file; empty when they can."""
    if context.target.device.value not in subclass.devices:
        return f"what it would become was not measured for {context.target.device.value}"
    compared = (part for node in find(context.tree, cst.Comparison) for part in find(node, (cst.Name, cst.Attribute)))
    if any(context.qualified_name(part) == layer for part in compared):
        return "the file compares a type with it, and a subclass is another type"
    return ""


@dataclass(frozen=True)
class _Definition:
    """The subclass in the file.

    Attributes:
        name: That of the layer where it is free, so that a printed model looks as before.
        text: Its source.
        is_there: Whether the file has it already.
    """

    name: str
    text: str
    is_there: bool


def _definition(context: PassContext, tree: cst.Module, layer: str, subclass: Subclass) -> _Definition:
    values = {"forward": context.dialect.forward, "base": context.use(layer)}
    values |= {module: context.use(name) for module, name in _MODULES.items() if f"${module}" in subclass.text}
    own = layer.rpartition(".")[2]
    for node in tree.body:
        if isinstance(node, cst.ClassDef) and node.name.value.startswith(own):
            text = Template(subclass.text).substitute(values, name=node.name.value)
            if _meaning(text) == _meaning(tree.code_for_node(node)):
                return _Definition(node.name.value, text, is_there=True)
    taken = identifiers(tree)
    name = next(name for name in (own, *(f"{own}_{n}" for n in range(2, 1000))) if name not in taken)
    return _Definition(name, Template(subclass.text).substitute(values, name=name), is_there=False)


_MODULES = {"mindspore": "mindspore", "ops": "mindspore.ops"}


def _meaning(text: str) -> str:
    """Return what is left of a text without its layout."""
    return ast.dump(ast.parse(text))


def _with_subclass(tree: cst.Module, calls: list[cst.Call], subclass: _Definition) -> cst.Module:
    """Return `tree` with the calls made calls of the subclass, which stands before the first statement that has one."""
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    for call in calls:
        assert isinstance(call.func, (cst.Name, cst.Attribute))
        changes[call.func] = cst.Name(subclass.name, lpar=call.func.lpar, rpar=call.func.rpar)
    new = replace(tree, changes)
    if subclass.is_there:
        return new
    pairs = enumerate(zip(tree.body, new.body, strict=True))
    return put_before(new, subclass.text, next(index for index, (old, now) in pairs if old is not now))
