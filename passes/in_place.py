"""Weights that are filled or drawn in place, by item assignment."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .devices import MEASURED

_METHODS = ("zero_", "fill_", "normal_")
_HELPERS = "mindone.models.utils."
"""Its functions whose names end in `_` set a parameter, by the method `set_data`."""


class InPlace(Pass):
    """Write `module.bias.data.zero_()` as `module.bias.data[:] = 0`, and `fill_` and `normal_` in the same way.

    These methods of a Tensor have no kernels on a CPU, so a model that initializes its weights by them cannot be made
    there. What is drawn comes from MindSpore's generator, as before.

    `zeros_(module.bias.data)` becomes `zeros_(module.bias)`, and so do mindone's other functions that set a parameter:
    they call `set_data`, which what `.data` gives has not since MindSpore 2.10, on no device.
    """

    name = "in-place"
    safety = Safety.ROUNDING
    before = ("slices", "mint", "flatten")
    examples = (
        Example(
            title="weights of a layer",
            before="""\
from mindspore import mint, nn


class Model(nn.Cell):
    def _init_weights(self, module):
        if isinstance(module, mint.nn.Embedding):
            module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
            module.weight.data[module.padding_idx].zero_()
        elif isinstance(module, mint.nn.LayerNorm):
            module.bias.data.zero_()
            module.weight.data.fill_(1.0)

    def construct(self, x):
        return x
""",
            after="""\
from mindspore import mint, nn
from mindspore import ops


class Model(nn.Cell):
    def _init_weights(self, module):
        if isinstance(module, mint.nn.Embedding):
            module.weight.data[:] = ops.standard_normal(module.weight.data.shape) * self.config.initializer_range
            module.weight.data[module.padding_idx] = 0
        elif isinstance(module, mint.nn.LayerNorm):
            module.bias.data[:] = 0
            module.weight.data[:] = 1.0

    def construct(self, x):
        return x
""",
        ),
        Example(
            title="what mindone's functions set",
            before="""\
from mindone.models.utils import trunc_normal_, zeros_
from mindspore import nn


class Model(nn.Cell):
    def _init_weights(self, module):
        trunc_normal_(module.weight.data, mean=0.0, std=self.config.initializer_range)
        zeros_(module.bias.data)

    def construct(self, x):
        return x
""",
            after="""\
from mindone.models.utils import trunc_normal_, zeros_
from mindspore import nn


class Model(nn.Cell):
    def _init_weights(self, module):
        trunc_normal_(module.weight, mean=0.0, std=self.config.initializer_range)
        zeros_(module.bias)

    def construct(self, x):
        return x
""",
        ),
        Example(
            title="functions of the file's own, and a parameter that is given as it is",
            before="""\
from mindone.models.utils import ones_
from mindspore import nn


def zeros_(tensor):
    tensor[:] = 0


class Model(nn.Cell):
    def _init_weights(self, module):
        ones_(module.weight)
        zeros_(module.bias.data)

    def construct(self, x):
        return x
""",
        ),
        Example(
            title="what may be no tensor, a value that is used, and a generator",
            before="""\
from mindspore import nn


class Model(nn.Cell):
    def _init_weights(self, module, generator):
        self.states.zero_()
        bias = module.bias.data.zero_()
        module.weight.data.normal_(0.0, 1.0, generator=generator)
        return bias

    def construct(self, x):
        return x
""",
            reason="arguments other than a mean and a deviation",
        ),
        Example(
            title="Ascend, which has the kernels",
            device="ascend",
            before="""\
from mindspore import nn


class Model(nn.Cell):
    def _init_weights(self, module):
        module.bias.data.zero_()

    def construct(self, x):
        return x
""",
            reason="the method runs on ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every statement that is a call of one of these methods, or functions, on the data of something."""
        changes = {**_methods(context), **_helpers(context)}
        return replace(context.tree, changes)


def _methods(context: PassContext) -> dict[cst.CSTNode, cst.CSTNode]:
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    if not context.mentions(*_METHODS):
        return changes
    for statement in find(context.tree, cst.Expr):
        call = statement.value
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
            continue
        method, place = call.func.attr.value, call.func.value
        if method not in _METHODS or not _is_data(place) or context.qualified_name(place) is not None:
            continue
        value = _value(call, method, place, context)
        if context.target.device.value not in MEASURED:
            context.skipped(call, method, f"the method runs on {context.target.device.value}")
        elif not value:
            context.skipped(call, method, "arguments other than a mean and a deviation, or a number")
        else:
            text = _code(place) + ("" if isinstance(place, cst.Subscript) else "[:]")
            target = cst.AssignTarget(cst.ensure_type(cst.parse_expression(text), cst.Subscript))
            changes[statement] = cst.Assign([target], cst.parse_expression(value))
            context.rewritten(call, method, f"{text} = {value}")
    return changes


def _helpers(context: PassContext) -> dict[cst.CSTNode, cst.CSTNode]:
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    for call in find(context.tree, cst.Call) if context.mentions("utils") else ():
        name = context.qualified_name(call.func) or ""
        place = call.args[0].value if call.args else None
        if not (name.startswith(_HELPERS) and name.endswith("_")) or not isinstance(place, cst.Attribute):
            continue
        if _is_data(place) and context.qualified_name(place) is None:
            changes[place] = place.value
            context.rewritten(call, name, f"given {_code(place.value)}, which has set_data")
    return changes


def _is_data(place: cst.BaseExpression) -> bool:
    """Tell whether an expression is `NAMES.data`, or one item of it, so that it may be written twice."""
    if isinstance(place, cst.Subscript):
        index = place.slice[0].slice if len(place.slice) == 1 else None
        plain = isinstance(index, cst.Index) and isinstance(index.value, (cst.Name, cst.Attribute, cst.Integer))
        return plain and _is_data(place.value)
    if not isinstance(place, cst.Attribute) or place.attr.value != "data":
        return False
    return not any(isinstance(part, (cst.Call, cst.Subscript)) for part in find(place, cst.BaseExpression))


def _value(call: cst.Call, method: str, place: cst.BaseExpression, context: PassContext) -> str:
    """Return the text of what is assigned; empty where the arguments are not known."""
    names = {"zero_": (), "fill_": ("value",), "normal_": ("mean", "std")}[method]
    given: dict[str, str] = {}
    for index, arg in enumerate(call.args):
        name = arg.keyword.value if arg.keyword is not None else names[index] if index < len(names) else ""
        if arg.star or name not in names or name in given:
            return ""
        given[name] = _code(arg.value) if isinstance(arg.value, _ATOMS) else f"({_code(arg.value)})"
    if method != "normal_":
        return "0" if method == "zero_" else given.get("value", "")
    drawn = f"{context.use('mindspore.ops.standard_normal')}({_code(place)}.shape)"
    deviation = f" * {given['std']}" if given.get("std", "1") not in ("1", "1.0") else ""
    mean = f" + {given['mean']}" if given.get("mean", "0") not in ("0", "0.0") else ""
    return drawn + deviation + mean


_ATOMS = (cst.Name, cst.Attribute, cst.Integer, cst.Float, cst.Call, cst.Subscript)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)
