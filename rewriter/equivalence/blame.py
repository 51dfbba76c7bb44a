"""Which changes of a rewritten file are to blame for what `verify` finds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from .. import equivalence, source
from ..changes import Change, changes, consistent, keep
from ..errors import RewriterError
from ..passes import Evidence
from ..runtime import loader
from .adapters import ModelAdapter
from .bisection import culprits
from .trial import Trials, harm, telling_cases
from .verdict import Verdict


@dataclass(frozen=True)
class Guilty:
    """Changes that do harm together, and what they were seen to break when nothing else was changed."""

    changes: tuple[Change, ...]
    evidence: Evidence


@dataclass(frozen=True)
class Blame:
    """What a bisection came to.

    Attributes:
        verdict: On the rewritten file as it is; None when it cannot be imported.
        guilty: The guilty changes; none when the files are equal, or nothing can be said.
        kept: How many changes are left, which together were seen to break nothing.
        tried: Number of candidates that were run.
    """

    verdict: Verdict | None
    guilty: tuple[Guilty, ...] = ()
    kept: int = 0
    tried: int = 0


def blame(
    original: str | Path,
    rewritten: str | Path,
    *,
    level: str = "quick",
    seed: int = 0,
    tolerance: float | None = None,
    cases: Sequence[str] | None = None,
    adapters: Sequence[ModelAdapter] = (),
    progress: Callable[[str], None] = lambda name: None,
) -> Blame:
    """Find the smallest changes of `rewritten` that break something. Both files are executed, and mixtures of the two.

    Args:
        original: Path or dotted name of the original.
        rewritten: Path or dotted name of its twin, made by passes or by hand.
        level: "quick" or "full".
        seed: Of weights and inputs.
        tolerance: In the place of the published one.
        cases: Ids of the cases that count; those of the level when None.
        adapters: Model adapters to ask before the built-in ones.
        progress: Told what runs.

    Raises:
        RewriterError: A file cannot be read, the original cannot be loaded, no adapter knows it, or the difference is
            not one of the two texts.
    """
    before, after = _read(original).tree, _read(rewritten).tree
    with tempfile.TemporaryDirectory(prefix="rewriter-") as folder:
        trials = Trials(
            original,
            Path(folder).resolve(),
            level=level,
            seed=seed,
            tolerance=tolerance,
            adapters=adapters,
            progress=progress,
        )
        try:
            verdict = equivalence.verify(
                original,
                rewritten,
                level=level,
                seed=seed,
                tolerance=tolerance,
                cases=cases,
                progress=lambda case, number, total: progress(f"{number} of {total}: {case}"),
                adapters=adapters,
            )
        except RewriterError:
            if trials.look(after.bytes, cases).verdict is not None:
                raise
            return _search(None, trials, before, after, trials.any_case())
        if not verdict.failing and not verdict.problems:  # what the surface shows needs no search
            return Blame(verdict, kept=len(changes(before, after)))
        return _search(verdict, trials, before, after, telling_cases(verdict))


def _search(
    verdict: Verdict | None, trials: Trials, before: cst.Module, after: cst.Module, cases: Sequence[str]
) -> Blame:
    every = changes(before, after)

    def seen(some: Sequence[Change]) -> dict[str, Evidence]:
        tree = keep(before, after, consistent(every, some))
        found = trials.look(tree.bytes, cases, fail_fast=True).evidence
        return {name: item for name, item in found.items() if not name.startswith("surface")}

    if not seen(every):
        raise RewriterError(
            "the difference is gone when the rewritten file lies beside the original, so it is not in its text",
            hint="Compare what the two files import by `from .`.",
            exit_code=1,
        )
    found = culprits(every, lambda some: frozenset(seen(some)), harmless=lambda change: change.adds)
    if not found.equal:
        raise RewriterError("a copy of the original does not answer as the original does", exit_code=1)

    unclear = Evidence("rewritten file", "fails once the other guilty changes are gone")
    guilty = tuple(Guilty(group, harm(group, every, seen, unclear)) for group in found.groups)
    return Blame(verdict, guilty, len(found.kept), trials.count)


def _read(spec: str | Path) -> source.SourceFile:
    path = loader.source_path(spec)
    if path is None:
        raise RewriterError(f"{spec}: no such module", hint="Give a path, or an importable dotted name.")
    return source.read(path)
