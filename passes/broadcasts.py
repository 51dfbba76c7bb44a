"""Masks added to attention scores, in the shape of the scores."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find

from .devices import why_not_measured
from .lines import target
from .own import outermost_functions, own_definition, with_definition

_TEXT = '''\
def $name(scores, mask):
    """Return `scores + mask`; a mask is spread first, since a CPU takes longer for two shapes, and keeps copies."""
    if not isinstance(mask, $mindspore.Tensor) or not scores.dtype == mask.dtype == $mindspore.float32:
        return scores + mask
    spreads = mask.ndim == scores.ndim and mask.shape != scores.shape
    for one, whole in zip(mask.shape, scores.shape):
        spreads = spreads and (one == 1 or one == whole)
    return scores + $ops.broadcast_to(mask, scores.shape) if spreads else scores + mask
'''


class Broadcasts(Pass):
    """Add masks to attention scores in the shape of the scores, on a CPU.

    A sum of two shapes takes MindSpore's CPU kernel four times as long as one of equal shapes, and it keeps copies of
    both terms and of the sum for as long as the graph lives. Spread first, the mask is spread once for all layers: the
    graph compiler sees that they do the same. The numbers that are added are the same ones.
    """

    name = "broadcasts"
    safety = Safety.EXACT
    for_speed = True
    before = ("mint", "flatten")
    examples = (
        Example(
            title="a mask",
            before="""\
import mindspore
from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, scores, mask=None):
        if mask is not None:
            scores = scores + mask
        return ops.softmax(scores, -1)
""",
            after='''\
import mindspore
from mindspore import nn, ops


def _plus(scores, mask):
    """Return `scores + mask`; a mask is spread first, since a CPU takes longer for two shapes, and keeps copies."""
    if not isinstance(mask, mindspore.Tensor) or not scores.dtype == mask.dtype == mindspore.float32:
        return scores + mask
    spreads = mask.ndim == scores.ndim and mask.shape != scores.shape
    for one, whole in zip(mask.shape, scores.shape):
        spreads = spreads and (one == 1 or one == whole)
    return scores + ops.broadcast_to(mask, scores.shape) if spreads else scores + mask


class Attention(nn.Cell):
    def construct(self, scores, mask=None):
        if mask is not None:
            scores = _plus(scores, mask)
        return ops.softmax(scores, -1)
''',
        ),
        Example(
            title="a sum that is no attention",
            before="""\
from mindspore import nn


class Embeddings(nn.Cell):
    def construct(self, words, positions):
        words = words + positions
        return self.norm(words)
""",
        ),
        Example(
            title="on a device where nobody measured it",
            device="ascend",
            before="""\
from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, scores, mask):
        scores = scores + mask
        return ops.softmax(scores, -1)
""",
            reason="not measured for ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every `name = name + …` of a function that takes the softmax of `name`."""
        if not context.mentions("softmax", "Softmax"):
            return context.tree
        tree = context.tree
        found = (one for function in outermost_functions(tree) for one in _sums(function))
        sums = [one for one in found if "#" not in tree.code_for_node(one)]
        reason = why_not_measured(context)
        for one in sums:
            if reason:
                context.skipped(one, "scores + mask", reason)
            else:
                context.rewritten(one, "scores + mask", "a sum of equal shapes")
        if reason or not sums:
            return tree
        own = own_definition(context, tree, _TEXT, "_plus")
        changes: dict[cst.CSTNode, cst.CSTNode] = {
            one: cst.Call(cst.Name(own.name), [cst.Arg(one.left), cst.Arg(one.right)]) for one in sums
        }
        return with_definition(tree, own, changes)


def _sums(function: cst.FunctionDef) -> Iterator[cst.BinaryOperation]:
    """Yield the sums of `name = name + …` and `name = name.view(…) + …` where the softmax of `name` is taken."""
    scores = {name for call in find(function.body, cst.Call) if (name := _softmax_of(call))}
    for assignment in find(function.body, cst.Assign):
        value = assignment.value
        if target(assignment) not in scores or not isinstance(value, cst.BinaryOperation):
            continue
        if isinstance(value.operator, cst.Add) and _reads(value.left) == target(assignment):
            yield value


def _softmax_of(call: cst.Call) -> str:
    """Return the name whose softmax a call takes, as `softmax(name, …)` or `name.softmax(…)`; empty for others."""
    func = call.func.func if isinstance(call.func, cst.Call) else call.func  # `nn.Softmax(-1)(name)`
    name = func.attr if isinstance(func, cst.Attribute) else func
    if not isinstance(name, cst.Name) or name.value.lower() != "softmax":
        return ""
    values = [arg.value for arg in call.args if not arg.star]
    if values and isinstance(values[0], cst.Name):
        return values[0].value
    return func.value.value if isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name) else ""


def _reads(scores: cst.BaseExpression) -> str:
    """Return the name that an expression is, or of which it is a view; empty for others."""
    if isinstance(scores, cst.Call) and isinstance(scores.func, cst.Attribute):
        scores = scores.func.value if scores.func.attr.value in ("view", "reshape") else scores
    return scores.value if isinstance(scores, cst.Name) else ""
