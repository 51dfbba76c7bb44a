"""`try` that only puts one error in the place of another."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import live_before, reads, surely_assigned, target_names
from rewriter.tree import find

from .apart import LEAVES, SCOPES, borders, computes, link, names_for, new_method, outlined, with_call
from .forwards import ModuleClass, self_name
from .outline import return_statement
from .stays import Stays


class Tries(Pass):
    """Move what a `try` computes into a method of its own, where its handlers only raise another error.

    STRICT refuses `try`. A graph takes the method alone: what goes wrong there goes wrong again in plain Python, where
    the handlers are.
    """

    name = "tries"
    safety = Safety.EXACT
    before = ("mint", "flatten", "slices", "whole-graph", "module-loops")
    examples = (
        Example(
            title="an error in other words",
            before="""\
from mindspore import nn


class Boxes(nn.Cell):
    def __init__(self):
        super().__init__()
        self.left = nn.Embedding(100, 8)

    def construct(self, x, boxes):
        try:
            left = self.left(boxes[:, 0])
        except IndexError as error:
            raise IndexError("not within 0-100") from error
        return x + left
""",
            after="""\
from mindspore import nn


class Boxes(nn.Cell):
    def __init__(self):
        super().__init__()
        self.left = nn.Embedding(100, 8)

    def construct(self, x, boxes):
        (left,) = self._construct_tried(boxes)
        return x + left

    def _construct_untried(self, boxes):
        left = self.left(boxes[:, 0])
        return left,

    def _construct_tried(self, boxes):
        try:
            return self._construct_untried(boxes)
        except IndexError as error:
            raise IndexError("not within 0-100") from error

    # The graph compiler looks through a wrapper by this attribute, and compiles what it finds there.
    _construct_tried.__wrapped__ = _construct_untried
""",
        ),
        Example(
            title="a handler that goes on with another value",
            before="""\
from mindspore import nn


class Boxes(nn.Cell):
    def __init__(self):
        super().__init__()
        self.left = nn.Embedding(100, 8)

    def construct(self, x, boxes):
        try:
            left = self.left(boxes[:, 0])
        except IndexError:
            left = x
        return x + left
""",
            reason="a handler goes on",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class but `__init__`."""
        if not context.mentions("try:", "try :"):
            return context.tree
        return outlined(
            context,
            cst.Try,
            lambda statement, method: computes(statement.body, self_name(method) or ""),
            lambda statement, method, owner: _parts(statement, method, owner, context),
            note="its handlers stay outside of a graph",
            second="a second `try`",
            advice="Ask beforehand for what may go wrong.",
        )


def _parts(
    statement: cst.Try, method: cst.FunctionDef, owner: ModuleClass, context: PassContext
) -> list[cst.BaseStatement]:
    """Return a method that calls another one in the place of `try`, and what it needs for that.

    Raises:
        Stays: It would not be the same.
    """
    if statement.orelse is not None or statement.finalbody is not None:
        raise Stays("`else` or `finally` behind it")
    if not all(_only_raises(handler) for handler in statement.handlers):
        raise Stays("a handler goes on")
    handled = frozenset().union(*(_handler_reads(handler) for handler in statement.handlers))
    inputs, outputs = borders(statement, method, context, handled)
    self_ = self_name(method) or ""
    plain, tried = names_for(("untried", "tried"), method, owner, context)
    inner = cst.parse_statement(f"return {self_}.{plain}({', '.join(inputs)})")
    kept = statement.with_changes(body=statement.body.with_changes(body=[inner]), leading_lines=())
    return [
        with_call(statement, method, tried, inputs, outputs),
        new_method(plain, self_, inputs, [*statement.body.body, return_statement(outputs)]),
        new_method(tried, self_, inputs, [kept]),
        link(tried, plain),
    ]


def _only_raises(handler: cst.ExceptHandler) -> bool:
    """Tell whether a handler ends in an error, whatever it does before."""
    leaves = next(find(handler.body, (*LEAVES, *SCOPES)), None)
    return leaves is None and surely_assigned(handler.body.body, frozenset()) is None


def _handler_reads(handler: cst.ExceptHandler) -> frozenset[str]:
    own = target_names(handler.name.name) if handler.name is not None else frozenset()
    return reads(handler.type) | (live_before(handler.body.body, frozenset()) - own)
