"""What a branch that returns, and what comes after it, do alike."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import reads, surely_assigned
from rewriter.tree import find, replace

from .forwards import module_classes, self_attribute, self_name
from .lines import only, target

_Pair = tuple[cst.SimpleStatementLine, cst.SimpleStatementLine]


class Branches(Pass):
    """Call a module once before a branch that returns, where the branch and what comes after it call it alike.

    So the call can be part of the model's graph. What the two bind to one name in different ways becomes a choice.
    """

    name = "branches"
    safety = Safety.EXACT
    before = ("flatten", "whole-graph")
    examples = (
        Example(
            title="a pooler that is called in two branches",
            before="""\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, encoder, pooler):
        super().__init__()
        self.encoder = encoder
        self.pooler = pooler

    def construct(self, x, return_dict=True):
        outputs = self.encoder(x, return_dict=return_dict)
        if not return_dict:
            states = outputs[0]
            pooled = self.pooler(states)
            return (states, pooled)

        states = outputs["states"]
        pooled = self.pooler(states)
        return {"states": states, "pooled": pooled}
""",
            after="""\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, encoder, pooler):
        super().__init__()
        self.encoder = encoder
        self.pooler = pooler

    def construct(self, x, return_dict=True):
        outputs = self.encoder(x, return_dict=return_dict)
        states = outputs[0] if not return_dict else outputs["states"]
        pooled = self.pooler(states)
        if not return_dict:
            return (states, pooled)

        return {"states": states, "pooled": pooled}
""",
        ),
        Example(
            title="the branches call another module",
            before="""\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, first, second):
        super().__init__()
        self.first = first
        self.second = second

    def construct(self, x, return_dict=True):
        if not return_dict:
            x = self.first(x)
            return (x,)
        x = self.second(x)
        return {"x": x}
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at the forward of every module class."""
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            forward = owner.method(context.dialect.forward)
            if forward is None:
                continue
            body = list(forward.body.body)
            for at, statement in enumerate(body):
                pairs = _alike(statement, body[at + 1 :], self_name(forward) or "")
                if isinstance(statement, cst.If) and pairs:
                    changes[forward] = _moved(forward, at, statement, pairs)
                    what = f"{owner.node.name.value}.{forward.name.value}"
                    context.rewritten(statement, what, f"{len(pairs)} statements of both branches stand before them")
                    break
        return replace(context.tree, changes)


def _alike(branch: cst.CSTNode, after: Sequence[cst.CSTNode], self_: str) -> list[_Pair]:
    """Return what a branch and what comes after it begin with, as far as the last module that both call."""
    if not isinstance(branch, cst.If) or branch.orelse is not None or not isinstance(branch.body, cst.IndentedBlock):
        return []
    if surely_assigned(branch.body.body, frozenset()) is not None or not _is_flag(branch.test):
        return []  # the branch must not come to what is after it
    asked = reads(branch.test)
    pairs: list[_Pair] = []
    for one, other in zip(branch.body.body, after, strict=False):
        name = target(only(one))
        if not name or name in asked or name != target(only(other)):
            break
        assert isinstance(one, cst.SimpleStatementLine) and isinstance(other, cst.SimpleStatementLine)
        if other.trailing_whitespace.comment or any(line.comment for line in other.leading_lines):
            break  # only one of the two lines stays
        pairs.append((one, other))
    while pairs and not (_is_same(pairs[-1]) and _calls_module(pairs[-1][0], self_)):
        pairs.pop()
    return pairs


def _is_flag(test: cst.BaseExpression) -> bool:
    """Tell whether a test is a name, or `not` a name: it can be asked again."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        test = test.expression
    return isinstance(test, cst.Name)


def _is_same(pair: _Pair) -> bool:
    return pair[0].body[0].deep_equals(pair[1].body[0])


def _calls_module(statement: cst.CSTNode, self_: str) -> bool:
    return any(self_attribute(call.func, self_) for call in find(statement, cst.Call))


def _moved(forward: cst.FunctionDef, at: int, branch: cst.If, pairs: Sequence[_Pair]) -> cst.FunctionDef:
    """Return a forward in which the pairs stand before the branch."""
    body = list(forward.body.body)
    before = [one if _is_same((one, other)) else _chosen(branch.test, one, other) for one, other in pairs]
    lead = branch.leading_lines
    before[0] = before[0].with_changes(leading_lines=[*lead, *before[0].leading_lines])
    rest = branch.with_changes(body=branch.body.with_changes(body=branch.body.body[len(pairs) :]), leading_lines=())
    after = body[at + 1 + len(pairs) :]
    # What stood above the first of them, an empty line for one, stands above what comes first now.
    first = pairs[0][1].leading_lines
    if after and not getattr(after[0], "leading_lines", ()):
        after[0] = after[0].with_changes(leading_lines=[line for line in first if line.comment is None])
    return forward.with_changes(body=forward.body.with_changes(body=[*body[:at], *before, rest, *after]))


def _chosen(
    test: cst.BaseExpression, one: cst.SimpleStatementLine, other: cst.SimpleStatementLine
) -> cst.SimpleStatementLine:
    """Return the line that binds a name to the one value or to the other."""
    first, second = (cst.ensure_type(line.body[0], cst.Assign) for line in (one, other))
    choice = cst.IfExp(test=_closed(test), body=_closed(first.value), orelse=_closed(second.value))
    return one.with_changes(body=[first.with_changes(value=choice)])


def _closed(value: cst.BaseExpression) -> cst.BaseExpression:
    """Return an expression in parentheses where a choice needs them."""
    if value.lpar or not isinstance(value, (cst.IfExp, cst.Lambda, cst.Tuple, cst.NamedExpr)):
        return value
    return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
