"""Rewriter: rewrites HuggingFace-style MindSpore modeling files for static graphs, and proves that nothing changed.

The names below are the public API; a plugin imports from here and from nowhere deeper. They load on first use, so that
`import rewriter` costs nothing and the text side never imports MindSpore.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .api import bucketed, install, optimize, rewrite, stand_ins, warm_up
    from .context import PassContext
    from .dialects import Dialect
    from .errors import RewriterError
    from .hookspecs import hookimpl
    from .passes import Example, Kind, Outcome, Pass, PassReport, Safety, Site
    from .patterns import Match, PatternPass, snippet
    from .pipeline import Result
    from .targets import Capture, Device, Scope, Target

_HOME = {
    "bucketed": ".api",
    "install": ".api",
    "optimize": ".api",
    "rewrite": ".api",
    "stand_ins": ".api",
    "warm_up": ".api",
    "PassContext": ".context",
    "Dialect": ".dialects",
    "RewriterError": ".errors",
    "hookimpl": ".hookspecs",
    "Example": ".passes",
    "Kind": ".passes",
    "Match": ".patterns",
    "Outcome": ".passes",
    "Pass": ".passes",
    "PassReport": ".passes",
    "PatternPass": ".patterns",
    "snippet": ".patterns",
    "Safety": ".passes",
    "Scope": ".targets",
    "Site": ".passes",
    "Result": ".pipeline",
    "Capture": ".targets",
    "Device": ".targets",
    "Target": ".targets",
}

__all__ = [
    "Capture",
    "Device",
    "Dialect",
    "Example",
    "Kind",
    "Match",
    "Outcome",
    "Pass",
    "PassContext",
    "PassReport",
    "PatternPass",
    "Result",
    "RewriterError",
    "Safety",
    "Scope",
    "Site",
    "Target",
    "__version__",
    "bucketed",
    "hookimpl",
    "install",
    "optimize",
    "rewrite",
    "snippet",
    "stand_ins",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rewriter' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)
