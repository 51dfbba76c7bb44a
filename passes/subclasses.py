"""Layers that a file makes, as subclasses written into the file: the same parameters and names, another forward.

A subclass is still what `isinstance`, initialisation, hooks, adapters and state dicts take it for, and a layer that
somebody puts in its place later is used as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import libcst as cst

from rewriter import PassContext
from rewriter.tree import find

from .devices import MEASURED, why_not_measured
from .own import calls_in_functions, own_definition, with_definition


@dataclass(frozen=True)
class Subclass:
    """What takes the place of a layer.

    Attributes:
        text: Source of the class; a template as `own_definition` takes, with the layer as `$base`.
        note: What it computes by, for the report.
        devices: The targets that it is for.
    """

    text: str
    note: str
    devices: tuple[str, ...] = MEASURED


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
        made = [call for call in calls_in_functions(tree) if context.qualified_name(call.func) == layer]
        why_none = _why_none(context, layer, subclass) if made else ""
        chosen = []
        for call in made:
            if reason := why_none or why_not(call, layer):
                context.skipped(call, layer, reason)
            else:
                chosen.append(call)
                context.rewritten(call, layer, subclass.note)
        if chosen:
            own = own_definition(context, tree, subclass.text, layer.rpartition(".")[2], base=layer)
            tree = with_definition(tree, own, {call.func: _named(own.name, call.func) for call in chosen})
    return tree


def _why_none(context: PassContext, layer: str, subclass: Subclass) -> str:
    """Return why no layer of this kind can be replaced in the file; empty when they can."""
    return why_not_measured(context, subclass.devices) or why_compared(context, layer)


def why_compared(context: PassContext, name: str) -> str:
    """Return why what is called `name` must not become a subclass in this file; empty when it may."""
    compared = (part for node in find(context.tree, cst.Comparison) for part in find(node, (cst.Name, cst.Attribute)))
    if any(context.stands_for(part, name) for part in compared):
        return "the file compares a type with it, and a subclass is another type"
    return ""


def _named(name: str, func: cst.BaseExpression) -> cst.Name:
    return cst.Name(name, lpar=func.lpar, rpar=func.rpar)
