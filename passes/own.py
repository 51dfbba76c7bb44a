"""Functions and classes of our own in a file: found where an earlier run put them, or put before what needs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template

import libcst as cst

from rewriter import PassContext
from rewriter.tree import children, find, identifiers, replace

from .inserted import definitions, free_name, put_before, with_free_names


@dataclass(frozen=True)
class Own:
    """A definition of our own, or several that belong together.

    Attributes:
        name: Its name in the file; of several, that of the first.
        text: Its source.
        is_there: Whether the file has it already.
    """

    name: str
    text: str
    is_there: bool


def own_definition(context: PassContext, tree: cst.Module, template: str, name: str, **values: str) -> Own:
    """Return the definition that `template` makes in a file, under `name` where that is free.

    Args:
        context: The pass at work.
        tree: The file as far as the pass has come.
        template: One function or class, with `$name` for its name, `$forward` for the dialect's forward method,
            `$mindspore` and `$ops` for the file's names of these modules, and the keys of `values`.
        name: What to call it.
        values: Further placeholder → qualified name.
    """
    modules = {"mindspore": "mindspore", "ops": "mindspore.ops"}
    used = values | {key: module for key, module in modules.items() if f"${key}" in template}
    texts = {"forward": context.dialect.forward} | {key: context.use(qualified) for key, qualified in used.items()}
    for node in tree.body:
        if isinstance(node, (cst.ClassDef, cst.FunctionDef)) and node.name.value.startswith(name):
            text = Template(template).substitute(texts, name=node.name.value)
            if meaning(text) == meaning(tree.code_for_node(node)):
                return Own(node.name.value, text, is_there=True)
    free = free_name(name, identifiers(tree))
    return Own(free, Template(template).substitute(texts, name=free), is_there=False)


def own_definitions(tree: cst.Module, text: str) -> Own:
    """Return the definitions of `text`: those of the file if it has one of each name, or else under free names."""
    known = {node.name.value for node in tree.body if isinstance(node, (cst.ClassDef, cst.FunctionDef))}
    is_there = known.issuperset(definitions(text))
    text = text if is_there else with_free_names(text, tree)
    return Own(definitions(text)[0], text, is_there)


def with_definition(tree: cst.Module, own: Own, changes: Mapping[cst.CSTNode, cst.CSTNode]) -> cst.Module:
    """Return `tree` with `changes` made, and the definition before the first statement that has one of them."""
    new = replace(tree, changes)
    if own.is_there:
        return new
    pairs = enumerate(zip(tree.body, new.body, strict=True))
    return put_before(new, own.text, next(index for index, (old, now) in pairs if old is not now))


def calls_in_functions(tree: cst.CSTNode) -> Iterator[cst.Call]:
    """Yield the calls that run when a function does; what runs on import may stand before the class that it needs."""
    for function in outermost_functions(tree):
        yield from find(function.body, cst.Call)


def outermost_functions(tree: cst.CSTNode) -> Iterator[cst.FunctionDef]:
    """Yield the functions that stand in no other function, in source order."""
    for node in children(tree):
        if isinstance(node, cst.FunctionDef):
            yield node
        elif isinstance(node, _BLOCKS):
            yield from outermost_functions(node)


_BLOCKS = (cst.BaseCompoundStatement, cst.BaseSuite, cst.Else, cst.Finally, cst.ExceptHandler)


def meaning(text: str) -> str:
    """Return what is left of a text without its layout."""
    return ast.dump(ast.parse(text))
