"""Classes that call what the target lacks, left as they were while the rest of their file is rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import libcst as cst

from .context import FileFacts
from .passes import Outcome, PassReport, Site
from .tree import find, walk
from .tree import replace as replace_nodes


def with_classes_left(
    tree: cst.Module, reports: Sequence[PassReport], facts: FileFacts
) -> tuple[cst.Module, list[PassReport]]:
    """Put the original of each class with a missing place into the rewritten tree, and say so of its sites.

    What stands outside of classes, and a class that imports relatively in a result for another folder, stays rewritten.
    """
    reasons = _reasons(reports)
    left = {node.name.value: (node, lines) for node, lines in _classes(facts) if not lines.isdisjoint(reasons)}
    if facts.standalone:
        left = {name: one for name, one in left.items() if not any(i.relative for i in find(one[0], cst.ImportFrom))}
    new: dict[cst.CSTNode, cst.CSTNode] = {
        node: left[node.name.value][0]
        for node in tree.body
        if isinstance(node, cst.ClassDef) and node.name.value in left
    }
    marked = [replace(report, sites=tuple(_marked(site, left, reasons) for site in report.sites)) for report in reports]
    return replace_nodes(tree, new), marked


def _reasons(reports: Sequence[PassReport]) -> Mapping[int, str]:
    """Return line of a missing place → what is missing."""
    sites = (site for report in reports for site in report.sites if site.missing)
    return {site.line: f"its class stays as it was: {site.what}, line {site.line}, {_THERE}" for site in sites}


_THERE = "is not there for the target"
_Left = Mapping[str, tuple[cst.ClassDef, frozenset[int]]]


def _classes(facts: FileFacts) -> list[tuple[cst.ClassDef, frozenset[int]]]:
    lines = facts.source.lines
    classes = (node for node in facts.source.tree.body if isinstance(node, cst.ClassDef))
    return [(node, frozenset(lines.get(part, 0) for part in walk(node)) - {0}) for node in classes]


def _marked(site: Site, left: _Left, reasons: Mapping[int, str]) -> Site:
    """Return a site as it is told where its class is left."""
    inside = next((lines for _, lines in left.values() if site.line in lines), None)
    if inside is None:
        return site
    if site.missing:
        return replace(site, missing=False)
    if site.outcome is not Outcome.REWRITTEN:
        return site
    reason = next(reasons[line] for line in sorted(inside) if line in reasons)
    return replace(site, outcome=Outcome.SKIPPED, reason=reason)
