"""One model, and everybody who runs it: what contenders need to start, in this process or in one of their own."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ..errors import RewriterError
from .plan import TORCH_PEERS, Plan
from .remote import Remote, Worker, mindspore_worker, save, torch_worker
from .runners import Runner, local
from .threads import limit_mindspore
from .workloads import Workload, build

ALONE = (*TORCH_PEERS, "trace")
"""Those that never run in this process: where a trace fails, MindSpore goes on tracing whatever runs next."""

SEED = 0
"""Of the weights."""

R = TypeVar("R", bound=Runner)


@dataclass(frozen=True)
class Entrant:
    """Who takes part.

    Attributes:
        name: In the JSON document, e.g. "rewritten"; unique.
        title: In a table.
        kind: One of `contenders.KINDS`, or of `TORCH_PEERS`.
        spec: What to load: the original's path or dotted name, or that of a rewriting.
        required: Whether its failure ends the measurement; that of a peer is a finding.
    """

    name: str
    title: str
    kind: str
    spec: str
    required: bool = False


@dataclass(frozen=True)
class Stage:
    """A model of the original.

    Attributes:
        before: The original, loaded.
        original: What it was loaded from.
        workload: The model, and the arguments that ONNX is exported with.
        plan: The choices.
        threads: Threads of each contender.
        folder: For files that are passed to workers.
        fixed: Whether each shape may be compiled for itself, as for a service that knows its shapes.
    """

    before: ModuleType
    original: str
    workload: Workload
    plan: Plan
    threads: int
    folder: Path
    fixed: bool = True

    def start(self, entrant: Entrant) -> Runner:
        """Start a contender: in this process, or where it cannot, in one of its own.

        Raises:
            Exception: It cannot be built; anything that a model or a library raises.
        """
        if entrant.kind in ALONE:
            return self.start_alone(entrant)
        if self.plan.threads is not None:
            limit_mindspore(self.threads)
        return local(self.before, entrant.kind, entrant.spec, self.workload, SEED, self.plan.buckets)

    def start_alone(self, entrant: Entrant, *, drawn: bool = True) -> Remote:
        """Start a contender in a process of its own.

        Args:
            entrant: Which.
            drawn: Whether its weights are those that everybody has; else those that its model is made with.

        Raises:
            WorkerError: It cannot be built.
            RewriterError: There is no interpreter for it.
        """
        worker, request = self._torch(entrant, drawn) if entrant.kind in TORCH_PEERS else self._own(entrant, drawn)
        return Remote(worker, {"kind": entrant.kind, "model": self.workload.model, "threads": self.threads, **request})

    def _own(self, entrant: Entrant, drawn: bool) -> tuple[Worker, dict[str, Any]]:
        return mindspore_worker(), {
            "original": self.original,
            "rewritten": entrant.spec,
            "settings": self.workload.settings,
            "seed": SEED if drawn else None,
            "buckets": self.plan.buckets,
        }

    def _torch(self, entrant: Entrant, drawn: bool) -> tuple[Worker, dict[str, Any]]:
        worker = torch_worker(self.plan.peer_python)
        inputs = self.folder / "inputs.npz"
        save(inputs, self.workload.inputs)
        return worker, {
            "config": self._config(),
            "weights": str(self._weights()) if drawn else None,
            "inputs": str(inputs),
            "fixed": self.fixed,
        }

    def _weights(self) -> Path:
        """Write the weights that everybody has, once."""
        from ..equivalence import weights

        path = self.folder / "weights.npz"
        if not path.exists():
            save(path, weights.draw(build(self.before, self.workload), SEED))
        return path

    def _config(self) -> dict[str, Any]:
        """Return what the original's configuration says, as far as JSON can."""
        from ..equivalence.adapters import config_class

        configuration: Any = config_class(getattr(self.before, self.workload.model))
        return _plain(configuration(**self.workload.settings).to_dict())


@contextlib.contextmanager
def stage(
    before: ModuleType, original: str, workload: Workload, plan: Plan, threads: int, *, fixed: bool = True
) -> Iterator[Stage]:
    """Yield the stage for a model; the arguments are its attributes."""
    with tempfile.TemporaryDirectory(prefix="rewriter-bench-") as folder:
        yield Stage(before, original, workload, plan, threads, Path(folder), fixed)


@contextlib.contextmanager
def started(
    entered: Sequence[Entrant], start: Callable[[Entrant], R], workload: Workload, tell: Callable[[str], None]
) -> Iterator[tuple[dict[str, R], dict[str, str]]]:
    """Start contenders, and end them after the block; yields name → runner, and title → why there is none.

    Args:
        entered: Who takes part.
        start: Starts one: `Stage.start` or `Stage.start_alone`.
        workload: What they run.
        tell: Told who is being built.

    Raises:
        RewriterError: A required one cannot be built.
    """
    runners: dict[str, R] = {}
    failed: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for entrant in entered:
            tell(f"{workload.model}: building {entrant.title}")
            with finding(workload.title, entrant, failed):
                runners[entrant.name] = start(entrant)
                stack.callback(runners[entrant.name].close)
        yield runners, failed


@contextlib.contextmanager
def finding(title: str, entrant: Entrant, failed: dict[str, str]) -> Iterator[None]:
    """Note in `failed` why a peer fails in the block: that is a finding, not the end of the measurement.

    Args:
        title: What is run.
        entrant: Who runs it.
        failed: Title of a contender → why it could not be measured.

    Raises:
        RewriterError: It is required, so without it nothing can be said.
    """
    try:
        yield
    except Exception as error:
        if entrant.required:
            raise RewriterError(f"{title}: {entrant.title}: {why(error)}", exit_code=1) from error
        failed[entrant.title] = why(error)


def why(error: Exception) -> str:
    """Return in one line why a contender cannot be measured."""
    if isinstance(error, RewriterError):
        return error.message
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    return first if type(error).__name__ == "WorkerError" else f"{type(error).__name__}: {first}"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a configuration is JSON, its parts included."""
    made = {}
    for name, value in values.items():
        if hasattr(value, "to_dict"):
            value = value.to_dict()
        if isinstance(value, Mapping):
            made[name] = _plain(value)
            continue
        try:
            json.dumps(value)
        except TypeError:
            continue
        made[name] = value
    return made
