"""Products with a transposed matrix, without transposing it."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import replace

from .devices import why_not_measured
from .own import calls_in_functions, own_definition, with_definition

_TEXT = '''\
def $name(product, a, b, dim0, dim1):
    """Return `product(a, b.swapaxes(dim0, dim1))`, where it can be without transposing first."""
    ndim = b.ndim
    is_last = ndim > 2 and dim0 % ndim + dim1 % ndim == 2 * ndim - 3
    if is_last and a.shape[:-2] == b.shape[:-2] and a.dtype == b.dtype == $mindspore.float32:
        return $ops.BatchMatMul(transpose_b=True)(a, b)
    return product(a, b.swapaxes(dim0, dim1))
'''
_NAME = "_times_transposed"
PRODUCTS = frozenset(
    f"{module}.{name}"
    for module in ("mindspore.ops", "mindspore.mint", "mindnlp.core.ops")
    for name in ("matmul", "bmm")
)
_SWAPS = frozenset(
    {"mindspore.mint.transpose", "mindspore.ops.swapaxes", "mindspore.ops.swapdims"}
    | {f"mindnlp.core.ops.{name}" for name in ("transpose", "swapaxes", "swapdims")}
)
"""Functions of a tensor and two of its axes."""


class Products(Pass):
    """Multiply by a transposed matrix (attention scores) with one operator that reads it transposed.

    A short function that comes into the file does so where both have the same leading axes, and what was written
    elsewhere. Eager, nothing is transposed any more; in a graph `mint.matmul` of a `mint.transpose`, which a CPU would
    get, takes about twice as long.
    """

    name = "products"
    safety = Safety.ROUNDING
    for_speed = True
    before = ("mint", "flatten")
    examples = (
        Example(
            title="attention scores",
            before="""\
import mindspore
from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key):
        return ops.matmul(query, key.swapaxes(-1, -2))
""",
            after='''\
import mindspore
from mindspore import nn, ops


def _times_transposed(product, a, b, dim0, dim1):
    """Return `product(a, b.swapaxes(dim0, dim1))`, where it can be without transposing first."""
    ndim = b.ndim
    is_last = ndim > 2 and dim0 % ndim + dim1 % ndim == 2 * ndim - 3
    if is_last and a.shape[:-2] == b.shape[:-2] and a.dtype == b.dtype == mindspore.float32:
        return ops.BatchMatMul(transpose_b=True)(a, b)
    return product(a, b.swapaxes(dim0, dim1))


class Attention(nn.Cell):
    def construct(self, query, key):
        return _times_transposed(ops.matmul, query, key, -1, -2)
''',
        ),
        Example(
            title="axes that are not written out",
            before="""\
from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, query, key, axis):
        return ops.matmul(query, key.swapaxes(axis, -1))
""",
            reason="not two numbers",
        ),
        Example(
            title="nothing transposed",
            before="""\
from mindspore import nn, ops


class Attention(nn.Cell):
    def construct(self, probabilities, value):
        return ops.matmul(probabilities, value)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every product whose second factor is transposed in place."""
        if not context.mentions("matmul", "bmm", "einsum"):  # the last becomes one of the others
            return context.tree
        chosen: list[tuple[cst.Call, _Swap]] = []
        for call in calls_in_functions(context.tree):
            name = context.qualified_name(call.func)
            swap = _swap(call, context) if name in PRODUCTS else None
            if name is None or swap is None:
                continue
            reason = _why_not(call, swap, context)
            if reason:
                context.skipped(call, name, reason)
            else:
                context.rewritten(call, name, "BatchMatMul(transpose_b=True), where the shapes allow it")
                chosen.append((call, swap))
        if not chosen:
            return context.tree
        own = own_definition(context, context.tree, _TEXT, _NAME)
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for call, swap in reversed(chosen):  # inner products before outer ones
            values = (call.func, call.args[0].value, swap.matrix, *swap.axes)
            args = [cst.Arg(replace(value, changes)) for value in values]
            changes[call] = cst.Call(cst.Name(own.name), args, lpar=call.lpar, rpar=call.rpar)
        return with_definition(context.tree, own, changes)


@dataclass(frozen=True)
class _Swap:
    """A call that swaps two axes.

    Attributes:
        name: The function or method.
        matrix: What it is called on.
        axes: Its other arguments.
        is_plain: Whether no argument has a name or a star.
    """

    name: str
    matrix: cst.BaseExpression
    axes: tuple[cst.BaseExpression, ...]
    is_plain: bool


def _swap(product: cst.Call, context: PassContext) -> _Swap | None:
    """Return the swap that is the second factor of a product, if it is one."""
    call = product.args[1].value if len(product.args) > 1 else None
    if not isinstance(call, cst.Call):
        return None
    name, values = context.qualified_name(call.func), tuple(arg.value for arg in call.args)
    is_plain = not any(arg.star or arg.keyword for arg in call.args)
    if name in _SWAPS and values:
        return _Swap(name, values[0], values[1:], is_plain)
    if name is None and isinstance(call.func, cst.Attribute) and call.func.attr.value in _METHODS:
        return _Swap(call.func.attr.value, call.func.value, values, is_plain)
    return None


_METHODS = ("swapaxes", "swapdims", "transpose")


def _why_not(product: cst.Call, swap: _Swap, context: PassContext) -> str:
    """Return why a product must stay; empty when it need not."""
    if reason := why_not_measured(context):
        return reason
    if len(product.args) != 2 or any(arg.star or arg.keyword for arg in product.args) or not swap.is_plain:
        return "its arguments are not given by position"
    code = [context.tree.code_for_node(axis) for axis in swap.axes]
    if len(code) != 2 or not all(text.removeprefix("-").isdecimal() for text in code):
        return "the axes are not two numbers"
    first, second = map(int, code)
    # The two may also be a whole permutation, which changes nothing where the first is the smaller.
    if swap.name == "transpose" and (first, second) != (-1, -2) and min(first, second) < 1:
        return "whether it swaps two axes depends on how many there are"
    return "a comment stands in it" if "#" in context.tree.code_for_node(product) else ""
