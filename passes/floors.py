"""Floors under attention scores that the graph compiler would drop."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .own import calls_in_functions

_MAXIMUM = {f"{module}.maximum": f"{module}.clamp" for module in ("mindnlp.core.ops", "mindspore.ops")}
_FINFO = ("mindnlp.core.ops.finfo", "mindspore.ops.finfo")
_NUMPY = "numpy.finfo"
_ADVICE = "Write the least value as a plain number, `ops.clamp(scores, min=float(ops.finfo(scores.dtype).min))`."


class Floors(Pass):
    """Write `maximum(x, finfo(dtype).min)` as `clamp(x, min=…)`.

    MindSpore's graph compiler takes a floor at the least finite number for no floor at all, and minus infinity goes
    through: rows of which everything is masked then have other attention weights than in eager mode (seen with
    MindSpore 2.10 on a CPU; mindnlp's Baichuan). `clamp` stays, and has the same numbers.
    """

    name = "floors"
    safety = Safety.EXACT
    before = ("mint", "flatten", "finfo")
    examples = (
        Example(
            title="a floor under attention scores",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def forward(self, scores, mask):
        scores = scores + mask
        scores = ops.maximum(scores, float(ops.finfo(scores.dtype).min))
        return ops.softmax(scores, dim=-1)
""",
            after="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def forward(self, scores, mask):
        scores = scores + mask
        scores = ops.clamp(scores, min=float(ops.finfo(scores.dtype).min))
        return ops.softmax(scores, dim=-1)
""",
        ),
        Example(
            title="another floor",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def forward(self, scores, mask):
        return ops.maximum(scores, mask)
""",
        ),
        Example(
            title="a tensor, whose type may be wider than the scores'",
            before="""\
import mindspore
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def forward(self, scores):
        return ops.maximum(scores, mindspore.tensor(ops.finfo(scores.dtype).min))
""",
            reason="is no plain number",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of `maximum` in a function."""
        if not (context.mentions("maximum") and context.mentions("finfo")):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for call in calls_in_functions(context.tree):
            name = context.qualified_name(call.func) or ""
            if name not in _MAXIMUM or not _has_least(call, context):
                continue
            if len(call.args) != 2 or any(arg.star or arg.keyword for arg in call.args):
                context.skipped(call, name, "its arguments are not written out one by one", _ADVICE)
            elif not _is_number(call.args[1].value, context):
                context.skipped(call, name, "the least value is no plain number", _ADVICE)
            else:
                equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
                floor = call.args[1].with_changes(keyword=cst.Name("min"), equal=equal)
                function = cst.parse_expression(context.use(_MAXIMUM[name]))
                changes[call] = call.with_changes(func=function, args=[call.args[0], floor])
                context.rewritten(call, name, "clamp, which a graph keeps")
        return replace(context.tree, changes)


def _has_least(call: cst.Call, context: PassContext) -> bool:
    """Tell whether an argument has the least number of a type in it."""
    return any(_asked(node, context) for arg in call.args for node in find(arg, cst.Attribute))


def _asked(node: cst.BaseExpression, context: PassContext) -> str:
    """Return the function that `node` asks for a least number, as in `finfo(…).min`; empty where it does not."""
    if not isinstance(node, cst.Attribute) or node.attr.value != "min" or not isinstance(node.value, cst.Call):
        return ""
    name = context.qualified_name(node.value.func) or ""
    return name if name in (*_FINFO, _NUMPY) else ""


def _is_number(node: cst.BaseExpression, context: PassContext) -> bool:
    """Tell whether an expression is a least number of Python's own; NumPy's have a type that counts."""
    if isinstance(node, cst.Call) and len(node.args) == 1 and context.qualified_name(node.func) == "builtins.float":
        return bool(_asked(node.args[0].value, context))
    return _asked(node, context) in _FINFO
