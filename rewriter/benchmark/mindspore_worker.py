"""A MindSpore contender in a process of its own: for its peak memory, and for a cold start.

Run by its path, with this project on PYTHONPATH; see `serving` for what it answers. Not by `-m`: capture by trace looks
for the source of every frame, and those of `runpy` have none.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rewriter.benchmark.serving import Request, serve


class Compiles(set):  # type: ignore[type-arg]
    """Stands in for MindSpore's set of what it compiled; forgets nothing when graphs are dropped."""

    count = 0

    def add(self, element: Any) -> None:
        """Count a graph."""
        Compiles.count += element not in self
        super().add(element)


def watch_compiles() -> None:
    """Count from now on what MindSpore compiles, by `ast` and by `trace`."""
    import importlib

    for module, name in (("api", "ms_compile_cache"), ("jit_trace", "_trace_compile_cache")):
        stand_in = None
        for package in ("graph", "common"):  # 2.7 has them in `common`; later that has the same set
            try:
                found = importlib.import_module(f"mindspore.{package}.{module}")
            except ImportError:
                continue
            if hasattr(found, name):
                stand_in = Compiles(getattr(found, name)) if stand_in is None else stand_in
                setattr(found, name, stand_in)


def make(request: Request) -> Any:
    """Build a contender.

    Args:
        request: `kind`, `original` and `rewritten` (what to load), `model` and `settings` of the `Workload`, `threads`,
            `seed` of the weights (None to keep those that the model is made with), and `buckets` of a rewritten model.
    """
    from rewriter.benchmark.runners import local
    from rewriter.benchmark.threads import limit_mindspore
    from rewriter.benchmark.workloads import Workload
    from rewriter.runtime import loader

    limit_mindspore(request["threads"])
    watch_compiles()
    workload = Workload(request["model"], request["settings"], {}, "")
    before = loader.load(request["original"])
    return local(before, request["kind"], request["rewritten"], workload, request["seed"], request.get("buckets", ()))


if __name__ == "__main__":
    # The folder of this file is no place to import from.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    serve(make, lambda: Compiles.count)
