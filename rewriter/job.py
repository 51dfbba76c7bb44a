"""One file from reading to writing: what `rewriter apply` does for each input."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from . import api, files, pipeline, source
from .errors import RewriterError
from .inputs import Input
from .limit import Limit
from .ordering import ordered
from .passes import Outcome
from .pipeline import Gate, Result
from .plugins import PluginHost
from .targets import Target


class Rewriting(Protocol):
    """Runs the passes over one file, with a gate or without, and without some of the passes."""

    def __call__(self, gate: Gate | None, without: Collection[str] = ()) -> Result:
        """Rewrite."""


Prove = Callable[[Path, Rewriting, Callable[[str], None]], tuple[Result, str]]
"""Runs a rewriting until it is proved: (file, rewriting, progress) → the result, and why it must not be written."""


class Mode(str, Enum):
    """Where a result goes."""

    WRITE = "write"
    IN_PLACE = "in place"
    CHECK = "check"


@dataclass(frozen=True)
class FileOutcome:
    """What became of one input.

    Attributes:
        result: The rewriting.
        written: The file that was written; None when there is nothing to write.
        problem: What was asked for and did not happen; empty when all did.
        note: A remark for the user.
    """

    result: Result
    written: Path | None
    problem: str = ""
    note: str = ""

    @property
    def exit_code(self) -> int:
        """0 when every promise held, else 1."""
        return 1 if self.problem else 0


@dataclass(frozen=True)
class Job:
    """The choices that hold for all inputs of one command.

    Attributes:
        host: The loaded plugins.
        passes: Names of the passes to run; empty for the default ones.
        target: What the results are for.
        mode: Where they go.
        output: `-o`, if given.
        asked: Those of the passes that must find something to do.
        strict: Whether anything that is rolled back is a promise that failed.
        keep_after: The passes after which the text is kept.
        limit: How many rewrites are made at most; None for all.
        partial: Whether classes that call what the target lacks are left, rather than their whole file.
    """

    host: PluginHost
    passes: tuple[str, ...]
    target: Target
    mode: Mode
    output: str | None = None
    asked: tuple[str, ...] = ()
    strict: bool = False
    keep_after: tuple[str, ...] = ()
    limit: int | None = None
    partial: bool = False

    def check(self) -> None:
        """Make sure that the passes can run at all, before any file is touched.

        Raises:
            RewriterError: A pass is unknown, or their order is a cycle.
        """
        ordered(api.select(self.host, self.passes))

    def run(
        self, item: Input, progress: Callable[[str], None] = lambda name: None, prove: Prove | None = None
    ) -> FileOutcome:
        """Rewrite a file and write the result.

        Args:
            item: The file.
            progress: Told what runs.
            prove: Has the last word on what is written.

        Raises:
            RewriterError: The file cannot be read, is no modeling file, or the result cannot be written. Nothing is
                left half done.
        """
        path = item.path
        file = source.read(path)
        place = path if self.mode is Mode.IN_PLACE else item.place(self.output)

        def begin(name: str) -> None:
            progress(name)
            self.host.tell("rewriter_before_pass", name=name, filename=file.name)

        def rewriting(gate: Gate | None, without: Collection[str] = ()) -> Result:
            return pipeline.run(
                file,
                [known for known in api.select(self.host, self.passes) if known.name not in without],
                self.target,
                dialects=self.host.dialects(),
                standalone=place.resolve().parent != path.resolve().parent,
                progress=begin,
                done=lambda report: self.host.tell("rewriter_after_pass", report=report, filename=file.name),
                gate=gate,
                keep_after=self.keep_after,
                partial=self.partial,
            )

        limit = None if self.limit is None else Limit(self.limit)
        try:
            result, refused = (rewriting(limit), "") if prove is None else prove(path, rewriting, progress)
        except RewriterError as error:
            if self.mode is Mode.CHECK and error.exit_code == 1:  # no modeling file: it would stay as it is
                error.exit_code = 0
            raise
        result = result if limit is None else limit.told(result)
        problem, note = self._judge(result, path)
        if limit is not None:  # a pass that finds nothing to do may be one that came too late
            problem = problem if result.failures else ""
            note = f"stopped after {limit.made} rewrites; the last: {limit.last or 'none'}"
        refused = refused or lacking(result, self.target.device.value)
        if refused:
            return FileOutcome(result, None, refused, note)
        if self.mode is Mode.CHECK:
            would = "would be rewritten" if result.changed else ""
            return FileOutcome(result, None, "; ".join(filter(None, (would, problem))), note)
        if not result.changed and (problem or self.mode is Mode.IN_PLACE or self.output is None):
            return FileOutcome(result, None, problem, note)
        if self.mode is Mode.IN_PLACE:
            files.back_up(path, file.data, result.data)
        files.write(place, result.data)
        return FileOutcome(result, place, problem, note)

    def _judge(self, result: Result, path: Path) -> tuple[str, str]:
        """Return (what was asked for and did not happen, a remark)."""
        failures = {failure.pass_name: failure.error for failure in result.failures}
        rolled_back = {site.pass_name for site in result.sites if site.outcome is Outcome.ROLLED_BACK}
        if not failures and _already(result, path):
            return "", "" if result.changed else "already rewritten; nothing to do"
        idle = [r.name for r in result.reports if not any(s.outcome is Outcome.REWRITTEN for s in r.sites)]
        unmatched = [name for name in self.asked if name in idle and name not in {*failures, *rolled_back}]
        problems = [f"pass '{name}' failed and was left out" for name in failures if name in self.asked]
        if self.strict and rolled_back:
            problems.append(f"rolled back, in part or whole: {', '.join(sorted(rolled_back))}")
        if unmatched:
            problems.append(f"nothing matched: {', '.join(unmatched)} found no place to rewrite")
        if not result.changed and not problems and not failures and self.mode is Mode.CHECK:
            return "", "nothing to rewrite"
        if not result.changed and not problems:
            names = ", ".join(failures)
            problems.append(f"failed: {names}" if failures else "nothing matched: no pass found a place to rewrite")
        return "; ".join(problems), ""


def lacking(result: Result, device: str) -> str:
    """Return why a result must not be written: it calls what the target lacks; empty when it does not."""
    missing = [site for site in result.sites if site.missing]
    if not missing or not result.changed:
        return ""
    shown = ", ".join(f"line {site.line} {site.what.removeprefix('mindspore.')}" for site in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return f"left as it was: what it calls is not there for {device} ({shown}{more}); --partial leaves the classes only"


_SHOWN = 5


def _already(result: Result, path: Path) -> bool:
    """Tell whether the file is what an earlier run wrote."""
    return "def _compiled(method" in result.source.text or files.is_result(path, result.source.data)
