"""A graph pass: it takes away something that no graph can hold, so that the method around it compiles.

    rewriter test examples/graph_pass.py
    rewriter explain modeling_own.py --plugin examples/graph_pass.py

MindSpore's strict compiler refuses `if (n := x.shape[1]) > 4:`. As a statement above the `if`, the same is fine. It is
the same only where the assignment is what Python evaluates first, and evaluates always: `rewrite` looks at that.
"""

import libcst as cst

from rewriter import Example, Kind, Pass, PassContext, Safety, hookimpl
from rewriter.tree import find, replace

WHAT = "an assignment in the condition of an `if`"


class NamedConditions(Pass):
    """Move an assignment out of the condition of an `if` into a statement of its own, since STRICT refuses `:=`."""

    name = "named-conditions"
    kind = Kind.GRAPH
    safety = Safety.EXACT
    before = ("flatten", "jit")
    examples = (
        Example(
            title="evaluated first",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        if (size := x.shape[1]) > 4:
            x = x * size
        return x
""",
            after="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        size = x.shape[1]
        if size > 4:
            x = x * size
        return x
""",
        ),
        Example(
            title="one inside another",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        # rows of four and more
        if (size := x.shape[1]) > 3:
            if (rows := x.shape[0]) > 1:
                x = x * rows
            x = x * size
        return x
""",
            after="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        # rows of four and more
        size = x.shape[1]
        if size > 3:
            rows = x.shape[0]
            if rows > 1:
                x = x * rows
            x = x * size
        return x
""",
        ),
        Example(
            title="in an `elif`",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, scale=False):
        if scale:
            x = x * 2
        elif (size := x.shape[1]) > 4:
            x = x * size
        return x
""",
            reason="`elif`",
        ),
        Example(
            title="evaluated only sometimes",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, scale=False):
        if scale and (size := x.shape[1]) > 4:
            x = x * size
        return x
""",
            reason="not what is evaluated first",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every `if` statement whose condition assigns."""
        statements = list(find(context.tree, cst.If))
        branches = {line.orelse for line in statements}
        chosen: set[cst.If] = set()
        for line in statements:
            for named in find(line.test, cst.NamedExpr):
                if line in branches:
                    context.skipped(named, WHAT, "it belongs to an `elif`, which may not be reached")
                elif first(line.test) is not named:
                    context.skipped(named, WHAT, "it is not what is evaluated first")
                else:
                    chosen.add(line)
                    context.rewritten(named, WHAT, "a statement above it")
        return context.tree.visit(Move(chosen)) if chosen else context.tree


class Move(cst.CSTTransformer):
    """Writes the assignments above the statements that were chosen."""

    def __init__(self, chosen: set[cst.If]) -> None:
        super().__init__()
        self.chosen = chosen

    def leave_If(
        self, original_node: cst.If, updated_node: cst.If
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        """Return the assignment and the `if`, under the comments that stood above it."""
        if original_node not in self.chosen:
            return updated_node
        named = cst.ensure_type(first(updated_node.test), cst.NamedExpr)
        assign = cst.Assign([cst.AssignTarget(cst.ensure_type(named.target, cst.Name))], named.value)
        above = cst.SimpleStatementLine([assign], leading_lines=updated_node.leading_lines)
        rest = replace(updated_node, {named: named.target}).with_changes(leading_lines=[])
        return cst.FlattenSentinel([above, rest])


def first(test: cst.BaseExpression) -> cst.BaseExpression:
    """Return the part of a condition that Python evaluates before all others."""
    while isinstance(test, (cst.Comparison, cst.BinaryOperation, cst.BooleanOperation)):
        test = test.left
    return test


@hookimpl
def rewriter_passes() -> list[Pass]:
    """Bring the pass."""
    return [NamedConditions()]
