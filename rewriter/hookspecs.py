"""The hooks of Rewriter. Few on purpose; each is documented in docs/hooks.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .dialects import Dialect
    from .equivalence.adapters import ModelAdapter
    from .passes import Pass, PassReport
    from .weights import WeightPass

hookspec = pluggy.HookspecMarker("rewriter")
hookimpl = pluggy.HookimplMarker("rewriter")


@hookspec
def rewriter_passes() -> Iterable[Pass]:  # type: ignore[empty-body]
    """Return the passes that the plugin brings."""


@hookspec
def rewriter_weight_passes() -> Iterable[WeightPass]:  # type: ignore[empty-body]
    """Return the weight passes that the plugin brings: for `rewriter expand`."""


@hookspec
def rewriter_dialects() -> Iterable[Dialect]:  # type: ignore[empty-body]
    """Return further dialects; they are tried before the built-in ones."""


@hookspec
def rewriter_model_adapters() -> Iterable[ModelAdapter]:  # type: ignore[empty-body]
    """Return adapters that know how to build a small model of a modeling file and its inputs."""


@hookspec
def rewriter_before_pass(name: str, filename: str) -> None:
    """Called before each pass; raising skips nothing, it is reported and the pass runs."""


@hookspec
def rewriter_after_pass(report: PassReport, filename: str) -> None:
    """Called after each pass with what it did."""
