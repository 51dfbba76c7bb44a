"""The page on the built-in passes: what each says of itself, and its examples."""

from __future__ import annotations

import difflib
import inspect

from rewriter import Example, Pass, Safety, Scope

from . import markdown

HEAD = """\
# Passes

The built-in passes in running order, as `rewriter passes` lists them. An example is a whole file: `-` is what the pass
was given, `+` what it made of it; a file without either is one that the pass leaves, with the reason that it gives. The
examples are the tests of the pass.

A *safety* of `exact` promises the same bits, `rounding` the same mathematics in another order. `approximate` is other
mathematics: such a pass runs only when `--passes` names it."""


def page() -> str:
    """Return the page."""
    found = builtin()
    head = markdown.table(
        ("pass", "kind", "safety", "what it does"),
        ((f"[`{one.name}`](#{one.name})", one.kind.value, one.safety.value, one.summary) for one in found),
    )
    return markdown.join([HEAD, head, *(part for one in found for part in _section(one))])


def builtin() -> list[Pass]:
    """Return the passes of the plugin `builtin`, in running order."""
    from rewriter import plugins
    from rewriter.ordering import ordered

    return ordered([item for owner, item in plugins.load().passes() if owner == "builtin"])


def _section(item: Pass) -> list[str]:
    return [
        f"## {item.name}",
        inspect.cleandoc(item.__doc__ or ""),
        markdown.table(("", ""), _facts(item)),
        *(part for example in item.examples for part in _example(example)),
    ]


def _facts(item: Pass) -> list[tuple[str, str]]:
    runs = "only when asked for by name" if item.safety is Safety.APPROXIMATE else "by default"
    facts = [
        ("runs", runs),
        ("safety", item.safety.value),
        ("scope", "whole models; `--scope encoder` leaves it out" if item.scope is Scope.MODEL else ""),
        ("for speed", "yes; `--measure` leaves it out where it brings nothing" if item.for_speed else ""),
        ("after", markdown.listed(item.after)),
        ("before", markdown.listed(item.before)),
        ("requires", markdown.listed(item.requires)),
    ]
    return [(name, value) for name, value in facts if value]


def _example(example: Example) -> list[str]:
    options = [f"--target {example.device}"] * (example.device != "portable")
    options += [f"--capture {example.capture}"] * (example.capture != "ast")
    where = f" (`{' '.join(options)}`)" if options else ""
    if example.after is None:
        why = f": “{example.reason}”" if example.reason else ""
        return [f"*{example.title}*{where}: stays{why}", markdown.code(example.before, "py")]
    return [f"*{example.title}*{where}", markdown.code(_difference(example.before, example.after), "diff")]


def _difference(before: str, after: str) -> str:
    """Return the whole file with `-` and `+` in front of what changed."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=10_000, lineterm="")
    return "\n".join(list(lines)[3:])
