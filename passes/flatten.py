"""The layer loop of a forward becomes a method of its own, which a graph can hold."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Kind, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .forwards import ModuleClass, module_attributes, module_classes, self_name
from .outline import CannotOutline, find_region, flat_name, outline


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
        changes: dict[cst.CSTNode, cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement]] = {}
        seen: set[str] = set()
        for owner in module_classes(context):
            again = owner.node.name.value in seen  # it may derive from the other one, and share its methods
            seen.add(owner.node.name.value)
            forward = owner.method(context.dialect.forward)
            if forward is None:
                continue
            loops = _loop_statements(owner, forward)
            if not loops:
                continue
            what = f"{owner.node.name.value}.{forward.name.value}"
            try:
                if again:
                    raise CannotOutline("an earlier class has the same name")
                name = flat_name(owner, forward, context)
                region = find_region(forward, loops[0], context)
            except CannotOutline as why:
                context.skipped(forward.body.body[loops[0]], what, str(why))
                continue
            changes[forward] = cst.FlattenSentinel(outline(forward, region, name))
            context.rewritten(forward.body.body[loops[0]], what, f"the loop over the layers became {name}")
            for later in loops:
                if later >= region.stop:
                    context.skipped(forward.body.body[later], what, "a second loop, apart from the one that was moved")
        return replace(context.tree, changes)


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
