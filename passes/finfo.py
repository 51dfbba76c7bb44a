"""The limits of a floating-point type, as numbers."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .forwards import module_classes

_FINFO = ("mindnlp.core.ops.finfo", "mindspore.ops.finfo")
LIMITS = {"float32": ("-3.4028234663852886e38", "3.4028234663852886e38"), "float16": ("-65504.0", "65504.0")}
"""(smallest, largest) finite value of IEEE 754 binary32 and binary16."""


class Finfo(Pass):
    """Write `finfo(dtype).min` and `.max` as a choice between the numbers of float32 and float16.

    `finfo` asks NumPy, which no graph can hold. Any other type goes on to the original expression.
    """

    name = "finfo"
    safety = Safety.EXACT
    before = ("mint", "flatten")
    examples = (
        Example(
            title="the least value of a tensor's type",
            before="""\
import mindspore
from mindnlp.core import nn, ops


class Mask(nn.Module):
    def forward(self, mask, dtype):
        return (1.0 - mask) * float(ops.finfo(dtype).min)
""",
            after="""\
import mindspore
from mindnlp.core import nn, ops


class Mask(nn.Module):
    def forward(self, mask, dtype):
        return (1.0 - mask) * float((-3.4028234663852886e38 if dtype == mindspore.float32 else -65504.0 if dtype == \
mindspore.float16 else ops.finfo(dtype).min))
""",
        ),
        Example(
            title="another property is left",
            before="""\
import mindspore
from mindnlp.core import nn, ops


class Mask(nn.Module):
    def forward(self, mask, dtype):
        return mask * ops.finfo(dtype).eps
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class."""
        if not context.mentions("finfo"):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                written = {
                    id(part) for choice in find(method.body, cst.IfExp) for part in find(choice.orelse, cst.Attribute)
                }
                for node in find(method.body, cst.Attribute):
                    if id(node) in written:
                        continue  # the last resort of a choice that stands there already
                    call = node.value
                    if node.attr.value not in ("min", "max") or not isinstance(call, cst.Call):
                        continue
                    if context.qualified_name(call.func) not in _FINFO or len(call.args) != 1 or call.args[0].star:
                        continue
                    if (
                        next(find(call.args[0].value, (cst.Call, cst.NamedExpr, cst.Await, cst.Yield)), None)
                        is not None
                    ):
                        context.skipped(node, "finfo", "its argument must not run twice")
                        continue
                    changes[node] = _choice(node, call.args[0].value, context)
                    context.rewritten(node, "finfo", "the numbers of float32 and float16")
        return replace(context.tree, changes)


def _choice(node: cst.Attribute, dtype: cst.BaseExpression, context: PassContext) -> cst.BaseExpression:
    module = cst.Module([])
    side = 0 if node.attr.value == "min" else 1
    name = module.code_for_node(dtype)
    parts = [f"{limits[side]} if {name} == {context.use('mindspore')}.{kind} else" for kind, limits in LIMITS.items()]
    text = " ".join([*parts, module.code_for_node(node)])
    return cst.parse_expression(f"({text})")
