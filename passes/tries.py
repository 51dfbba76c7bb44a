"""`try` that only puts one error in the place of another."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import live_before, reads, surely_assigned, target_names
from rewriter.tree import find, replace

from .apart import LEAVES, SCOPES, borders, computes, link, names_for, new_method, with_call
from .forwards import ModuleClass, module_classes, self_name
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
        changes: dict[cst.CSTNode, cst.FlattenSentinel[cst.BaseStatement]] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                for statement in find(method.body, cst.Try, into_functions=False):
                    if method.name.value == "__init__" or not computes(statement.body, self_name(method) or ""):
                        continue
                    what = f"{owner.node.name.value}.{method.name.value}"
                    try:
                        if method in changes:
                            raise Stays("a second `try`", "Write a method for each.")
                        changes[method] = _outlined(statement, method, owner, context)
                    except Stays as why:
                        is_forward = method.name.value == context.dialect.forward
                        advice = (why.advice or "Ask beforehand for what may go wrong.") if is_forward else ""
                        context.skipped(statement, what, str(why), advice)
                    else:
                        context.rewritten(statement, what, "its handlers stay outside of a graph")
        return replace(context.tree, changes)


def _outlined(
    statement: cst.Try, method: cst.FunctionDef, owner: ModuleClass, context: PassContext
) -> cst.FlattenSentinel[cst.BaseStatement]:
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
    return cst.FlattenSentinel(
        [
            with_call(statement, method, tried, inputs, outputs),
            new_method(plain, self_, inputs, [*statement.body.body, return_statement(outputs)]),
            new_method(tried, self_, inputs, [kept]),
            link(tried, plain),
        ]
    )


def _only_raises(handler: cst.ExceptHandler) -> bool:
    """Tell whether a handler ends in an error, whatever it does before."""
    leaves = next(find(handler.body, (*LEAVES, *SCOPES)), None)
    return leaves is None and surely_assigned(handler.body.body, frozenset()) is None


def _handler_reads(handler: cst.ExceptHandler) -> frozenset[str]:
    own = target_names(handler.name.name) if handler.name is not None else frozenset()
    return reads(handler.type) | (live_before(handler.body.body, frozenset()) - own)
