"""Running passes over one file: each is a transaction on an immutable tree."""

from __future__ import annotations

import contextlib
import difflib
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from . import dialects as dialect_registry
from .changes import Change
from .context import FileFacts, PassContext
from .dialects import Dialect
from .errors import RewriterError
from .imports import ImportPlan, drop_unused
from .lacking import with_classes_left
from .ordering import ordered
from .passes import Evidence, Failure, Kind, Outcome, Pass, PassReport, Safety, Site
from .printing import printed
from .source import SourceFile, collector_paused, is_python
from .targets import Scope, Target
from .tree import identifiers, walk


@dataclass(frozen=True)
class Step:
    """What one pass did, before it counts.

    Attributes:
        item: The pass.
        before: The tree as the passes before left it.
        after: The tree that this one made of it.
        render: Turns such a tree, or a mixture of the two, into the bytes of a file with the imports it needs.
        finish: The same after the graph passes that are still to come, for a look at what would be compiled.
    """

    item: Pass
    before: cst.Module
    after: cst.Module
    render: Callable[[cst.Module], bytes] = field(repr=False)
    finish: Callable[[cst.Module], bytes] = field(repr=False)


@dataclass(frozen=True)
class RolledBack:
    """Changes that were not made, because together they break something.

    Attributes:
        changes: The changes.
        evidence: What they were seen to break.
        orphans: Additions that nothing needs without them.
    """

    changes: tuple[Change, ...]
    evidence: Evidence
    orphans: tuple[Change, ...] = ()


Gate = Callable[[Step], tuple[cst.Module, tuple[RolledBack, ...]]]
"""Judges each pass: returns the tree to go on with, and what of the pass is not in it."""


@dataclass(frozen=True)
class Result:
    """What became of one file.

    Attributes:
        source: The file as it was read.
        data: The bytes of the result; those of the source when nothing was changed.
        dialect: The dialect found.
        target: What it was rewritten for.
        reports: One per pass that ran, in running order.
    """

    source: SourceFile
    data: bytes
    dialect: Dialect
    target: Target
    reports: tuple[PassReport, ...] = field(default=())

    @property
    def changed(self) -> bool:
        """Whether the result differs from the source."""
        return self.data != self.source.data

    @property
    def text(self) -> str:
        """The result decoded, with its own newlines."""
        return self.source.decode(self.data)

    @property
    def sites(self) -> list[Site]:
        """Every site of every pass, in running order."""
        return [site for report in self.reports for site in report.sites]

    @property
    def failures(self) -> list[Failure]:
        """The passes that raised."""
        return [report.failure for report in self.reports if report.failure is not None]

    def count(self, outcome: Outcome) -> int:
        """Return how many sites came out as `outcome`."""
        return sum(site.outcome is outcome for site in self.sites)

    def diff(self, *, to_name: str | None = None) -> str:
        """Return a unified diff from the source to the result; empty when nothing changed."""
        lines = difflib.unified_diff(
            _lines(self.source.text), _lines(self.text), fromfile=self.source.name, tofile=to_name or self.source.name
        )
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Split at line feeds only, as patch does; `str.splitlines` also splits at form feeds and others."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def run(
    source: SourceFile,
    passes: Sequence[Pass],
    target: Target,
    *,
    dialects: tuple[Dialect, ...] = dialect_registry.BUILTIN_DIALECTS,
    standalone: bool = True,
    progress: Callable[[str], None] = lambda name: None,
    done: Callable[[PassReport], None] = lambda report: None,
    gate: Gate | None = None,
    keep_after: Collection[str] = (),
    partial: bool = False,
) -> Result:
    """Rewrite `source` by `passes`. Nothing of the file is executed or imported here.

    Args:
        source: The file.
        passes: The passes to run; they are put in order here.
        target: What the result is for.
        dialects: Known dialects in order of precedence.
        standalone: Whether the result will lie outside the package of the original.
        progress: Called with a pass's name before it runs.
        done: Called with a pass's report after it ran.
        gate: Asked after each pass that changed something how much of it is to stay. It may run what it is shown.
        keep_after: The passes after which the text is kept, in their reports.
        partial: Leave each class with a place that is missing on the target (`Site.missing`) as it was.

    Raises:
        PassOrderError: The passes cannot be ordered.
        RewriterError: The file is not a modeling file of a supported dialect, or nested too deeply to be worked on.
    """
    try:
        wanted = [item for item in passes if target.scope is Scope.MODEL or item.scope is not Scope.MODEL]
        return _run(source, ordered(wanted), target, dialects, standalone, progress, done, gate, keep_after, partial)
    except RecursionError:
        raise RewriterError(f"{source.name}: an expression or block is nested too deeply") from None


def _run(
    source: SourceFile,
    sequence: Sequence[Pass],
    target: Target,
    dialects: tuple[Dialect, ...],
    standalone: bool,
    progress: Callable[[str], None],
    done: Callable[[PassReport], None],
    gate: Gate | None,
    keep_after: Collection[str],
    partial: bool,
) -> Result:
    # A gate runs models, which leave cycles behind.
    with collector_paused() if gate is None else contextlib.nullcontext():
        facts = _facts(source, dialects, target, standalone=standalone)
        if gate is not None:
            data, reports = _run_all(sequence, facts, progress, done, keep_after, check_each=True, gate=gate)
            return Result(source, data, facts.dialect, target, tuple(reports))
        data, reports = _run_all(sequence, facts, progress, done, keep_after, check_each=False, partial=partial)
        if not is_python(data):  # a pass wrote nonsense: find out which, and do without it
            facts.imports = ImportPlan()
            data, reports = _run_all(sequence, facts, progress, done, keep_after, check_each=True, partial=partial)
    return Result(source, data, facts.dialect, target, tuple(reports))


def default_passes(passes: Sequence[Pass]) -> list[Pass]:
    """Return those that run without being asked for: all but the approximate ones, and those that say so."""
    return [item for item in passes if item.safety is not Safety.APPROXIMATE and not item.on_request]


def _run_all(
    sequence: Sequence[Pass],
    facts: FileFacts,
    progress: Callable[[str], None],
    done: Callable[[PassReport], None],
    keep_after: Collection[str],
    *,
    check_each: bool,
    gate: Gate | None = None,
    partial: bool = False,
) -> tuple[bytes, list[PassReport]]:
    tree, reports = facts.source.tree, []
    for index, item in enumerate(sequence):
        progress(item.name)
        began = time.perf_counter()
        new, report = _run_one(item, tree, facts, check=check_each)
        report = replace(report, seconds=time.perf_counter() - began)
        if gate is not None and new is not tree:
            new, report = _judged(gate, Step(item, tree, new, *_renderers(facts, sequence[index + 1 :])), report, facts)
        tree = new
        if item.name in keep_after:
            report = replace(report, text=_render(tree, facts))
        reports.append(report)
        done(report)
    if partial:
        tree, reports = with_classes_left(tree, reports, facts)
    return _render(tree, facts), reports


def _run_one(item: Pass, tree: cst.Module, facts: FileFacts, *, check: bool) -> tuple[cst.Module, PassReport]:
    """Run one pass; when it raises (or, with `check`, writes no Python), the tree stays as it was."""
    context = PassContext(item.name, tree, facts)
    try:
        new = item.rewrite(context)
        if not isinstance(new, cst.Module):
            raise TypeError(f"rewrite returned {type(new).__name__} instead of a tree")
        if check and not is_python(printed(new)):
            raise SyntaxError("the pass wrote text that is not Python")
    except Exception as error:
        return tree, PassReport(item.name, (), Failure(item.name, f"{type(error).__name__}: {error}"))
    facts.imports = context.imports
    sites = sorted(context.sites, key=lambda site: site.line)
    return new, PassReport(item.name, tuple(sites))


def _renderers(
    facts: FileFacts, rest: Sequence[Pass]
) -> tuple[Callable[[cst.Module], bytes], Callable[[cst.Module], bytes]]:
    """Return `Step.render` and `Step.finish` for the imports that are planned now."""
    plan = facts.imports

    def finish(tree: cst.Module) -> bytes:
        facts.imports = plan
        try:
            for item in rest:
                if item.kind is Kind.GRAPH:
                    tree, _ = _run_one(item, tree, facts, check=True)
            return _render(tree, facts)
        finally:
            facts.imports = plan

    return lambda tree: _render(tree, facts), finish


def _judged(gate: Gate, step: Step, report: PassReport, facts: FileFacts) -> tuple[cst.Module, PassReport]:
    """Ask the gate about a step; what it rolls back leaves no import behind, and its sites say so."""
    tree, rolled_back = gate(step)
    if not rolled_back:
        return tree, report
    used = identifiers(tree)
    facts.imports = ImportPlan({root: local for root, local in facts.imports.wanted.items() if local in used})
    return tree, replace(report, sites=_marked(report, rolled_back, facts))


def _marked(report: PassReport, rolled_back: Sequence[RolledBack], facts: FileFacts) -> tuple[Site, ...]:
    """Return the sites of a pass, those in a change that was rolled back as such.

    A change that holds no site (what a pass does far from the place that it tells of) gets one of its own.
    """
    sites = list(report.sites)
    for item in rolled_back:
        for change in (*item.changes, *item.orphans):
            lines = _lines_of(change, facts)
            inside = [n for n, site in enumerate(sites) if site.line in lines and site.outcome is not Outcome.SKIPPED]
            for number in inside:
                evidence = sites[number].evidence or item.evidence
                sites[number] = replace(sites[number], outcome=Outcome.ROLLED_BACK, evidence=evidence)
            if not inside and change not in item.orphans:
                what, reason = change.where or "module", "a change without a site of its own"
                line = min(lines, default=0)
                sites.append(Site(report.name, line, what, Outcome.ROLLED_BACK, reason, item.evidence))
    return tuple(sorted(sites, key=lambda site: site.line))


def _lines_of(change: Change, facts: FileFacts) -> frozenset[int]:
    """Return the lines of the file as it was read that a change is about."""
    for nodes in (change.before, change.after):
        found = {facts.source.lines.get(part, 0) for node in nodes for part in walk(node)} - {0}
        if found:
            return frozenset(found)
    return frozenset()


def _render(tree: cst.Module, facts: FileFacts) -> bytes:
    if tree is facts.source.tree:
        return facts.source.data
    return printed(drop_unused(facts.imports.apply(tree), facts.source.tree), facts.source.tokens)


def _facts(source: SourceFile, dialects: tuple[Dialect, ...], target: Target, *, standalone: bool) -> FileFacts:
    if not source.data.strip():
        raise RewriterError(f"{source.name}: the file is empty", exit_code=1)
    # Names needs a dialect-free look at the imports, so the facts are made with a placeholder first.
    probe = FileFacts(source, dialect_registry.MINDSPORE, target, standalone=standalone)
    dialect = dialect_registry.detect(frozenset().union(*probe.names.imported.values()), dialects)
    if dialect is None:
        raise RewriterError(
            f"{source.name}: not a MindSpore modeling file (it imports neither mindspore nor mindnlp.core)", exit_code=1
        )
    if not dialect.supported:
        raise RewriterError(
            f"{source.name}: this is a '{dialect.name}' modeling file; that dialect is known but not supported yet",
            hint="Supported dialects: mindnlp.core and mindspore. Port the file first, then run apply on the result.",
            exit_code=1,
        )
    if not any(method.name.value == dialect.forward for method in _methods(source.tree)):
        raise RewriterError(
            f"{source.name}: no class with a `{dialect.forward}` method, so there is nothing to rewrite", exit_code=1
        )
    probe.dialect = dialect
    return probe


def _methods(tree: cst.Module) -> list[cst.FunctionDef]:
    return [
        method
        for node in tree.body
        if isinstance(node, cst.ClassDef)
        for method in node.body.body
        if isinstance(method, cst.FunctionDef)
    ]
