"""GELU without the error function."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find

from .own import outermost_functions, own_definition, with_definition

# Phi(x), the normal distribution, is a sigmoid of x times a polynomial in x². Its coefficients minimise the largest
# error of x Phi(x) on [0, 6], which is 7e-8 before rounding; `tests/passes/test_gelu.py` compares with float64.
_TEXT = '''\
class $name($base):
    """GELU by a sigmoid: within 6e-7 of the error function's, which takes a CPU about 1.5 times as long."""

    @classmethod
    def of(cls, layer):
        """Return an activation, made one of these if it is a GELU by the error function."""
        if type(layer) is $base$exact:
            layer.__class__ = cls
        return layer

    def $forward(self, $input):
        if self.training or $input.dtype != $mindspore.float32:
            return super().$forward($input)
        square = $input * $input
        power = 3.611265e-9 * square - 2.668943e-7
        power = power * square + 7.938242e-6
        power = power * square - 1.1048049e-4
        power = power * square - 6.625939e-5
        power = power * square + 7.2668566e-2
        power = power * square + 1.5957684
        return $input * $mindspore.ops.sigmoid(power * $input)
'''


_NAME = "GELUBySigmoid"


@dataclass(frozen=True)
class _Table:
    """A table of activations by name, which makes a new one at each look-up.

    Attributes:
        gelu: Qualified name of the class that computes GELU by the error function.
        input: The parameter of its forward.
        exact: What else must hold for a layer of that class to do so.
    """

    gelu: str
    input: str
    exact: str = ""


_TABLES = {
    "mindnlp.common.activations.ACT2FN": _Table("mindnlp.core.nn.GELU", "input", ' and layer.approximate == "none"'),
    "models.common.activations.ACT2FN": _Table("models.common.activations.GELUActivation", "hidden_states"),
}


class Gelu(Pass):
    """Compute the GELU that a configuration names by a sigmoid in the place of the error function, on a CPU.

    In evaluation and single precision only: gradients and other precisions take the original's way. The layer stays an
    instance of its class. It runs when asked for by name: with published weights, where a few activations are large,
    the last hidden state of all-MiniLM-L6-v2 moves by up to 1.3e-5.
    """

    name = "gelu"
    safety = Safety.APPROXIMATE
    for_speed = True
    before = ("mint", "flatten")
    examples = (
        Example(
            title="for a CPU",
            device="cpu",
            before="""\
from mindnlp.common.activations import ACT2FN
from mindnlp.core import nn


class Intermediate(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.act = ACT2FN[config.hidden_act]

    def forward(self, states):
        return self.act(states)
""",
            after='''\
from mindnlp.common.activations import ACT2FN
from mindnlp.core import nn
import mindspore


class GELUBySigmoid(nn.GELU):
    """GELU by a sigmoid: within 6e-7 of the error function's, which takes a CPU about 1.5 times as long."""

    @classmethod
    def of(cls, layer):
        """Return an activation, made one of these if it is a GELU by the error function."""
        if type(layer) is nn.GELU and layer.approximate == "none":
            layer.__class__ = cls
        return layer

    def forward(self, input):
        if self.training or input.dtype != mindspore.float32:
            return super().forward(input)
        square = input * input
        power = 3.611265e-9 * square - 2.668943e-7
        power = power * square + 7.938242e-6
        power = power * square - 1.1048049e-4
        power = power * square - 6.625939e-5
        power = power * square + 7.2668566e-2
        power = power * square + 1.5957684
        return input * mindspore.ops.sigmoid(power * input)


class Intermediate(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.act = GELUBySigmoid.of(ACT2FN[config.hidden_act])

    def forward(self, states):
        return self.act(states)
''',
        ),
        Example(
            title="for all devices",
            before="""\
from mindnlp.common.activations import ACT2FN
from mindnlp.core import nn


class Intermediate(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.act = ACT2FN[config.hidden_act]

    def forward(self, states):
        return self.act(states)
""",
            reason="faster on a CPU only",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every activation that is looked up in a table."""
        if not context.mentions("ACT2FN"):
            return context.tree
        tree = context.tree
        functions = list(outermost_functions(tree))
        done = {arg for function in functions for call in find(function.body, cst.Call) for arg in _made_by(call)}
        look_ups = [node for function in functions for node in find(function.body, cst.Subscript) if node not in done]
        for name, table in _TABLES.items():
            found = [node for node in look_ups if context.qualified_name(node.value) == name and _may_be_gelu(node)]
            if context.target.device.value != "cpu":
                for node in found:
                    context.skipped(node, name, "it would be faster on a CPU only")
            elif found:
                for node in found:
                    context.rewritten(node, name, "GELU by a sigmoid, if it is GELU")
                text = _TEXT.replace("$exact", table.exact).replace("$input", table.input)
                own = own_definition(context, tree, text, _NAME, base=table.gelu)
                of = cst.Attribute(cst.Name(own.name), cst.Name("of"))
                tree = with_definition(tree, own, {node: cst.Call(of, [cst.Arg(node)]) for node in found})
        return tree


def _made_by(call: cst.Call) -> list[cst.CSTNode]:
    """Return what an earlier run of the pass gave to the class: `GELUBySigmoid.of(…)`."""
    of = call.func
    if isinstance(of, cst.Attribute) and isinstance(of.value, cst.Name) and of.value.value.startswith(_NAME):
        return [arg.value for arg in call.args]
    return []


def _may_be_gelu(look_up: cst.Subscript) -> bool:
    """Tell whether a look-up by name may find GELU; by a name that is written out it finds that one only."""
    index = look_up.slice[0].slice
    if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString):
        return index.value.evaluated_value == "gelu"
    return True
