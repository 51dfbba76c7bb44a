"""The page on the JSON of a verdict, from `docs/verdict.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import markdown

SCHEMA = Path(__file__).resolve().parents[1] / "verdict.schema.json"

HEAD = """\
# A verdict as JSON

`rewriter verify --json` and `rewriter apply --verify --json` print one document; each item of its `verdicts` looks like
this. The schema itself is [verdict.schema.json](../verdict.schema.json) (JSON Schema 2020-12); what the words mean is
in [Reading a verdict](../verdicts.md)."""

Schema = Mapping[str, Any]


def page() -> str:
    """Return the page."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    parts = [HEAD, schema["description"], "## Verdict", _fields(schema, schema)]
    for name, one in schema["$defs"].items():
        parts += [f"## {name}", one["description"], _fields(one, schema) if "properties" in one else _kind(one)]
    return markdown.join(parts)


def _fields(schema: Schema, whole: Schema) -> str:
    return markdown.table(
        ("field", "type", "what it is"),
        ((f"`{name}`", _kind(one), _text(one, whole)) for name, one in schema["properties"].items()),
    )


def _text(schema: Schema, whole: Schema) -> str:
    target = whole["$defs"][_name(schema)] if "$ref" in schema else {}
    return str(schema.get("description") or target.get("description", ""))


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _kind(schema: Schema) -> str:
    """Return the type in a few words; what has a section of its own as a link."""
    if "$ref" in schema:
        return f"[{_name(schema)}](#{_name(schema)})"
    if "enum" in schema:
        return markdown.listed(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "prefixItems" in schema:
        return "[" + ", ".join(map(_kind, schema["prefixItems"])) + "]"
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object: name → {_kind(schema['additionalProperties'])}"
    if schema.get("type") == "object" and "properties" in schema:
        return f"object of {markdown.listed(schema['properties'])}"
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)
