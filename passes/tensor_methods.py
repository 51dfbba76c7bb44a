"""Methods of tensors that mean another thing in a graph, or have no kernel on a CPU, by methods that have."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .devices import mint_stays


class TensorMethods(Pass):
    """Write `x.transpose(1, 2)` as `x.swapaxes(1, 2)`, and methods that no graph on a CPU has by others.

    In plain Python MindSpore exchanges two axes; STRICT takes the numbers for the order of all axes: it refuses them,
    and where there are two axes it answers `x.transpose(0, 1)` with `x` itself. A recording keeps what the first call's
    exchange gave. `repeat` has no kernel on a CPU, and `chunk` none in its graphs: `x.repeat(n, 1, 1)` becomes
    `x.tile((n, 1, 1))`, and `x.chunk(3, dim=-1)` `ops.chunk(x, 3, -1)`. `scatter_` has none either; where the tensor
    was made for it, `mint.zeros_like(x).scatter_(1, places, 1.0)`, `scatter` takes its place.
    """

    name = "tensor-methods"
    safety = Safety.EXACT
    before = ("mint", "flatten", "scale", "products")
    examples = (
        Example(
            title="heads and positions exchanged",
            before="""\
from mindspore import mint, nn


class Attention(nn.Cell):
    def construct(self, query, key):
        query = query.view(2, 7, 4, 8).transpose(1, 2)
        return mint.matmul(query, key.transpose(-1, -2))
""",
            after="""\
from mindspore import mint, nn


class Attention(nn.Cell):
    def construct(self, query, key):
        query = query.view(2, 7, 4, 8).swapaxes(1, 2)
        return mint.matmul(query, key.swapaxes(-1, -2))
""",
        ),
        Example(
            title="the order of all axes, two numbers that are not known, and an array",
            before="""\
import numpy as np
from mindspore import mint, nn


class Attention(nn.Cell):
    def construct(self, query, first, second):
        table = np.ones((2, 3)).transpose(0, 1)
        return query.transpose(0, 2, 1) + query.transpose(first, second)
""",
            reason="is not known to be a tensor: an array would keep its axes",
        ),
        Example(
            title="a token for every image",
            before="""\
from mindspore import nn


class Pooler(nn.Cell):
    def construct(self, states):
        probe = self.probe.repeat(states.shape[0], 1, 1)
        return probe + states
""",
            after="""\
from mindspore import nn


class Pooler(nn.Cell):
    def construct(self, states):
        probe = self.probe.tile((states.shape[0], 1, 1))
        return probe + states
""",
        ),
        Example(
            title="queries, keys and values",
            before="""\
from mindspore import nn


class Attention(nn.Cell):
    def construct(self, states):
        query, key, value = self.projection(states).transpose(1, 2).chunk(3, dim=-1)
        return query + key + value
""",
            after="""\
from mindspore import nn
from mindspore import ops


class Attention(nn.Cell):
    def construct(self, states):
        query, key, value = ops.chunk(self.projection(states).swapaxes(1, 2), 3, -1)
        return query + key + value
""",
        ),
        Example(
            title="ones put into a tensor made for them, and into one that others have",
            before="""\
from mindspore import mint, nn


class Router(nn.Cell):
    def construct(self, x, places, mask):
        mask.scatter_(1, places, 1.0)
        return mint.zeros_like(x).scatter_(1, places, 1.0) + mask
""",
            after="""\
from mindspore import mint, nn


class Router(nn.Cell):
    def construct(self, x, places, mask):
        mask.scatter_(1, places, 1.0)
        return mint.zeros_like(x).scatter(1, places, 1.0) + mask
""",
        ),
        Example(
            title="one number, which a list of Python's and an array take too, and an axis by name",
            before="""\
from mindspore import nn


class Pooler(nn.Cell):
    def construct(self, states):
        return self.names.repeat(3) + states.repeat(2, axis=1)
""",
        ),
        Example(
            title="Ascend, which has the kernel",
            device="ascend",
            before="""\
from mindspore import nn


class Pooler(nn.Cell):
    def construct(self, states):
        return states.repeat(2, 1, 1)
""",
            reason="mint's own runs on ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of a method of one of these names, in files that call MindSpore itself."""
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        if context.dialect.name != "mindspore" or not context.mentions(*_WRITTEN):
            return context.tree
        for call in reversed(list(find(context.tree, cst.Call))):  # inner calls before outer ones
            func = call.func
            if not isinstance(func, cst.Attribute) or func.attr.value not in _WRITTEN:
                continue
            if context.qualified_name(func) is not None or any(arg.star for arg in call.args):
                continue
            new = _WRITTEN[func.attr.value](call, func, context)
            if new is not None:
                place = replace(func.value, changes)
                args = [replace(arg, changes) for arg in new.args]
                if isinstance(new.func, cst.Attribute) and new.func.value is func.value:
                    new = new.with_changes(func=new.func.with_changes(value=place), args=args)
                else:
                    new = new.with_changes(args=[cst.Arg(place, comma=_COMMA), *args])
                changes[call] = new
                written = context.tree.code_for_node(new.func).rpartition(".")[2]
                context.rewritten(call, f"Tensor.{func.attr.value}", written)
        return replace(context.tree, changes)


_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _exchanged(call: cst.Call, func: cst.Attribute, context: PassContext) -> cst.Call | None:
    axes = [None if arg.keyword else _number(arg.value) for arg in call.args]
    if len(axes) != 2 or None in axes:
        return None
    if axes == [0, 1] and context.mentions("numpy"):
        context.skipped(call, "transpose", "the receiver is not known to be a tensor: an array would keep its axes")
        return None
    return call.with_changes(func=func.with_changes(attr=cst.Name("swapaxes")))


def _repeated(call: cst.Call, func: cst.Attribute, context: PassContext) -> cst.Call | None:
    """Write `tile`; an array's `repeat` takes a number and an axis, so two numbers may be for one."""
    if len(call.args) < 2 or (len(call.args) == 2 and context.mentions("numpy")) or any(a.keyword for a in call.args):
        return None
    if mint_stays(context, call, func.attr.value):
        return None
    last = call.args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    shape = cst.Tuple([cst.Element(arg.value, comma=arg.comma) for arg in (*call.args[:-1], last)])
    return call.with_changes(func=func.with_changes(attr=cst.Name("tile")), args=[cst.Arg(shape)])


def _cut(call: cst.Call, func: cst.Attribute, context: PassContext) -> cst.Call | None:
    """Write `ops.chunk`, without the tensor that comes first."""
    names = ("chunks", "axis")
    placed: dict[str, cst.Arg] = {}
    for index, arg in enumerate(call.args):
        name = arg.keyword.value if arg.keyword is not None else names[index] if index < len(names) else ""
        placed["axis" if name == "dim" else name] = arg
    if "chunks" not in placed or not set(placed) <= set(names) or len(placed) != len(call.args):
        return None
    if mint_stays(context, call, func.attr.value):
        return None
    args = [cst.Arg(placed[name].value) for name in names if name in placed]
    return call.with_changes(func=cst.parse_expression(context.use("mindspore.ops.chunk")), args=args)


def _filled(call: cst.Call, func: cst.Attribute, context: PassContext) -> cst.Call | None:
    """Write `scatter`, into a copy, where the tensor was made for this call and nobody else has it."""
    made = func.value
    if not isinstance(made, cst.Call) or len(call.args) != 3 or any(arg.keyword for arg in call.args):
        return None
    by_method = isinstance(made.func, cst.Attribute) and made.func.attr.value in ("new_zeros", "new_full")
    is_new = context.qualified_name(made.func) in _NEW or (context.qualified_name(made.func) is None and by_method)
    if not is_new or mint_stays(context, call, func.attr.value):
        return None
    return call.with_changes(func=func.with_changes(attr=cst.Name("scatter")))


_NEW = tuple(f"mindspore.{name}" for name in ("mint.zeros_like", "mint.zeros", "mint.full_like", "ops.zeros_like"))

_WRITTEN = {"transpose": _exchanged, "repeat": _repeated, "chunk": _cut, "scatter_": _filled}


def _number(node: cst.BaseExpression) -> int | None:
    """Return a whole number that is written out."""
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        value = _number(node.expression)
        return None if value is None else -value
    return node.evaluated_value if isinstance(node, cst.Integer) else None
