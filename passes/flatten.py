"""The layer loop of a forward becomes a method of its own, which a graph can hold."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Kind, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .forwards import ModuleClass, module_attributes, self_name
from .outline import find_region, outline_forwards


class Flatten(Pass):
    """Move the layer loop of a forward into a method that takes and returns only tensors, tuples, None and flags.

    The public forward keeps its name, signature, flags, return types and errors: what settles the flags stays before
    the call, what packs the outputs stays after it. The region, its parameters and its results come from a data-flow
    analysis, not from names.
    """

    name = "flatten"
    kind = Kind.GRAPH
    safety = Safety.EXACT
    before = ("jit",)
    after = ("mint",)
    examples = (
        Example(
            title="the loop moves, the packing stays",
            before="""\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8) for _ in range(size)])

    def construct(self, x, keep=False):
        kept = () if keep else None
        for layer in self.layers:
            if keep:
                kept = kept + (x,)
            x = layer(x)
        if not keep:
            return x
        return {"last": x, "kept": kept}
""",
            after='''\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8) for _ in range(size)])

    def construct(self, x, keep=False):
        kept = () if keep else None
        x, kept = self._construct_flat(x, keep, kept)
        if not keep:
            return x
        return {"last": x, "kept": kept}

    def _construct_flat(self, x, keep, kept):
        """The part of `construct` that only computes on tensors."""
        for layer in self.layers:
            if keep:
                kept = kept + (x,)
            x = layer(x)
        return x, kept
''',
        ),
        Example(
            title="a loop that changes an object of the caller stays",
            before="""\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8) for _ in range(size)])

    def construct(self, x, kept):
        for layer in self.layers:
            x = layer(x)
            kept.append(x)
        return x
""",
            reason="changes `kept` in place",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Outline every forward whose class loops over a list of modules."""
        outlined = outline_forwards(
            context,
            wanted=_loop_statements,
            region_of=lambda forward, loops: find_region(forward, loops[0], context),
            moved="the loop over the layers",
            apart="a second loop, apart from the one that was moved",
        )
        return replace(context.tree, {forward: cst.FlattenSentinel(pair) for forward, pair in outlined.items()})


def _loop_statements(owner: ModuleClass, forward: cst.FunctionDef) -> list[int]:
    """Return the indices of the statements of `forward` that hold a loop over modules."""
    self_ = self_name(forward)
    if self_ is None:
        return []
    return [
        index
        for index, statement in enumerate(forward.body.body)
        if any(module_attributes(loop, owner.lists, self_) for loop in find(statement, cst.For, into_functions=False))
    ]
