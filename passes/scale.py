"""Scores divided by the root of a size."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find

from .devices import why_not_measured
from .own import outermost_functions, own_definition, with_definition

_TEXT = '''\
def $name(tensor, size):
    """Return `tensor / size`, by a product where that has the same bits: a CPU multiplies twice as fast."""
    return tensor * (1.0 / size) if size in (1.0, 2.0, 4.0, 8.0, 16.0) else tensor / size
'''


class Scale(Pass):
    """Multiply attention scores by `1 / size` where they are divided by `size = math.sqrt(…)`, a power of two.

    A CPU divides tensors at half the speed at which it multiplies them. A short function that comes into the file looks
    at the size: the heads of BERT and CLIP have 64 numbers, whose root is 8.
    """

    name = "scale"
    safety = Safety.EXACT
    for_speed = True
    before = ("mint", "flatten")
    examples = (
        Example(
            title="attention scores",
            before="""\
import math

from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key):
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        scores = scores / math.sqrt(self.size)
        return scores
""",
            after='''\
import math

from mindspore import nn, ops


def _divided(tensor, size):
    """Return `tensor / size`, by a product where that has the same bits: a CPU multiplies twice as fast."""
    return tensor * (1.0 / size) if size in (1.0, 2.0, 4.0, 8.0, 16.0) else tensor / size


class Attention(nn.Cell):
    def construct(self, query, key):
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        scores = _divided(scores, math.sqrt(self.size))
        return scores
''',
        ),
        Example(
            title="a number, not a tensor",
            before="""\
import math

from mindspore import nn


class Attention(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.factor = 2.0 / math.sqrt(size)

    def construct(self, query):
        return query * self.factor
""",
        ),
        Example(
            title="on a device where nobody measured it",
            device="ascend",
            before="""\
import math

from mindspore import nn


class Attention(nn.Cell):
    def construct(self, scores):
        scores = scores / math.sqrt(8)
        return scores
""",
            reason="not measured for ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every `name = name / math.sqrt(…)`."""
        if not context.mentions("sqrt"):
            return context.tree
        tree = context.tree
        assignments = [one for function in outermost_functions(tree) for one in find(function.body, cst.Assign)]
        divisions = [division for one in assignments if (division := divided_by_root(one, context)) is not None]
        reason = why_not_measured(context)
        for division in divisions:
            if reason:
                context.skipped(division, "/ math.sqrt", reason)
            else:
                context.rewritten(division, "/ math.sqrt", "a product, where that is exact")
        if reason or not divisions:
            return tree
        own = own_definition(context, tree, _TEXT, "_divided")
        changes: dict[cst.CSTNode, cst.CSTNode] = {
            one: cst.Call(cst.Name(own.name), [cst.Arg(one.left), cst.Arg(one.right)]) for one in divisions
        }
        return with_definition(tree, own, changes)


def divided_by_root(assignment: cst.Assign, context: PassContext) -> cst.BinaryOperation | None:
    """Return the division of `name = name / math.sqrt(…)`: what is divided in place is a tensor, as a rule."""
    target, division = assignment.targets[0].target, assignment.value
    if not isinstance(division, cst.BinaryOperation) or not isinstance(division.operator, cst.Divide):
        return None
    name, root = division.left, division.right
    if not isinstance(target, cst.Name) or not isinstance(name, cst.Name) or name.value != target.value:
        return None
    is_root = isinstance(root, cst.Call) and context.qualified_name(root.func) == "math.sqrt"
    return division if is_root else None
