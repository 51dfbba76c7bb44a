"""The limits of a floating-point type, as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .own import outermost_functions

_FINFO = ("mindnlp.core.ops.finfo", "mindspore.ops.finfo")
_NUMPY, _AS_NUMPY = "numpy.finfo", ("mindspore.dtype_to_nptype",)
LIMITS = {"float32": ("-3.4028234663852886e38", "3.4028234663852886e38"), "float16": ("-65504.0", "65504.0")}
"""(smallest, largest) finite value of IEEE 754 binary32 and binary16."""


class Finfo(Pass):
    """Write `finfo(dtype).min` and `.max` as a choice between the numbers of float32 and float16.

    `finfo` asks NumPy, which no graph can hold. Any other type goes on to the original expression; so does float16
    where the file asks NumPy itself, for that gives a number of 16 bits.
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
            title="NumPy asked directly",
            before="""\
import mindspore
import numpy as np
from mindnlp.core import nn, ops


class Mask(nn.Module):
    def forward(self, mask):
        return (1.0 - mask) * mindspore.tensor(np.finfo(mindspore.dtype_to_nptype(mask.dtype)).min)
""",
            after="""\
import mindspore
import numpy as np
from mindnlp.core import nn, ops


class Mask(nn.Module):
    def forward(self, mask):
        return (1.0 - mask) * mindspore.tensor((-3.4028234663852886e38 if mask.dtype == mindspore.float32 else \
np.finfo(mindspore.dtype_to_nptype(mask.dtype)).min))
""",
        ),
        Example(
            title="a type of NumPy's own",
            before="""\
import numpy as np
from mindnlp.core import nn, ops


class Mask(nn.Module):
    def forward(self, mask, dtype):
        return mask * np.finfo(dtype).min
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
        """Look at every function and method."""
        if not context.mentions("finfo"):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for function in outermost_functions(context.tree):
            written = {
                id(part) for choice in find(function.body, cst.IfExp) for part in find(choice.orelse, cst.Attribute)
            }
            for node in find(function.body, cst.Attribute):
                if id(node) in written:
                    continue  # the last resort of a choice that stands there already
                call = node.value
                if node.attr.value not in ("min", "max") or not isinstance(call, cst.Call):
                    continue
                kinds = tuple(LIMITS)
                dtype = _argument(call, _FINFO, context)
                if dtype is None and (given := _argument(call, (_NUMPY,), context)) is not None:
                    dtype, kinds = _argument(given, _AS_NUMPY, context), ("float32",)
                if dtype is None:
                    continue
                if next(find(dtype, (cst.Call, cst.NamedExpr, cst.Await, cst.Yield)), None) is not None:
                    context.skipped(node, "finfo", "its argument must not run twice")
                    continue
                changes[node] = _choice(node, dtype, kinds, context)
                context.rewritten(node, "finfo", f"the numbers of {' and '.join(kinds)}")
        return replace(context.tree, changes)


def _argument(node: cst.CSTNode, functions: Sequence[str], context: PassContext) -> cst.BaseExpression | None:
    """Return the only argument of a call of one of `functions`; None for anything else."""
    if not isinstance(node, cst.Call) or len(node.args) != 1 or node.args[0].star:
        return None
    return node.args[0].value if context.qualified_name(node.func) in functions else None


def _choice(
    node: cst.Attribute, dtype: cst.BaseExpression, kinds: Sequence[str], context: PassContext
) -> cst.BaseExpression:
    module = cst.Module([])
    side = 0 if node.attr.value == "min" else 1
    name = module.code_for_node(dtype)
    parts = [f"{LIMITS[kind][side]} if {name} == {context.use('mindspore')}.{kind} else" for kind in kinds]
    text = " ".join([*parts, module.code_for_node(node)])
    return cst.parse_expression(f"({text})")
