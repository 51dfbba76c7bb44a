"""Many files, one outcome after the other: in this process, or in parallel ones."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .backends import Backend, spread
from .errors import RewriterError, internal_error
from .inputs import Input
from .job import FileOutcome, Job
from .tree import forget

FEW = 8
"""So many files are done in this process: to start others takes about as long."""


@dataclass(frozen=True)
class Done:
    """What became of one input.

    Attributes:
        item: The input.
        outcome: The outcome; None when there is none.
        error: Why not.
        broken: Plugin → why it was not used, or in part.
        trace: The traceback of an error of ours.
    """

    item: Input
    outcome: FileOutcome | None
    error: RewriterError | None
    broken: Mapping[str, str]
    trace: str = ""


def run(job: Job, items: Sequence[Input], *, jobs: int = 1, backend: Backend = Backend.LOCAL) -> Iterator[Done]:
    """Run a job over its inputs; yields what became of each, in the order of the inputs.

    Args:
        job: The job. A process that knows it only by pickle loads its plugins anew.
        items: The inputs. On a cluster, its machines see them under the same paths.
        jobs: So many at once on this machine; a cluster uses all it has.
        backend: What runs them.

    Raises:
        MissingDependency: The backend is not installed.
        RewriterError: A process died, or the cluster cannot be reached.
    """
    if backend is Backend.LOCAL and (jobs == 1 or len(items) < FEW):
        yield from (_done(job, item) for item in items)
        return
    yield from spread(_elsewhere, ((job, item, str(Path.cwd())) for item in items), jobs=jobs, backend=backend)


def _done(job: Job, item: Input) -> Done:
    try:
        return Done(item, job.run(item), None, dict(job.host.broken))
    except RewriterError as error:
        return Done(item, None, error, dict(job.host.broken))
    except Exception as error:  # a bug of ours; the files that are left should not suffer
        wrapped = internal_error(str(item.path), error)
        return Done(item, None, wrapped, dict(job.host.broken), traceback.format_exc())
    finally:
        forget()


def _elsewhere(job: Job, item: Input, folder: str) -> Done:
    """Do the same in another process, and leave syntax trees behind there, which are large.

    Args:
        job: The job.
        item: The input.
        folder: What relative paths start from.
    """
    os.chdir(folder)
    done = _done(job, item)
    if done.outcome is None:
        return done
    result = done.outcome.result
    result = replace(result, source=result.source.without_tree())
    return replace(done, outcome=replace(done.outcome, result=result))
