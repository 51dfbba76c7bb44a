"""The page on the API table: which call becomes which, where that runs, and what stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rewriter_passes.mint import table  # type: ignore[import-not-found]  # the folder passes/, installed by that name

from . import markdown

HEAD = """\
# The API table

The pass `mint` replaces calls by this table, and only where the target has the replacement. It is data:
`passes/mint/apis.toml`, whose head says how to add a row. `tests/passes/mint` runs every row on the installed
MindSpore, in eager mode and in a graph, and compares values, shapes and dtypes.

What the three devices say: `2.7.0` under *CPU* is the oldest version in which it ran there, in both modes; under *GPU*
and *Ascend* the oldest whose documentation names the platform, for these were not executed. A dash: neither.
`--target portable` replaces a call only where all three have it."""

LEFT = """\
## What stays

Looked at, and left as it is on every target."""


def page() -> str:
    """Return the page."""
    data = table.load()
    head = ("call", "becomes", "CPU", "GPU", "Ascend", "safety", "stays if")
    return markdown.join(
        [
            HEAD,
            f"The evidence was taken with MindSpore {' and '.join(data.checked_with)}.",
            "## What is replaced",
            markdown.table(head, [_row(data.rows[name], data.api) for name in sorted(data.rows)]),
            LEFT,
            markdown.table(("call", "why"), [(f"`{name}`", data.refusals[name].why) for name in sorted(data.refusals)]),
        ]
    )


def _row(row: Any, apis: Mapping[str, Any]) -> tuple[str, ...]:
    api = apis[row.to]
    support = [_since(getattr(api, device)) for device in ("cpu", "gpu", "ascend")]
    return (f"`{row.source}{row.signature}`", f"`{row.to}`", *support, row.safety, _conditions(row))


def _since(evidence: str) -> str:
    """Return the version of `probe 2.7.0` and `docs 2.7.0`, what is lacking, or a dash."""
    return "-" if not evidence else evidence if evidence.startswith("no ") else evidence.split()[1]


def _conditions(row: Any) -> str:
    parts = [f"`{name}` is passed: {why}" for name, why in row.refuse.items()]
    parts += [f"`{name}` is not passed: {why}" for name, why in row.require.items()]
    parts += [f"`{name}` is not passed, outside a forward: {why}" for name, why in row.forward_only.items()]
    parts += [f"`{name}` is None: {why}" for name, why in row.not_none.items()]
    parts += [f"`{name}` is not a literal {kind}" for name, kind in row.only.items()]
    parts += [f"`{name}` is not one of {markdown.listed(values)}" for name, values in row.choices.items()]
    return "; ".join(parts)
