"""What a pass is handed: the tree, its names and lines, the target, and a place to say what it did."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import libcst as cst

from .dialects import Dialect
from .imports import ImportPlan
from .passes import Outcome, Site
from .source import SourceFile
from .targets import Target
from .tree import Names, first_line, walk


class FileFacts:
    """What is known of a file as it was read, computed once and shared by all passes.

    Args:
        source: The file.
        dialect: How it spells the framework.
        target: What it is rewritten for.
        standalone: Whether the result is written outside the package of the original.
    """

    def __init__(self, source: SourceFile, dialect: Dialect, target: Target, *, standalone: bool) -> None:
        self.source = source
        self.dialect = dialect
        self.target = target
        self.standalone = standalone
        self.imports = ImportPlan()
        self.memo: dict[cst.CSTNode, Any] = {}
        """What passes found out about a node; nodes are immutable, so it stays true."""

    @cached_property
    def names(self) -> Names:
        """Scope analysis of the file as it was read."""
        return Names(self.source)


class PassContext:
    """One pass at work on one file.

    Attributes:
        tree: The tree as the passes before left it.
        facts: What is known of the file as it was read.
    """

    def __init__(self, pass_name: str, tree: cst.Module, facts: FileFacts) -> None:
        self.tree = tree
        self.facts = facts
        self.imports = facts.imports.copy()
        self.sites: list[Site] = []
        self._pass_name = pass_name

    @property
    def dialect(self) -> Dialect:
        """How the file spells the framework."""
        return self.facts.dialect

    @property
    def target(self) -> Target:
        """Device and MindSpore version of the result."""
        return self.facts.target

    def qualified_name(self, node: cst.CSTNode) -> str | None:
        """Return what an expression stands for by its imports (`mindspore.ops.cat`), or None; see `Names.qualified`."""
        return self.facts.names.qualified(node) or self.imports.qualified(node)

    def stands_for(self, node: cst.CSTNode, qualified: str) -> bool:
        """Tell whether an expression stands for what an import gives; most do not by their spelling already."""
        if isinstance(node, cst.Name):
            may = self.facts.names.imports(node.value) or node.value in self.imports.wanted.values()
        else:
            may = isinstance(node, cst.Attribute) and node.attr.value == qualified.rpartition(".")[2]
        return may and self.qualified_name(node) == qualified

    def mentions(self, *words: str) -> bool:
        """Tell whether one of `words` occurs anywhere in the file as it was read, comments included.

        A pass that looks for a rare name asks this first: walking a tree costs a hundred times as much.
        """
        return any(word.encode() in self.facts.source.data for word in words)

    def line(self, node: cst.CSTNode) -> int:
        """Return the line of `node` in the file as it was read; for a node that a pass made, of its first old part."""
        line = first_line(node, self.facts.source.lines)
        if line:
            return line
        return next((known for part in walk(node) if (known := self.facts.source.lines.get(part, 0))), 0)

    def rewritten(self, node: cst.CSTNode, what: str, note: str) -> None:
        """Say that the place `node` was rewritten, and into what."""
        self._add(node, what, Outcome.REWRITTEN, note)

    def skipped(self, node: cst.CSTNode, what: str, reason: str, advice: str = "", *, missing: bool = False) -> None:
        """Say that the place `node` was looked at and left, why, and what the file's owner can do about it.

        Where the target lacks what the place calls, so that the result would fail there, it is `missing`: a file with
        such a place is not written.
        """
        self._add(node, what, Outcome.SKIPPED, reason, advice, missing)

    def use(self, qualified: str) -> str:
        """Return the text that names `qualified` in this file, arranging for an import where there is none.

        Args:
            qualified: For example `mindspore.mint.nn.functional.linear` or `mindspore.mint`.

        Returns:
            For example `mint.nn.functional.linear`; under another name when `mint` is taken in the file.
        """
        return self.imports.local_name(qualified, self.facts.names, self.tree)

    def _add(
        self, node: cst.CSTNode, what: str, outcome: Outcome, reason: str, advice: str = "", missing: bool = False
    ) -> None:
        line = self.line(node)
        self.sites.append(Site(self._pass_name, line, what, outcome, reason, advice=advice, missing=missing))
