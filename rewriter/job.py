"""One file from reading to writing: what `rewriter apply` does for each input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from . import api, files, pipeline, source
from .inputs import output_path
from .passes import Outcome
from .pipeline import Result
from .plugins import PluginHost
from .targets import Target


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
        problem: Why a promise failed; empty when none did.
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
        passes: Names of the passes asked for; empty for the default ones.
        target: What the results are for.
        mode: Where they go.
        output: `-o`, if given.
    """

    host: PluginHost
    passes: tuple[str, ...]
    target: Target
    mode: Mode
    output: str | None

    def run(self, path: Path, progress: Callable[[str], None] = lambda name: None) -> FileOutcome:
        """Rewrite `path` and write the result.

        Raises:
            RewriterError: The file cannot be read, is no modeling file, or the result cannot be written. Nothing is left
                half done.
        """
        file = source.read(path)
        place = path if self.mode is Mode.IN_PLACE else output_path(path, self.output)
        result = pipeline.run(
            file,
            api.select(self.host, self.passes),
            self.target,
            dialects=self.host.dialects(),
            standalone=place.resolve().parent != path.resolve().parent,
            progress=progress,
            done=lambda report: None,
        )
        problem, note = self._judge(result)
        if self.mode is Mode.CHECK:
            if result.changed and not problem:
                problem = "would be rewritten"
            return FileOutcome(result, None, problem, note)
        if problem or (self.mode is Mode.IN_PLACE and not result.changed):
            return FileOutcome(result, None, problem, note)
        if self.mode is Mode.IN_PLACE:
            files.back_up(path, file.data, result.data)
        files.write(place, result.data)
        return FileOutcome(result, place, problem, note)

    def _judge(self, result: Result) -> tuple[str, str]:
        """Return (why a promise failed, a remark)."""
        failures = [f"pass '{failure.pass_name}' failed: {failure.error}" for failure in result.failures]
        idle = [r.name for r in result.reports if not any(s.outcome is Outcome.REWRITTEN for s in r.sites)]
        if self.passes and not failures:
            asked = [name for name in self.passes if name in idle]
            if asked and not result.changed and not _already(result):
                return f"nothing matched: {', '.join(asked)} found no place to rewrite", ""
        if failures and not result.changed:
            return failures[0], ""
        if not result.changed:
            if _already(result):
                return "", "already rewritten; nothing to do"
            return "nothing matched: no pass found a place to rewrite", ""
        return "", "; ".join(failures)


def _already(result: Result) -> bool:
    """Tell whether the file carries the marks of an earlier run."""
    return "def _compiled(method):" in result.source.text
