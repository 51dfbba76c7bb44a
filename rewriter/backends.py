"""What runs the work on many files: processes of this machine, or a cluster that joblib knows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, TypeVar

from .errors import MissingDependency, RewriterError

T = TypeVar("T")


class Backend(str, Enum):
    """Where the work is done."""

    LOCAL = "local"
    DASK = "dask"
    RAY = "ray"


def spread(
    function: Callable[..., T], calls: Iterable[tuple[Any, ...]], *, jobs: int, backend: Backend, threads: bool = False
) -> Iterator[T]:
    """Call a function many times at once; yields what each call returns, in their order.

    Args:
        function: What to call. Elsewhere it is known by its name, and its arguments and results by their pickles.
        calls: The arguments of each call.
        jobs: So many at once on this machine; a cluster uses all it has.
        backend: What runs them.
        threads: Whether threads will do on this machine, as for a function that only waits for a process.

    Raises:
        MissingDependency: The backend is not installed.
        RewriterError: A process died, or the cluster cannot be reached.
    """
    import joblib

    local = "threading" if threads else "loky"
    name, at_once = (local, jobs) if backend is Backend.LOCAL else (backend.value, -1)
    with _connected(backend), joblib.parallel_config(backend=name, n_jobs=at_once):
        try:
            workers = joblib.Parallel(return_as="generator")
            yield from workers(joblib.delayed(function)(*arguments) for arguments in calls)
        except RewriterError:
            raise
        except Exception as error:
            text = f"a process of the backend '{backend.value}' failed: {type(error).__name__}: {error}"
            raise RewriterError(text, hint="Files whose results are there are done; -j 1 does the rest.") from error


@contextlib.contextmanager
def _connected(backend: Backend) -> Iterator[None]:
    """Be connected to a cluster while the block runs; to none for `LOCAL`.

    Dask's is the one of `DASK_SCHEDULER_ADDRESS`, and without that one of this machine's cores; Ray's likewise the one
    of `RAY_ADDRESS`.
    """
    if backend is Backend.DASK:
        try:
            from distributed import Client
        except ImportError:
            raise MissingDependency("--backend dask takes distributed", hint="pip install distributed") from None
        try:
            client = Client()
        except (OSError, ValueError) as error:
            raise RewriterError(f"no Dask cluster: {error}", hint="Is DASK_SCHEDULER_ADDRESS right?") from None
        with client:
            yield
        return
    if backend is Backend.RAY:
        try:
            from ray.util.joblib import register_ray
        except ImportError:
            raise MissingDependency("--backend ray takes ray", hint="pip install ray") from None
        register_ray()
    yield
