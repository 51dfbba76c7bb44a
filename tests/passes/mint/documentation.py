"""What the documentation of the installed MindSpore says of a function: its platforms and its signature."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

from rewriter_passes.mint.table import Parameter

PLATFORMS = re.compile(r"Supported Platforms:\s*\n([^\n]*)")
FORM = re.compile(r"^\s*(?:\.\. function:: )?\w+\(([^)\n]*)\) ->", re.MULTILINE)
ALIAS = re.compile(r"(?:Alias for|refer to) :(?:func|class):`([\w.]+)`")


def resolve(name: str) -> Any:
    """Return the object with a qualified name; AttributeError when there is none."""
    parts = name.split(".")
    found: Any = importlib.import_module(parts[0])
    for part in parts[1:]:
        found = getattr(found, part)
    return found


def platforms(name: str, parameters: Sequence[Parameter] = ()) -> set[str]:
    """Return the platforms on which a function runs by its documentation, as `ascend`, `gpu` and `cpu`.

    An overloaded function documents each of its forms; the forms that take the given parameters count, and of these
    only what all of them name. A name documented by a pointer to another has that one's platforms.

    Args:
        name: Qualified name.
        parameters: The parameters of the form that is meant.
    """
    text = documentation(name)
    sections = [set(re.findall(r"``(\w+)``", line.lower())) for line in _forms(text, parameters)]
    if sections:
        return set.intersection(*sections)
    alias = ALIAS.search(text)
    if alias is not None and alias.group(1) != name:
        return platforms(alias.group(1), parameters)
    return set()


def _forms(text: str, parameters: Sequence[Parameter]) -> list[str]:
    """Return the platform lines of the documented forms that take `parameters`; of all forms when none fits."""
    forms = list(FORM.finditer(text))
    ends = [form.start() for form in forms[1:]] + [len(text)]
    known = {one.name for one in parameters}
    required = {one.name for one in parameters if one.default is None}
    fitting = []
    for form, end in zip(forms, ends, strict=False):
        names = {part.split("=")[0].strip(" *") for part in form.group(1).split(",")} - {""}
        if required <= names <= known:
            fitting += PLATFORMS.findall(text[form.start() : end])
    return fitting or PLATFORMS.findall(text)


def documentation(name: str) -> str:
    """Return the docstring of `name`; read from the source where a decorator has lost it."""
    found = resolve(name)
    text = inspect.getdoc(found)
    if text and not _is_wrapper(found):
        return text
    module, _, member = name.rpartition(".")
    return _docstrings(resolve(module)).get(member, text or "")


def signature(name: str) -> str:
    """Return the signature as Python reports it, without annotations; empty when it reports none."""
    found = resolve(name)
    try:
        reported = inspect.signature(found)
    except (TypeError, ValueError):
        return ""
    empty = inspect.Parameter.empty
    plain = [parameter.replace(annotation=empty) for parameter in reported.parameters.values()]
    return str(reported.replace(parameters=plain, return_annotation=empty))


def _is_wrapper(found: Any) -> bool:
    return getattr(found, "__name__", "") == "mint_view"


@cache
def _docstrings(module: ModuleType) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(module))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {function.name: ast.get_docstring(function) or "" for function in functions}
