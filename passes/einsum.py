"""`einsum` of two operands as a matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

_EINSUM = ("mindspore.ops.einsum", "mindnlp.core.ops.einsum", "mindspore.mint.einsum")


class Einsum(Pass):
    """Write an `einsum` that contracts one index as a batched `matmul` between permutations.

    STRICT refuses `einsum` on a CPU. The products and sums are the same; their order is the matrix product's.
    """

    name = "einsum"
    safety = Safety.ROUNDING
    before = ("mint", "flatten")
    examples = (
        Example(
            title="relative position scores of BERT",
            before="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, query, embedding):
        return ops.einsum("bhld,lrd->bhlr", query, embedding)
""",
            after="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, query, embedding):
        return ops.matmul(query.unsqueeze(-2), embedding.permute(0, 2, 1)).squeeze(-2)
""",
        ),
        Example(
            title="the operands in a tuple",
            before="""\
from mindnlp.core import nn, ops


class Scores(nn.Module):
    def forward(self, query, boxes):
        return ops.einsum("bnid,bijd->bnij", (query, boxes))
""",
            after="""\
from mindnlp.core import nn, ops


class Scores(nn.Module):
    def forward(self, query, boxes):
        return ops.matmul(query.permute(1, 0, 2, 3).unsqueeze(-2), boxes.permute(0, 1, 3, 2)).squeeze(-2).permute(1, \
0, 2, 3)
""",
        ),
        Example(
            title="an equation that is not written out",
            before="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, equation, query, key):
        return ops.einsum(equation, query, key)
""",
            reason="not a literal",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of `einsum` in the file."""
        if not context.mentions("einsum"):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for call in find(context.tree, cst.Call):
            name = context.qualified_name(call.func)
            if name not in _EINSUM:
                continue
            try:
                new = _product(call)
                new = new.with_changes(lpar=[*call.lpar, *new.lpar], rpar=[*new.rpar, *call.rpar])
            except NotAProduct as why:
                context.skipped(call, name, str(why))
                continue
            changes[call] = new
            context.rewritten(call, name, "matmul between permutations")
        return replace(context.tree, changes)


class NotAProduct(Exception):
    """Why an equation has no such form; the message is the reason shown to the user."""


@dataclass(frozen=True)
class _Plan:
    """How to lay out the operands: permutations of their axes, and of the product's."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    result: tuple[int, ...]
    batched: bool


def _product(call: cst.Call) -> cst.BaseExpression:
    arguments = [arg.value for arg in call.args]
    if len(arguments) == 2 and isinstance(arguments[1], cst.Tuple):
        elements = arguments[1].elements
        if all(isinstance(item, cst.Element) for item in elements):
            arguments[1:] = [item.value for item in elements]
    if any(arg.star or arg.keyword is not None for arg in call.args) or len(arguments) != 3:
        raise NotAProduct("not an equation and two operands")
    equation, left, right = arguments
    if not isinstance(equation, cst.SimpleString):
        raise NotAProduct("the equation is not a literal")
    plan = _plan(str(equation.evaluated_value))
    function = _matmul(call.func)
    a = _permuted(left, plan.left)
    if plan.batched:
        a = _method(a, "unsqueeze", -2)
    product: cst.BaseExpression = cst.Call(function, [_argument(a), cst.Arg(_permuted(right, plan.right))])
    if plan.batched:
        product = _method(product, "squeeze", -2)
    return _permuted(product, plan.result)


def _matmul(einsum: cst.BaseExpression) -> cst.BaseExpression:
    """Return `matmul` of the module that `einsum` is taken from, with the comments and parentheses around it."""
    if not isinstance(einsum, cst.Attribute):
        raise NotAProduct("the function stands by a name of its own, without its module")
    return einsum.with_changes(attr=einsum.attr.with_changes(value="matmul"))


def _argument(value: cst.BaseExpression) -> cst.Arg:
    return cst.Arg(value, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))


def _plan(equation: str) -> _Plan:
    """Return the layout for an equation `left,right->result`.

    The left operand is laid out as (its own axes, batch axes, contracted), the right one as (batch, contracted, own).
    """
    sides, arrow, result = equation.replace(" ", "").partition("->")
    operands = sides.split(",")
    if not arrow or len(operands) != 2 or not (sides + result).replace(",", "").isalpha():
        raise NotAProduct(f"{equation!r} is not of the form ab,bc->ac")
    left, right = operands
    if any(len(set(part)) != len(part) for part in (left, right, result)):
        raise NotAProduct(f"{equation!r} repeats an index within one operand")
    contracted = [i for i in left if i in right and i not in result]
    own = [i for i in right if i not in left]
    batch = [i for i in right if i in left and i in result]
    left_own = [i for i in left if i not in right]
    if len(contracted) != 1 or len(own) != 1 or set(result) != {*left_own, *batch, *own}:
        raise NotAProduct(f"{equation!r} does not contract one index and add one of the second operand's")
    wanted_left = [*left_own, *batch, *contracted]
    product = [*left_own, *batch, *own]
    return _Plan(
        left=tuple(left.index(i) for i in wanted_left),
        right=tuple(right.index(i) for i in [*batch, *contracted, *own]),
        result=tuple(product.index(i) for i in result),
        batched=bool(batch),
    )


def _permuted(value: cst.BaseExpression, axes: tuple[int, ...]) -> cst.BaseExpression:
    if axes == tuple(range(len(axes))):
        return value
    return _method(value, "permute", *axes)


def _method(value: cst.BaseExpression, name: str, *numbers: int) -> cst.BaseExpression:
    """Return the call `value.name(numbers)`, with the node of the operand in it: so the place keeps its line."""
    if not isinstance(value, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
        value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    arguments = [cst.Arg(cst.parse_expression(str(number))) for number in numbers]
    return cst.Call(cst.Attribute(value, cst.Name(name)), arguments)
