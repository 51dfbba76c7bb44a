"""The page on `[tool.rewriter]`, from the class that holds it."""

from __future__ import annotations

import dataclasses
import inspect
import re

from rewriter import targets
from rewriter.settings import Settings

from . import markdown

HEAD = """\
# Settings

Defaults for the command line, in the `[tool.rewriter]` table of the nearest `pyproject.toml` above the working
directory. An option on the command line goes first; an unknown key is an error.

```toml
[tool.rewriter]
target = "cpu"
plugins = ["tools/my_pass.py"]
```

A plugin that ends in `.py` is a path from the folder of the `pyproject.toml`; any other is a module."""


def page() -> str:
    """Return the page."""
    told = dict(re.findall(r"^ +(\w+): (.+)$", inspect.cleandoc(Settings.__doc__ or ""), flags=re.MULTILINE))
    rows = [
        (f"`{one.name.replace('_', '-')}`", _kind(str(one.type)), _default(one), told.get(one.name, ""))
        for one in dataclasses.fields(Settings)
    ]
    return markdown.join([HEAD, markdown.table(("key", "type", "default", "what it does"), rows)])


def _kind(annotation: str) -> str:
    """Return what a value looks like in TOML."""
    words = getattr(targets, annotation, None)
    if words is not None:
        return markdown.listed(f'"{word.value}"' for word in words)
    return {"bool": "true or false", "tuple[str, ...]": "list of texts", "str | None": "text"}[annotation]


def _default(field: dataclasses.Field[object]) -> str:
    value = getattr(field.default, "value", field.default)
    return "" if value is None or value == () else markdown.quoted(str(value).lower())
