"""`x.expand(…)`, which graph mode does not know."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .forwards import module_classes


class Expand(Pass):
    """Write `x.expand(a, b)` as `x.broadcast_to((a, b))`: the same view of the data, and one that STRICT compiles.

    -1 keeps a size in both.
    """

    name = "expand"
    safety = Safety.EXACT
    before = ("mint", "flatten")
    examples = (
        Example(
            title="sizes one by one",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, batch):
        return x.expand(batch, -1, 8)
""",
            after="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, batch):
        return x.broadcast_to((batch, -1, 8))
""",
        ),
        Example(
            title="unpacked sizes cannot be told apart from one",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, sizes):
        return x.expand(*sizes)
""",
            reason="unpacked",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class."""
        if not context.mentions("expand"):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                for call in find(method.body, cst.Call):
                    func = call.func
                    if not (isinstance(func, cst.Attribute) and func.attr.value == "expand" and call.args):
                        continue
                    if context.qualified_name(func) is not None:
                        continue  # a function of some module, not a method of a tensor
                    what = cst.Module([]).code_for_node(call)
                    if any(arg.star or arg.keyword is not None for arg in call.args):
                        context.skipped(call, what, "the sizes are unpacked or named")
                        continue
                    changes[func.attr] = cst.Name("broadcast_to")
                    if not (
                        len(call.args) == 1 and isinstance(call.args[0].value, (cst.Tuple, cst.Attribute, cst.Name))
                    ):
                        elements = [cst.Element(arg.value) for arg in call.args]
                        changes[call.args[0]] = cst.Arg(cst.Tuple(elements))
                        for arg in call.args[1:]:
                            changes[arg] = cst.RemovalSentinel.REMOVE  # type: ignore[assignment]
                    elif not isinstance(call.args[0].value, cst.Tuple):
                        del changes[func.attr]
                        context.skipped(call, what, "the argument may be one size or a tuple of them")
                        continue
                    context.rewritten(call, what, "broadcast_to")
        return replace(context.tree, changes)
