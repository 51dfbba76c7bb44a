"""The built-in passes: a plugin like any other, found through the entry point group `rewriter`."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter import Pass, hookimpl


@hookimpl
def rewriter_passes() -> Iterable[Pass]:
    """Return every built-in pass."""
    from .define_names import DefineNames
    from .einsum import Einsum
    from .expand import Expand
    from .finfo import Finfo
    from .flatten import Flatten
    from .functional_layers import FunctionalLayers
    from .gelu import Gelu
    from .imports import Imports
    from .jit import Jit
    from .linear import Linear
    from .masks import Masks
    from .mint import MintPass
    from .module_loops import ModuleLoops
    from .no_del import NoDel
    from .patches import Patches
    from .products import Products
    from .scale import Scale
    from .slices import Slices
    from .whole_graph import WholeGraph

    return (
        DefineNames(),
        Einsum(),
        Expand(),
        Finfo(),
        Flatten(),
        FunctionalLayers(),
        Gelu(),
        Imports(),
        Jit(),
        Linear(),
        Masks(),
        MintPass(),
        ModuleLoops(),
        NoDel(),
        Patches(),
        Products(),
        Scale(),
        Slices(),
        WholeGraph(),
    )
