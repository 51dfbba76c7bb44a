"""The page on the built-in weight passes: what each says of itself, and its examples."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from rewriter.weights import WeightExample, WeightPass

from . import markdown

HEAD = """\
# Weight passes

Ways to make a checkpoint larger, for `rewriter expand --method NAME` (width) and `--depth NAME` (depth); what they
promise, and why, is in [enlarging a checkpoint](../expansion.md). An example names a small model and what changes in
the larger one, and says of some elements where they come from: `key[i, j] * factor`. The examples are tests."""


def page() -> str:
    """Return the page."""
    found = builtin()
    head = markdown.table(
        ("pass", "grows", "safety", "what it does"),
        ((f"[`{one.name}`](#{one.name})", one.grows.value, one.safety.value, one.summary) for one in found),
    )
    return markdown.join([HEAD, head, *(part for one in found for part in _section(one))])


def builtin() -> list[WeightPass]:
    """Return the weight passes of the plugin `builtin`, by name."""
    from rewriter import plugins

    return [item for owner, item in plugins.load().weight_passes() if owner == "builtin"]


def _section(item: WeightPass) -> list[str]:
    return [
        f"## {item.name}",
        inspect.cleandoc(item.__doc__ or ""),
        *(part for example in item.examples for part in _example(example)),
    ]


def _example(example: WeightExample) -> list[str]:
    family, sizes = str(example.source["model_type"]), _assigned(example.target)
    what = "the same answers" if example.exact else f"starts elsewhere: “{example.reason}”"
    rows = [(f"`{one}`", f"`{other}`") for one, other in example.elements.items()]
    return [
        f"*{example.title}* (a small {family}, to {sizes}): {what}.",
        markdown.table(("element", "comes from"), rows) if rows else "",
    ]


def _assigned(config: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}={value}`" for name, value in config.items())
