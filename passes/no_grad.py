"""`with no_grad()` around a part of a method."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety

from .apart import borders, link, names_for, new_method, outlined, with_call
from .forwards import ModuleClass, self_name
from .outline import call_statement, return_statement

_NO_GRAD = ("mindnlp.core.no_grad", "mindnlp.core.autograd.no_grad")


class NoGrad(Pass):
    """Move what `with no_grad()` computes into a method of its own; a graph stops gradients behind it."""

    name = "no-grad"
    safety = Safety.EXACT
    before = ("mint", "flatten", "slices", "whole-graph", "module-loops")
    after = ("tries",)
    examples = (
        Example(
            title="positions that are not learned",
            before="""\
from mindnlp.core import nn, no_grad, ops


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Linear(8, 8)

    def forward(self, x, at):
        # not learned
        with no_grad():
            bias = self.bias.weight[at]
        return x + bias
""",
            after="""\
from mindnlp.core import nn, no_grad, ops
from mindspore import ops as ms_ops


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Linear(8, 8)

    def forward(self, x, at):
        # not learned
        (bias,) = self._forward_no_grad(at)
        return x + bias

    def _forward_inside(self, at):
        bias = self.bias.weight[at]
        return bias,

    def _forward_no_grad(self, at):
        with no_grad():
            return self._forward_inside(at)

    def _forward_in_graph(self, at):
        (bias,) = self._forward_inside(at)
        bias = ms_ops.stop_gradient(bias)
        return bias,

    # The graph compiler looks through a wrapper by this attribute, and compiles what it finds there.
    _forward_no_grad.__wrapped__ = _forward_in_graph
""",
        ),
        Example(
            title="a return inside",
            before="""\
from mindnlp.core import nn, no_grad


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Linear(8, 8)

    def forward(self, at):
        with no_grad():
            return self.bias.weight[at]
""",
            reason="does more than bind names",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class but `__init__`."""
        if not context.mentions("no_grad("):
            return context.tree
        return outlined(
            context,
            cst.With,
            lambda statement, method: _is_no_grad(statement, context),
            lambda statement, method, owner: _parts(statement, method, owner, context),
            note="a graph stops gradients behind it",
            second="a second `with` in one method",
        )


def _is_no_grad(statement: cst.With, context: PassContext) -> bool:
    item = statement.items[0]
    is_call = isinstance(item.item, cst.Call) and not item.item.args
    name = context.qualified_name(item.item.func) if isinstance(item.item, cst.Call) else None
    return len(statement.items) == 1 and is_call and item.asname is None and name in _NO_GRAD


def _parts(
    statement: cst.With, method: cst.FunctionDef, owner: ModuleClass, context: PassContext
) -> list[cst.BaseStatement]:
    """Return a method that calls another one in the place of `with`, and what it needs for that.

    Raises:
        Stays: It would not be the same.
    """
    inputs, outputs = borders(statement, method, context)
    self_ = self_name(method) or ""
    inside, apart, in_graph = names_for(("inside", "no_grad", "in_graph"), method, owner, context)
    stop = f"{context.use('mindspore.ops')}.stop_gradient"
    stopped = [cst.parse_statement(f"{name} = {stop}({name})") for name in outputs]
    inner = cst.parse_statement(f"return {self_}.{inside}({', '.join(inputs)})")
    kept = statement.with_changes(body=statement.body.with_changes(body=[inner]), leading_lines=())
    back = return_statement(outputs)
    return [
        with_call(statement, method, apart, inputs, outputs),
        new_method(inside, self_, inputs, [*statement.body.body, back]),
        new_method(apart, self_, inputs, [kept]),
        new_method(in_graph, self_, inputs, [call_statement(inside, self_, inputs, outputs), *stopped, back]),
        link(apart, in_graph),
    ]
