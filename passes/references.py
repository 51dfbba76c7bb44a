"""Definitions of our own in the place of MindSpore's, wherever a file names these: called, kept or derived from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from rewriter import PassContext
from rewriter.tree import children, find, is_a, words

from .devices import why_mint_stays
from .own import Own, own_definition, with_definition
from .subclasses import why_compared

Reference = cst.Name | cst.Attribute
WhyNot = Callable[[cst.Call], str]
"""Returns why what a call names must stay there; empty when it need not."""

MODULES = {"mint": "mindspore.mint"}
"""Placeholders of a template besides those of `own_definition`, where it has them."""


def replaced(
    context: PassContext,
    tree: cst.Module,
    name: str,
    template: str,
    note: str,
    *,
    why_not: WhyNot = lambda call: "",
    passes_by: Callable[[cst.Call], bool] = lambda call: False,
) -> cst.Module:
    """Put a definition of our own in the place of what is called `name`, but where only a type is asked for.

    Args:
        context: The pass at work.
        tree: The file as far as the pass has come.
        name: A qualified name of MindSpore's.
        template: The definition, as `own_definition` takes it, with what it replaces as `$base`.
        note: What it computes by, for the report.
        why_not: Asked about each call.
        passes_by: Tells of each call whether it is for another pass.
    """
    short = name.rpartition(".")[2]
    used = list(_uses(context, tree, name, short))
    if not used:
        return tree
    values = {key: module for key, module in MODULES.items() if f"${key}" in template}
    values |= {"base": name} if "$base" in template else {}
    own = _earlier(tree, template, short) or own_definition(context, tree, template, short, **values)
    ours = {
        part for node in tree.body if own.is_there and _is_named(node, own.name) for part in find(node, cst.CSTNode)
    }
    reason = why_mint_stays(context) or why_compared(context, name)
    chosen: dict[cst.CSTNode, cst.CSTNode] = {}
    for node, call in used:
        if node in ours or (call is not None and passes_by(call)):
            continue
        if why := reason or (why_not(call) if call is not None else ""):
            context.skipped(node, name, why)
        else:
            chosen[node] = cst.Name(own.name, lpar=node.lpar, rpar=node.rpar)
            context.rewritten(node, name, note)
    return with_definition(tree, own, chosen) if chosen else tree


def _uses(
    context: PassContext, tree: cst.CSTNode, name: str, short: str
) -> Iterator[tuple[Reference, cst.Call | None]]:
    """Yield the expressions that stand for `name`, each with the call that it is called by, if it is."""
    also = {name, name.replace("mindspore.mint.nn.functional.", "mindspore.mint.functional.")}
    aliases = {local for local, known in context.facts.names.plain.items() if known in also}
    sought = aliases | {short}
    stack: list[tuple[cst.CSTNode, cst.Call | None]] = [(tree, None)]
    while stack:
        node, call = stack.pop()
        if is_a(node, _NOT_THERE) or (is_a(node, cst.BaseStatement) and sought.isdisjoint(words(node))):
            continue
        if is_a(node, cst.Name):
            if node.value in aliases and context.qualified_name(node) in also:
                yield node, call
        elif is_a(node, cst.Attribute):
            if node.attr.value == short and context.qualified_name(node) in also:
                yield node, call
            else:
                stack.append((node.value, None))
        elif is_a(node, cst.Call):
            asks = isinstance(node.func, cst.Name) and node.func.value in ("isinstance", "issubclass")
            stack.extend((arg.value, None) for arg in reversed(node.args[:1] if asks else node.args))
            stack.append((node.func, node))
        else:
            stack.extend((part, None) for part in reversed(children(node)))


_NOT_THERE = (cst.Import, cst.ImportFrom, cst.Annotation, cst.Comparison)
"""Where a name is not used, or only its type is."""


def _earlier(tree: cst.Module, template: str, short: str) -> Own | None:
    """Return the definition that an earlier run put into the file, known by its docstring: others rewrote its body."""
    told = template.split('"""')[1]
    known = (node for node in tree.body if isinstance(node, (cst.ClassDef, cst.FunctionDef)))
    named = (node for node in known if node.name.value.startswith(short))
    found = next((node for node in named if node.get_docstring(clean=False) == told), None)
    return None if found is None else Own(found.name.value, "", is_there=True)


def _is_named(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, (cst.ClassDef, cst.FunctionDef)) and node.name.value == name
