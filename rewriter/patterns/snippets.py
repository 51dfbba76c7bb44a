"""Examples of a pass from one expression: the small file around it is the same every time."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence

import libcst as cst

from ..imports import ImportPlan, drop_unused
from ..passes import Example
from ..tree import children
from .template import CONSTANTS, PatternError

_IMPORTS: Mapping[str, Mapping[str, str]] = {
    "mindspore": {"nn": "mindspore", "ops": "mindspore", "mint": "mindspore"},
    "mindnlp.core": {"nn": "mindnlp.core", "ops": "mindnlp.core", "mint": "mindspore"},
}
"""Dialect → name that an expression may use → the module that it is imported from."""
_MODULES = ("math", "mindspore")
"""Names that are modules themselves."""
_CLASSES = {"mindspore": ("nn.Cell", "construct"), "mindnlp.core": ("nn.Module", "forward")}


def snippet(
    before: str,
    after: str | None = None,
    *,
    title: str = "",
    reason: str = "",
    dialect: str = "mindspore",
    device: str = "portable",
    mindspore: str = "2.10.0",
) -> Example:
    """Return an example in which a model's forward returns one expression.

    `ops`, `mint`, `nn`, `math` and `mindspore` are imported where they are used; other names are arguments.

    Args:
        before: The expression, like `ops.square(y)`.
        after: What the pass makes of it, likewise; None for one that must stay.
        title: What the example shows; the expression itself when empty.
        reason: For one that must stay: a part of the reason that the pass gives.
        dialect: `mindspore` or `mindnlp.core`.
        device: Target device.
        mindspore: Target version.

    Raises:
        PatternError: `before` or `after` is not an expression, or there is no such dialect.
    """
    if dialect not in _CLASSES:
        raise PatternError(f"snippet: no dialect {dialect!r}", hint=f"There are: {', '.join(_CLASSES)}.")
    text = _file(before, _names(before), dialect)
    title = title or before
    if after is None:
        return Example(title, text, None, reason, device=device, mindspore=mindspore)
    return Example(title, text, _rewritten(text, before, after, dialect), "", device=device, mindspore=mindspore)


def _file(expression: str, names: Sequence[str], dialect: str) -> str:
    base, forward = _CLASSES[dialect]
    lines = [f"import {name}" for name in _MODULES if name in names]
    modules = _IMPORTS[dialect]
    for module in dict.fromkeys(modules.values()):
        members = [name for name in modules if modules[name] == module and (name == "nn" or name in names)]
        lines += [f"from {module} import {', '.join(members)}"] if members else []
    arguments = [name for name in names if name not in {*_MODULES, *modules, "self"}]
    head = f"class Model({base}):\n    def {forward}({', '.join(['self', *arguments])}):\n"
    return "\n".join([*lines, "", "", head]) + f"        return {expression}\n"


def _rewritten(text: str, before: str, after: str, dialect: str) -> str:
    """Return a file with its expression replaced, and its imports as the pipeline would leave them."""
    known, now = _names(before), _names(after)
    plan = ImportPlan()
    for name in now:
        if name not in known and name != "nn" and name in {*_MODULES, *_IMPORTS[dialect]}:
            module = _IMPORTS[dialect].get(name)
            plan.wanted[f"{module}.{name}" if module else name] = name
    changed = text.removesuffix(f"{before}\n") + f"{after}\n"
    return drop_unused(plan.apply(cst.parse_module(changed)), cst.parse_module(text)).code


def _names(expression: str) -> list[str]:
    """Return the names that an expression reads, in the order of their first use, builtins that it calls left out."""
    try:
        node = cst.parse_expression(expression)
    except cst.ParserSyntaxError:
        raise PatternError(f"snippet: {expression!r} is not an expression") from None
    found: dict[str, None] = {}
    _read(node, found)
    return list(found)


def _read(node: cst.CSTNode, found: dict[str, None]) -> None:
    if isinstance(node, cst.Name):
        if node.value not in CONSTANTS:
            found[node.value] = None
    elif isinstance(node, (cst.Attribute, cst.Arg)):
        _read(node.value, found)
    else:
        for part in children(node):
            is_function = isinstance(node, cst.Call) and part is node.func
            if not (is_function and isinstance(part, cst.Name) and hasattr(builtins, part.value)):
                _read(part, found)
