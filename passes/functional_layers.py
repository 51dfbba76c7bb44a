"""Layers without parameters that a forward makes and calls."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .devices import MEASURED
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
"""Layer of one tensor → (function of the same values, its parameters in the layer's order)."""
_OPTIONS = frozenset({"weight", "ignore_index", "reduction", "label_smoothing"})
_LOSSES = {
    "mindnlp.core.nn.BCEWithLogitsLoss": (
        "mindnlp.core.nn.functional.binary_cross_entropy_with_logits",
        frozenset({"weight", "reduction", "pos_weight"}),
    ),
    "mindnlp.core.nn.CrossEntropyLoss": ("mindnlp.core.nn.functional.cross_entropy", _OPTIONS),
    "mindnlp.core.nn.L1Loss": ("mindnlp.core.nn.functional.l1_loss", frozenset({"reduction"})),
    "mindnlp.core.nn.MSELoss": ("mindnlp.core.nn.functional.mse_loss", frozenset({"reduction"})),
    "mindspore.nn.CrossEntropyLoss": ("mindspore.ops.cross_entropy", _OPTIONS),
    "mindspore.mint.nn.BCEWithLogitsLoss": (
        "mindspore.mint.nn.functional.binary_cross_entropy_with_logits",
        frozenset({"weight", "reduction", "pos_weight"}),
    ),
    "mindspore.mint.nn.CrossEntropyLoss": ("mindspore.mint.nn.functional.cross_entropy", _OPTIONS),
    "mindspore.mint.nn.MSELoss": ("mindspore.mint.nn.functional.mse_loss", frozenset({"reduction"})),
}
"""Layer of two tensors → (function of the same values, the keywords that they share)."""

_WITH_KERNEL = {
    "mindspore.mint.nn.functional.cross_entropy": "mindspore.ops.cross_entropy",
    "mindspore.mint.nn.functional.mse_loss": "mindspore.ops.mse_loss",
}
"""What takes the place of a function that a CPU has no kernel for; the API table has it for calls of the function."""


class FunctionalLayers(Pass):
    """Write `nn.Softmax(dim=-1)(x)` as `nn.functional.softmax(x, dim=-1)`, and a loss as its function.

    Making a layer inside a forward runs a `try` of its base class, which STRICT refuses, and does so on every call.
    A loss that a forward keeps under a local name and only calls becomes the function under that name.
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
            title="a loss under a local name",
            before="""\
from mindnlp.core import nn
from mindnlp.core.nn import CrossEntropyLoss


class Head(nn.Module):
    def forward(self, logits, labels):
        loss = None
        if labels is not None:
            loss_fct = CrossEntropyLoss()
            loss = loss_fct(logits.view(-1, 2), labels.view(-1))
        return loss
""",
            after="""\
from mindnlp.core import nn


class Head(nn.Module):
    def forward(self, logits, labels):
        loss = None
        if labels is not None:
            loss_fct = nn.functional.cross_entropy
            loss = loss_fct(logits.view(-1, 2), labels.view(-1))
        return loss
""",
        ),
        Example(
            title="a loss with an option",
            before="""\
from mindspore import nn, ops


class Head(nn.Cell):
    def construct(self, logits, labels):
        loss_fct = nn.CrossEntropyLoss(ignore_index=logits.shape[1])
        return loss_fct(ops.relu(logits), labels)
""",
            after="""\
from mindspore import nn, ops
import functools


class Head(nn.Cell):
    def construct(self, logits, labels):
        loss_fct = functools.partial(ops.cross_entropy, ignore_index=logits.shape[1])
        return loss_fct(ops.relu(logits), labels)
""",
        ),
        Example(
            title="a loss that is asked for more than its value",
            before="""\
from mindnlp.core import nn


class Head(nn.Module):
    def forward(self, logits, labels):
        loss_fct = nn.CrossEntropyLoss()
        return loss_fct(logits, labels), loss_fct.reduction
""",
            reason="does more with it than call it",
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
        if not context.mentions(")(", "Loss("):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                for node in find(method.body, (cst.Call, cst.Assign)):
                    if isinstance(node, cst.Call):
                        _called_at_once(node, context, changes)
                    elif isinstance(node, cst.Assign):
                        _kept_loss(node, method, context, changes)
        return replace(context.tree, changes)


def _called_at_once(call: cst.Call, context: PassContext, changes: dict[cst.CSTNode, cst.CSTNode]) -> None:
    made = call.func
    if not isinstance(made, cst.Call):
        return
    layer = context.qualified_name(made.func) or ""
    if layer not in _FUNCTIONS:
        return
    new = _functional(call, made, layer, context)
    if new is None:
        context.skipped(call, layer, "arguments other than the layer's own and one tensor")
    else:
        changes[call] = new
        context.rewritten(call, layer, _FUNCTIONS[layer][0])


def _kept_loss(
    assignment: cst.Assign, method: cst.FunctionDef, context: PassContext, changes: dict[cst.CSTNode, cst.CSTNode]
) -> None:
    made, target = assignment.value, assignment.targets[0].target
    if not isinstance(made, cst.Call) or not isinstance(target, cst.Name) or len(assignment.targets) > 1:
        return
    layer = context.qualified_name(made.func) or ""
    if layer not in _LOSSES:
        return
    function, options = _LOSSES[layer]
    if context.target.device.value in MEASURED:
        function = _WITH_KERNEL.get(function, function)
    if not all(arg.keyword is not None and arg.keyword.value in options for arg in made.args):
        context.skipped(assignment, layer, "arguments that the function has no keyword for")
    elif not _is_only_called(target.value, method):
        context.skipped(assignment, layer, "the method does more with it than call it with two tensors")
    else:
        called = cst.parse_expression(context.use(function))
        if made.args:
            partial = cst.parse_expression(context.use("functools.partial"))
            changes[made] = made.with_changes(func=partial, args=[cst.Arg(called, comma=_COMMA), *made.args])
        else:
            changes[made] = called.with_changes(lpar=made.lpar, rpar=made.rpar)
        context.rewritten(assignment, layer, function)


def _is_only_called(name: str, method: cst.FunctionDef) -> bool:
    """Tell whether a method uses a local name as the target of `=` and as what it calls with two tensors, no more."""
    allowed: set[cst.CSTNode] = {target.target for target in find(method, cst.AssignTarget)}
    allowed.update(node.attr for node in find(method, cst.Attribute))
    allowed.update(arg.keyword for arg in find(method, cst.Arg) if arg.keyword is not None)
    for call in find(method, cst.Call):
        if len(call.args) == 2 and not any(arg.star or arg.keyword for arg in call.args):
            allowed.add(call.func)
    return all(node in allowed for node in find(method, cst.Name) if node.value == name)


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
    comma = _COMMA if named else cst.MaybeSentinel.DEFAULT
    first = call.args[0].with_changes(comma=comma)
    name = cst.parse_expression(context.use(function)).with_changes(lpar=made.lpar, rpar=made.rpar)
    return call.with_changes(func=name, args=[first, *named])


_EQUAL = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))
_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
