"""Tests of a type by `type`, which STRICT cannot decide, by `isinstance`."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

_TYPES = ("builtins.tuple", "builtins.list", "builtins.dict")


class TypeTests(Pass):
    """Write `if type(x) is not tuple: raise …` as `if not isinstance(x, tuple): raise …`.

    STRICT decides `isinstance` of what a module returns while it compiles, and not `type`. Only tests whose one effect
    is that they raise are written so: what they let through besides are instances of classes derived from `tuple`.
    """

    name = "type-tests"
    safety = Safety.EXACT
    before = ("flatten", "whole-graph")
    examples = (
        Example(
            title="what a module must return",
            before="""\
from mindspore import nn


class Block(nn.Cell):
    def construct(self, x):
        states = self.attention(x)
        if type(states) is not tuple:
            raise TypeError(f"a tuple is needed, not a {type(states)}")
        return states[0]
""",
            after="""\
from mindspore import nn


class Block(nn.Cell):
    def construct(self, x):
        states = self.attention(x)
        if not isinstance(states, tuple):
            raise TypeError(f"a tuple is needed, not a {type(states)}")
        return states[0]
""",
        ),
        Example(
            title="a test that something else hangs on, and one of an own class",
            before="""\
from mindspore import nn


class Block(nn.Cell):
    def construct(self, x):
        states = self.attention(x)
        if type(states) is not tuple:
            states = (states,)
        if type(self.attention) is not Block:
            raise TypeError("a block is needed")
        return states[0]
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every `if` that only raises."""
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        if not context.mentions("type"):
            return context.tree
        for statement in find(context.tree, cst.If):
            tested = _tested(statement, context)
            if tested is not None:
                value, kind = tested
                test = cst.Call(cst.Name("isinstance"), [cst.Arg(value), cst.Arg(kind)])
                new = cst.UnaryOperation(cst.Not(), test)
                changes[statement.test] = new
                context.rewritten(statement.test, "type", cst.Module([]).code_for_node(new))
        return replace(context.tree, changes)


def _tested(statement: cst.If, context: PassContext) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """Return what is tested, and for which type, where a statement raises unless it is one and does nothing else."""
    test, body = statement.test, statement.body.body
    last = body[0] if len(body) == 1 else None
    raises = isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[0], cst.Raise)
    if not raises or statement.orelse is not None or not isinstance(test, cst.Comparison) or len(test.comparisons) > 1:
        return None
    call, compared = test.left, test.comparisons[0]
    if not isinstance(compared.operator, (cst.IsNot, cst.NotEqual)) or not isinstance(call, cst.Call):
        return None
    is_type = context.qualified_name(call.func) == "builtins.type" and len(call.args) == 1
    if not is_type or not isinstance(call.args[0].value, cst.Name):
        return None
    return (call.args[0].value, compared.comparator) if _is_known(compared.comparator, context) else None


def _is_known(kind: cst.BaseExpression, context: PassContext) -> bool:
    return isinstance(kind, cst.Name) and context.qualified_name(kind) in _TYPES
