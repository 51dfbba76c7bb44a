"""Layers without parameters that are made and called in one expression."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .forwards import module_classes

_FUNCTIONS = {
    "mindnlp.core.nn.Softmax": ("mindnlp.core.nn.functional.softmax", ("dim",)),
    "mindnlp.core.nn.ReLU": ("mindnlp.core.nn.functional.relu", ()),
    "mindnlp.core.nn.Sigmoid": ("mindnlp.core.nn.functional.sigmoid", ()),
    "mindnlp.core.nn.Tanh": ("mindnlp.core.nn.functional.tanh", ()),
    "mindspore.nn.Softmax": ("mindspore.ops.softmax", ("axis",)),
    "mindspore.nn.ReLU": ("mindspore.ops.relu", ()),
    "mindspore.nn.Sigmoid": ("mindspore.ops.sigmoid", ()),
    "mindspore.nn.Tanh": ("mindspore.ops.tanh", ()),
}
"""Layer → (function of the same values, its parameters in the layer's order)."""


class FunctionalLayers(Pass):
    """Write `nn.Softmax(dim=-1)(x)` as `nn.functional.softmax(x, dim=-1)`.

    Making a layer inside a forward runs a `try` of its base class, which STRICT refuses, and does so on every call.
    """

    name = "functional-layers"
    safety = Safety.EXACT
    before = ("mint", "flatten")
    examples = (
        Example(
            title="made and called at once",
            before="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, x):
        x = ops.tanh(x)
        return nn.Softmax(axis=-1)(x)
""",
            after="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, x):
        x = ops.tanh(x)
        return ops.softmax(x, axis=-1)
""",
        ),
        Example(
            title="a layer that is kept",
            before="""\
from mindspore import nn


class Scores(nn.Cell):
    def __init__(self):
        super().__init__()
        self.softmax = nn.Softmax(axis=-1)

    def construct(self, x):
        return self.softmax(x)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class."""
        if not context.mentions(")("):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                for call in find(method.body, cst.Call):
                    made = call.func
                    if not isinstance(made, cst.Call):
                        continue
                    layer = context.qualified_name(made.func) or ""
                    if layer not in _FUNCTIONS:
                        continue
                    new = _functional(call, made, layer, context)
                    if new is None:
                        context.skipped(call, layer, "arguments other than the layer's own and one tensor")
                    else:
                        changes[call] = new
                        context.rewritten(call, layer, _FUNCTIONS[layer][0])
        return replace(context.tree, changes)


def _functional(call: cst.Call, made: cst.Call, layer: str, context: PassContext) -> cst.Call | None:
    function, parameters = _FUNCTIONS[layer]
    if len(call.args) != 1 or call.args[0].star or call.args[0].keyword is not None:
        return None
    if isinstance(call.args[0].value, cst.GeneratorExp):
        return None
    if len(made.args) > len(parameters) or any(arg.star for arg in made.args):
        return None
    named = [
        arg if arg.keyword is not None else arg.with_changes(keyword=cst.Name(parameters[index]), equal=_EQUAL)
        for index, arg in enumerate(made.args)
    ]
    if any(arg.keyword is None or arg.keyword.value not in parameters for arg in named):
        return None
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")) if named else cst.MaybeSentinel.DEFAULT
    first = call.args[0].with_changes(comma=comma)
    name = cst.parse_expression(context.use(function)).with_changes(lpar=made.lpar, rpar=made.rpar)
    return call.with_changes(func=name, args=[first, *named])


_EQUAL = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))
