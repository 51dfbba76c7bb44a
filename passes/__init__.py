"""The built-in passes: a plugin like any other, found through the entry point group `rewriter`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rewriter import Pass, hookimpl

if TYPE_CHECKING:
    from rewriter.weights import WeightPass


@hookimpl
def rewriter_passes() -> Iterable[Pass]:
    """Return every built-in pass."""
    from .branches import Branches
    from .broadcasts import Broadcasts
    from .counts import Counts
    from .define_names import DefineNames
    from .einsum import Einsum
    from .expand import Expand
    from .finfo import Finfo
    from .flatten import Flatten
    from .floors import Floors
    from .functional_layers import FunctionalLayers
    from .fused_projections import FusedProjections
    from .gelu import Gelu
    from .gelu_sigmoid import GeluSigmoid
    from .imports import Imports
    from .in_place import InPlace
    from .jit import Jit
    from .linear import Linear
    from .masks import Masks
    from .mint import MintPass
    from .mint_functions import MintFunctions
    from .mint_helpers import MintHelpers
    from .mint_layers import MintLayers
    from .module_loops import ModuleLoops
    from .no_del import NoDel
    from .no_grad import NoGrad
    from .partials import Partials
    from .patches import Patches
    from .procedures import Procedures
    from .products import Products
    from .query_scale import QueryScale
    from .record import Record
    from .scale import Scale
    from .slices import Slices
    from .tensor_methods import TensorMethods
    from .tries import Tries
    from .type_tests import TypeTests
    from .whole_graph import WholeGraph

    return (
        Branches(),
        Counts(),
        Broadcasts(),
        DefineNames(),
        Einsum(),
        Expand(),
        Finfo(),
        Flatten(),
        Floors(),
        FunctionalLayers(),
        FusedProjections(),
        Gelu(),
        GeluSigmoid(),
        Imports(),
        InPlace(),
        Jit(),
        Linear(),
        Masks(),
        MintFunctions(),
        MintHelpers(),
        MintLayers(),
        MintPass(),
        ModuleLoops(),
        NoDel(),
        NoGrad(),
        Partials(),
        Patches(),
        Procedures(),
        Products(),
        QueryScale(),
        Record(),
        Scale(),
        Slices(),
        TensorMethods(),
        Tries(),
        TypeTests(),
        WholeGraph(),
    )


@hookimpl
def rewriter_weight_passes() -> Iterable[WeightPass]:
    """Return every built-in weight pass."""
    from .weights.aki import Aki
    from .weights.average import Average
    from .weights.fpi import Fpi
    from .weights.identity import Identity
    from .weights.interleave import Interleave
    from .weights.stack import Stack

    return (Aki(), Average(), Fpi(), Identity(), Interleave(), Stack())
