"""Scores divided by the root of a size, divided where the query is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import Statements, captured, maybe_assigned
from rewriter.tree import find, identifiers

from .devices import why_not_measured
from .lines import only, target
from .own import outermost_functions, own_definition, with_definition
from .products import PRODUCTS
from .scale import divided_by_root
from .stays import Stays

_TEXT = '''\
def $name(tensor, size, query, of_query):
    """Return `tensor / size` at one of two places: at the query, which is smaller, where that has the same bits."""
    at_query = query.dtype == $mindspore.float32 and size in (1.0, 2.0, 4.0, 8.0, 16.0)
    if at_query != of_query:
        return tensor
    return tensor * (1.0 / size) if at_query else tensor / size
'''
_NAME = "_divided_once"
_WHAT = "/ math.sqrt"


class QueryScale(Pass):
    """Divide the query of attention by `math.sqrt(…)` in the place of the scores, where the root is a power of two.

    With 128 tokens and heads of 64 numbers, the query has half as many numbers as the scores; with 16 it has more. What
    is added to the scores in between (relative positions) is divided, too. It runs when asked for by name: no gain over
    `scale` has been measured.
    """

    name = "query-scale"
    safety = Safety.ROUNDING
    for_speed = True
    on_request = True
    before = ("broadcasts", "products", "scale", "mint", "flatten")
    examples = (
        Example(
            title="attention scores with relative positions",
            before="""\
import math

from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key, position_bias=None):
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        if position_bias is not None:
            scores = scores + position_bias
        scores = scores / math.sqrt(self.size)
        return ops.softmax(scores, -1)
""",
            after='''\
import math

from mindspore import nn, ops
import mindspore


def _divided_once(tensor, size, query, of_query):
    """Return `tensor / size` at one of two places: at the query, which is smaller, where that has the same bits."""
    at_query = query.dtype == mindspore.float32 and size in (1.0, 2.0, 4.0, 8.0, 16.0)
    if at_query != of_query:
        return tensor
    return tensor * (1.0 / size) if at_query else tensor / size


class Attention(nn.Cell):
    def construct(self, query, key, position_bias=None):
        scores = ops.matmul(_divided_once(query, math.sqrt(self.size), query, True), key.swapaxes(-1, -2))
        if position_bias is not None:
            scores = scores + _divided_once(position_bias, math.sqrt(self.size), query, True)
        scores = _divided_once(scores, math.sqrt(self.size), query, False)
        return ops.softmax(scores, -1)
''',
        ),
        Example(
            title="a query that is scaled already",
            before="""\
from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key):
        return ops.softmax(ops.matmul(query * self.scale, key.swapaxes(-1, -2)), -1)
""",
        ),
        Example(
            title="scores that are read before they are divided",
            before="""\
import math

from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key):
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        largest = scores.max()
        scores = scores / math.sqrt(self.size)
        return scores, largest
""",
            reason="something else than a sum reads them before",
        ),
        Example(
            title="a sum by which they are multiplied",
            before="""\
import math

from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key, gate):
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        if gate is not None:
            scores = scores * gate
        scores = scores / math.sqrt(self.size)
        return scores
""",
            reason="something else than a sum reads them before",
        ),
        Example(
            title="on a device where nobody measured it",
            device="ascend",
            before="""\
import math

from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key):
        scores = ops.matmul(query, key.swapaxes(-1, -2))
        scores = scores / math.sqrt(self.size)
        return scores
""",
            reason="not measured for ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every `name = name / math.sqrt(…)`, and at the product before it in its block."""
        if not context.mentions("sqrt"):
            return context.tree
        found: list[_Scores] = []
        for function in outermost_functions(context.tree):
            for block in find(function.body, cst.BaseSuite):
                for at, division in _divisions(block, context):
                    try:
                        if reason := why_not_measured(context):
                            raise Stays(reason)
                        found.append(_scores(block.body, at, division, context))
                    except Stays as why:
                        context.skipped(division, _WHAT, str(why))
                    else:
                        context.rewritten(division, _WHAT, "the query is divided, where that is exact")
        if not found:
            return context.tree
        own = own_definition(context, context.tree, _TEXT, _NAME)
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for scores in found:
            for part in (*scores.parts, scores.division):
                changes[part] = _divided(part, scores, own.name)
        return with_definition(context.tree, own, changes)


@dataclass(frozen=True)
class _Scores:
    """Scores from their product to their division.

    Attributes:
        query: The first factor.
        root: What they are divided by.
        parts: What is to be divided in their place: the query, and what is added to the scores.
        division: The division.
    """

    query: cst.Name
    root: cst.BaseExpression
    parts: tuple[cst.BaseExpression, ...]
    division: cst.BinaryOperation


def _divisions(block: cst.BaseSuite, context: PassContext) -> Iterator[tuple[int, cst.BinaryOperation]]:
    """Yield the index of each statement of a block that is `name = name / math.sqrt(…)`, and the division."""
    for at, statement in enumerate(block.body):
        assignment = only(statement)
        if isinstance(assignment, cst.Assign) and (division := divided_by_root(assignment, context)) is not None:
            yield at, division


def _scores(statements: Statements, at: int, division: cst.BinaryOperation, context: PassContext) -> _Scores:
    """Return the scores that statement `at` divides.

    Raises:
        Stays: The division cannot be moved to the query.
    """
    assert isinstance(division.left, cst.Name) and isinstance(division.right, cst.Call)
    name, root = division.left.value, division.right
    queries = ((start, _query(statements[start], name, context)) for start in range(at - 1, -1, -1))
    start, query = next(((start, query) for start, query in queries if query is not None), (at, None))
    if query is None:
        raise Stays("the product that they come from is not seen before it")
    between = statements[start + 1 : at]
    kept = identifiers(root) | {query.value}
    if query.value == name or maybe_assigned(between) & kept:
        raise Stays("the query or the root is another one by then")
    if any(True for arg in root.args for _ in find(arg, cst.Call)):
        raise Stays("the size is computed by a call")
    if name in captured(statements):
        raise Stays("a function inside reads them")
    terms = [term for statement in between for term in _terms(statement, name)]
    return _Scores(query, root, (query, *terms), division)


def _query(statement: cst.CSTNode, name: str, context: PassContext) -> cst.Name | None:
    """Return the first factor of `name = matmul(factor, …)`."""
    assignment = only(statement)
    if not isinstance(assignment, cst.Assign) or target(assignment) != name:
        return None
    product = assignment.value
    if not isinstance(product, cst.Call) or context.qualified_name(product.func) not in PRODUCTS:
        return None
    if len(product.args) != 2 or any(arg.star or arg.keyword for arg in product.args):
        return None
    factor = product.args[0].value
    return factor if isinstance(factor, cst.Name) else None


def _terms(statement: cst.CSTNode, name: str) -> list[cst.BaseExpression]:
    """Return what a statement adds to the scores.

    Raises:
        Stays: It does something else with them.
    """
    if name not in identifiers(statement):
        return []
    if isinstance(statement, cst.If) and name not in identifiers(statement.test):
        parts: list[cst.CSTNode] = list(statement.body.body)
        if isinstance(statement.orelse, cst.If):
            parts.append(statement.orelse)
        elif isinstance(statement.orelse, cst.Else):
            parts += statement.orelse.body.body
        return [term for part in parts for term in _terms(part, name)]
    small = only(statement)
    terms: list[cst.BaseExpression] = []
    if isinstance(small, cst.AugAssign) and isinstance(small.operator, cst.AddAssign):
        is_sum = isinstance(small.target, cst.Name) and small.target.value == name
        terms = [small.value] if is_sum else []
    elif isinstance(small, cst.Assign) and target(small) == name:
        terms = _added(small.value, name)
    if not terms or any(name in identifiers(term) for term in terms):
        raise Stays("something else than a sum reads them before")
    return terms


def _added(value: cst.BaseExpression, name: str) -> list[cst.BaseExpression]:
    """Return the terms behind `name` in `name + term + term`; none where it is something else."""
    terms: list[cst.BaseExpression] = []
    while isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Add):
        terms.append(value.right)
        value = value.left
    return terms if isinstance(value, cst.Name) and value.value == name else []


def _divided(part: cst.BaseExpression, scores: _Scores, function: str) -> cst.Call:
    of_query = part is not scores.division
    tensor = part if of_query else scores.division.left
    values = (tensor, scores.root.deep_clone(), cst.Name(scores.query.value), cst.Name(str(of_query)))
    return cst.Call(cst.Name(function), [cst.Arg(value) for value in values])
