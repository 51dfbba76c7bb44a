"""How many of several values are None."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find

from .forwards import module_classes
from .own import Own, own_definitions, with_definition

NONES = '''
def _nones(values):
    """Return how many of several values are None."""
    return values.count(None)


def _nones_in_graph(values):
    if not isinstance(values, (tuple, list)):
        return values.count(None)
    count = 0
    for value in values:
        if value is None:
            count = count + 1
    return count


# The graph compiler looks through a wrapper by this attribute, and compiles what it finds there.
_nones.__wrapped__ = _nones_in_graph
'''


class Counts(Pass):
    """Write `x.count(None)` as a function that a graph can hold: it has no kernel for counting in a tuple or list."""

    name = "counts"
    safety = Safety.EXACT
    before = ("flatten", "whole-graph")
    examples = (
        Example(
            title="masks that are all None",
            before="""\
from mindspore import nn


class Encoder(nn.Cell):
    def construct(self, x, masks):
        if masks.count(None) == len(masks):
            return x
        return x + masks[0]
""",
            after=f"""\
from mindspore import nn

{NONES}

class Encoder(nn.Cell):
    def construct(self, x, masks):
        if _nones(masks) == len(masks):
            return x
        return x + masks[0]
""",
        ),
        Example(
            title="another value",
            before="""\
from mindspore import nn


class Encoder(nn.Cell):
    def construct(self, x, masks):
        return x * masks.count(1)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class."""
        if not context.mentions(".count(None)"):
            return context.tree
        helper: Own | None = None
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                for call in find(method.body, cst.Call):
                    if isinstance(call.func, cst.Attribute) and _counts_none(call):
                        helper = helper or own_definitions(context.tree, NONES)
                        changes[call] = call.with_changes(func=cst.Name(helper.name), args=[cst.Arg(call.func.value)])
                        context.rewritten(call, "count(None)", "counted by a function")
        return with_definition(context.tree, helper, changes) if helper else context.tree


def _counts_none(call: cst.Call) -> bool:
    is_count = isinstance(call.func, cst.Attribute) and call.func.attr.value == "count" and len(call.args) == 1
    argument = call.args[0] if is_count else None
    return argument is not None and not argument.star and not argument.keyword and _is_none(argument.value)


def _is_none(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"
