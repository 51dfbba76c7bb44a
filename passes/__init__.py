"""The built-in passes: a plugin like any other, found through the entry point group `rewriter`."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter import Pass, hookimpl


@hookimpl
def rewriter_passes() -> Iterable[Pass]:
    """Return every built-in pass."""
    from .flatten import Flatten
    from .imports import Imports
    from .jit import Jit
    from .module_loops import ModuleLoops

    return (Flatten(), Imports(), Jit(), ModuleLoops())
