"""A pass over the syntax tree, for what no pattern can say: transposes in a row become one, whose axes are computed.

rewriter test examples/visitor_pass.py
rewriter apply --plugin examples/visitor_pass.py --passes merge-transposes modeling_vit.py --diff
"""

import ast
import functools

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety, hookimpl
from rewriter.tree import find, replace

NAME = "mindspore.ops.transpose"


class MergeTransposes(Pass):
    """Write `ops.transpose(ops.transpose(x, a), b)` as one transpose, where both orders of axes are written out."""

    name = "merge-transposes"
    safety = Safety.EXACT
    before = ("mint",)
    examples = (
        Example(
            title="two that can be one",
            before="""\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, x):
        return ops.transpose(ops.transpose(x, (1, 2, 0)), (0, 2, 1))
""",
            after="""\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, x):
        return ops.transpose(x, (1, 0, 2))
""",
        ),
        Example(
            title="three of them",
            before="""\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, x):
        return ops.transpose(ops.transpose(ops.transpose(x, (1, 2, 0)), (1, 2, 0)), (1, 2, 0))
""",
            after="""\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, x):
        return ops.transpose(x, (0, 1, 2))
""",
        ),
        Example(
            title="axes that only a run knows",
            before="""\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, x, axes):
        return ops.transpose(ops.transpose(x, axes), (0, 2, 1))
""",
            reason="not written out",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every transpose of a transpose, the outermost first."""
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        seen: set[cst.CSTNode] = set()
        for outer in find(context.tree, cst.Call):
            calls = chain(outer, context)
            if len(calls) < 2 or outer in seen:
                continue
            seen.update(calls)
            orders = [order for call in calls if (order := axes(call)) is not None]
            if len(orders) < len(calls) or len({*map(len, orders)}) > 1:
                context.skipped(outer, NAME, "the axes are not written out, or not of one length")
                continue
            merged = cst.parse_expression(str(functools.reduce(compose, orders)))
            changes[outer] = outer.with_changes(args=[calls[-1].args[0], outer.args[1].with_changes(value=merged)])
            context.rewritten(outer, NAME, f"{len(calls)} transposes are one")
        return replace(context.tree, changes)


def chain(call: cst.BaseExpression, context: PassContext) -> list[cst.Call]:
    """Return the transposes that stand directly inside one another, `call` first; none if it is not one itself."""
    if not isinstance(call, cst.Call) or context.qualified_name(call.func) != NAME or len(call.args) != 2:
        return []
    if any(arg.keyword or arg.star for arg in call.args):
        return []
    return [call, *chain(call.args[0].value, context)]


def axes(call: cst.Call) -> tuple[int, ...] | None:
    """Return the order of axes if it is a tuple of numbers from 0 on."""
    try:
        found = ast.literal_eval(cst.Module([]).code_for_node(call.args[1].value))
    except ValueError:
        return None
    return found if isinstance(found, tuple) and sorted(found) == list(range(len(found))) else None


def compose(outer: tuple[int, ...], inner: tuple[int, ...]) -> tuple[int, ...]:
    """Return the order that says the same as `inner` and then `outer`."""
    return tuple(inner[axis] for axis in outer)


@hookimpl
def rewriter_passes() -> list[Pass]:
    """Bring the pass."""
    return [MergeTransposes()]
