"""Trying a candidate text in the place of a rewritten file, and saying in a few words what is wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import equivalence
from ..changes import Change
from ..errors import RewriterError
from ..passes import Evidence
from ..runtime import loader
from .adapters import ModelAdapter, find_adapter
from .statistics import Status
from .verdict import OutputVerdict, Verdict

NO_RECORDING = "no recording: "
"""So begins why a method that was to be captured by trace ran as plain Python."""
MOST_CASES = 3
"""So many cases stand for all that fail."""


@dataclass(frozen=True)
class Finding:
    """What a trial showed.

    Attributes:
        evidence: What is wrong: symptom → the worst that was seen of it. Empty when nothing is.
        verdict: The verdict; None when the candidate cannot be imported.
    """

    evidence: dict[str, Evidence] = field(default_factory=dict)
    verdict: Verdict | None = None

    @property
    def symptoms(self) -> frozenset[str]:
        """What is wrong, in the words by which two failures are told apart."""
        return frozenset(self.evidence)


class Trials:
    """Candidates for the twin of one original.

    The graph compiler reads sources from disk, so a candidate is a file, and never one of the same name as another. It
    is loaded as if it lay beside the original.

    Args:
        original: Path or dotted name of the original.
        folder: Where candidates are written.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: In the place of the published one.
        adapters: Model adapters to ask before the built-in ones.
        jobs: Share the cases out to so many processes.
        progress: Told of each trial.
    """

    def __init__(
        self,
        original: str | Path,
        folder: Path,
        *,
        level: str = "quick",
        seed: int = 0,
        tolerance: float | None = None,
        adapters: Sequence[ModelAdapter] = (),
        jobs: int = 1,
        progress: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.count = 0
        self._original = original
        self._folder = folder
        self._level = level
        self._seed = seed
        self._tolerance = tolerance
        self._adapters = adapters
        self._jobs = jobs
        self._progress = progress
        self._known: dict[tuple[str, tuple[str, ...] | None], Finding] = {}

    def look(self, data: bytes, cases: Sequence[str] | None = None, *, fail_fast: bool = False) -> Finding:
        """Verify a candidate.

        Args:
            data: Its bytes.
            cases: Ids of the cases to run; all of the level when None.
            fail_fast: Stop at the first case that fails.

        Raises:
            RewriterError: The fault is not the candidate's: the original cannot be loaded, or no adapter knows it.
        """
        digest = hashlib.sha256(data).hexdigest()[:16]
        key = (digest, None if cases is None else tuple(cases))
        if key not in self._known:
            self._known[key] = self._try(data, digest, cases, fail_fast)
        return self._known[key]

    def any_case(self) -> list[str]:
        """Return the id of one case of the original, for faults that show without running it."""
        cases = equivalence.list_cases(self._original, level=self._level, seed=self._seed, adapters=self._adapters)
        return [case.id for case in cases[:1]]

    def _try(self, data: bytes, digest: str, cases: Sequence[str] | None, fail_fast: bool) -> Finding:
        self.count += 1
        path = self._folder / f"{stem(self._original)}_{digest}.py"
        path.write_bytes(data)
        try:
            verdict = equivalence.verify(
                self._original,
                str(path),
                level=self._level,
                seed=self._seed,
                tolerance=self._tolerance,
                cases=cases,
                fail_fast=fail_fast,
                jobs=self._jobs,
                progress=lambda case, number, total: self._progress(
                    f"candidate {self.count}, {number} of {total}: {case}"
                ),
                adapters=self._adapters,
            )
        except RewriterError:
            if (failure := self._import_failure(path)) is not None:
                return Finding(failure)
            raise
        return Finding(dict(_symptoms(verdict)), verdict)

    def _import_failure(self, path: Path) -> dict[str, Evidence] | None:
        """Return why a candidate cannot be imported; None when it can, or its original has no answers to compare."""
        try:
            original = loader.load(self._original)
            find_adapter(original, self._adapters)
        except RewriterError:
            return None
        try:
            loader.load(path, twin_of=original)
        except RewriterError as error:
            return dict([_import_failure(error, path)])
        return None


def harm(
    group: Sequence[Change],
    every: Sequence[Change],
    look: Callable[[list[Change]], Mapping[str, Evidence]],
    otherwise: Evidence,
) -> Evidence:
    """Return what a group of changes breaks.

    Args:
        group: The changes.
        every: All changes; those that only add are made with the group, and when that shows nothing, are not.
        look: Makes some changes, and says what is wrong then.
        otherwise: What to return when neither shows anything.
    """
    found = (look([*others, *group]) for others in ([change for change in every if change.adds], []))
    return next((evidence for told in found for evidence in told.values()), otherwise)


def stem(spec: str | Path) -> str:
    """Return what a modeling file is called: `modeling_bert`, for a path and for a dotted name."""
    name = str(spec)
    return Path(name).stem if name.endswith(".py") else name.rpartition(".")[2]


def telling_cases(verdict: Verdict) -> list[str]:
    """Return the ids of few cases that show what is wrong: the worst of each symptom, then of each output."""
    found = [evidence.case for _, evidence in _symptoms(verdict)]
    found += [item.worst_case for item in _different(verdict)]
    for problem in verdict.problems:
        found += [case.id for case in verdict.cases if problem.startswith(case.model)][:1]
    known = list(dict.fromkeys(case for case in found if case)) or [case.id for case in verdict.cases]
    return known[: MOST_CASES if any(found) else 1]


def _symptoms(verdict: Verdict) -> Iterable[tuple[str, Evidence]]:
    """Yield (symptom, evidence), each symptom once.

    A value that differs is one symptom wherever it shows, an error is another one for each wording.
    """
    found: dict[str, Evidence] = {}
    for item in _different(verdict):
        symptom = f"error: {_worded(item.message)}" if item.output == "error" else "values"
        found.setdefault(symptom, _evidence(item))
    for case in verdict.failing:
        for mode in case.modes:
            for method, reason in mode.uncompiled:
                by = "trace" if reason.startswith(NO_RECORDING) else "STRICT"
                found.setdefault(f"uncompiled: {method}", Evidence(by, f"refuses {method}: {reason}", case.id))
    for line in verdict.surface:
        found[f"surface: {line}"] = Evidence("surface", line)
    for line in verdict.problems:
        found[f"weights: {line}"] = Evidence("weights", line)
    return list(found.items())


def _different(verdict: Verdict) -> list[OutputVerdict]:
    """Return the outputs that differ, the furthest off first."""
    found = [item for item in verdict.outputs if item.status is Status.DIFFERENT]
    return sorted(found, key=lambda item: item.absolute.maximum, reverse=True)


def _evidence(item: OutputVerdict) -> Evidence:
    what = f"{item.model} {item.output} ({item.mode})"
    if item.output == "error" or not item.absolute.maximum:
        return Evidence(what, item.message, item.worst_case)
    return Evidence(what, item.message, item.worst_case, item.absolute.maximum, item.relative.maximum)


def _import_failure(error: RewriterError, path: Path) -> tuple[str, Evidence]:
    message = error.message.partition("cannot be imported: ")[2] or error.message
    message = message.replace(str(path), "the file").replace(path.name, "the file")
    return f"import: {_worded(message)}", Evidence("import", message)


def _worded(message: str) -> str:
    """Return a message without what varies from one candidate to the next: numbers, lines and addresses."""
    return re.sub(r"0x[0-9a-f]+|\d+", "", message)
