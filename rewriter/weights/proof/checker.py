"""`check`: run a checkpoint and the larger one made of it on the matrix, and compare them."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import RewriterError
from ..checkpoint import Checkpoint, open_checkpoint
from ..record import read_record, record_path
from ..writing import digest
from .cases import WeightCase, cases_for
from .claim import Claim, check_fit
from .comparison import Progress, compare
from .models import Model
from .relations import gaps
from .verdict import ExpansionVerdict


def check(
    source: str | Path,
    out: str | Path,
    *,
    full: bool = False,
    seed: int = 0,
    cases: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> ExpansionVerdict:
    """Prove that a larger checkpoint answers as the one it was made of, or measure how far it is off.

    Args:
        source: The smaller checkpoint: a folder, `.safetensors`, its index, or `.ckpt`.
        out: The larger one. The record beside it relates the outputs; without one both must have the same sizes.
        full: Take the longest input that the model can take.
        seed: Of the inputs.
        cases: Ids of the cases to run, `*` matches anything; None for all.
        progress: Told of every run of a model.

    Returns:
        The verdict.

    Raises:
        RewriterError: A checkpoint or the record cannot be read, or they do not belong together.
    """
    with open_checkpoint(Path(source)) as small, open_checkpoint(Path(out)) as large:
        record = _record(small, large)
        claim = Claim.same(small.view) if record is None else Claim.of_record(record)
        matrix = choose(cases_for(small.view.family, small.view.sizes, full=full, seed=seed), cases)
        verdict = judge(
            Model(small.view, small.read),
            Model(large.view, large.read),
            claim,
            matrix,
            names=(str(source), str(out)),
            seed=seed,
            progress=progress,
        )
        return verdict if verdict.ok or record is None else replace(verdict, notes=_changed(record, small, large))


def _record(small: Checkpoint, large: Checkpoint) -> dict[str, Any] | None:
    """Return the record beside the larger checkpoint; two of one shape need none."""
    places = [large.path] if large.path.is_dir() else [large.path, large.path.parent]
    found = next((place for place in places if record_path(place).is_file()), None)
    if found is None and small.view.sizes == large.view.sizes:
        return None
    return read_record(found or large.path)


def _changed(record: Mapping[str, Any], small: Checkpoint, large: Checkpoint) -> tuple[str, ...]:
    """Return which of two checkpoints is not the one that the record is of: a reason for a bad verdict."""
    lines = (
        ("source", small, "the smaller checkpoint is not the one that the larger one was made of"),
        ("target", large, "the larger checkpoint was changed after `rewriter expand` had written it"),
    )
    return tuple(
        line
        for name, opened, line in lines
        if sorted(record.get(name, {}).get("xxh3_128", {}).values()) != sorted(map(digest, opened.place.files))
    )


def list_cases(source: str | Path, *, full: bool = False, seed: int = 0) -> list[WeightCase]:
    """Return the cases that `check` asks of a checkpoint; see there."""
    with open_checkpoint(Path(source)) as small:
        return cases_for(small.view.family, small.view.sizes, full=full, seed=seed)


def judge(
    source: Model,
    target: Model,
    claim: Claim,
    cases: Sequence[WeightCase],
    *,
    names: tuple[str, str] = ("source", "target"),
    seed: int = 0,
    progress: Progress | None = None,
) -> ExpansionVerdict:
    """Compare two opened models; see `check`.

    Args:
        source: The smaller model.
        target: The larger one.
        claim: What relates them.
        cases: What to ask.
        names: Of the two, for the report.
        seed: Of the inputs, for the report.
        progress: Told of every run of a model.
    """
    start = time.perf_counter()
    check_fit(claim.relations, source.view, target.view)
    seen = compare(source, target, claim, cases, progress)
    sizes = source.view.sizes
    left_out = gaps(claim.relations, sizes.hidden, sizes.heads, sizes.layers) if claim.exact else []
    return ExpansionVerdict(
        *names,
        method=claim.method,
        stored=seen.stored,
        claimed=claim.exact,
        inexact=claim.inexact,
        slack=claim.slack,
        drifts=tuple(seen.drifts()),
        problems=(*left_out, *seen.problems),
        unverified=tuple(seen.unverified),
        seed=seed,
        seconds=time.perf_counter() - start,
    )


def choose(cases: list[WeightCase], only: Sequence[str] | None) -> list[WeightCase]:
    """Return the cases that are asked for; `*` matches anything.

    Raises:
        RewriterError: A name matches none.
    """
    for pattern in only or ():
        if not any(fnmatch.fnmatchcase(case.id, pattern) for case in cases):
            raise RewriterError(f"no case is called {pattern}", hint="--list-cases lists them.")
    return [case for case in cases if not only or any(fnmatch.fnmatchcase(case.id, name) for name in only)]
