"""GELU that is looked up by name in a table of activations, computed in another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import libcst as cst

from rewriter import Pass, PassContext
from rewriter.tree import find

from .devices import why_not_measured
from .own import outermost_functions, own_definition, with_definition

_OF = '''\
class $name($base):
    """SUMMARY"""

    @classmethod
    def of(cls, layer):
        """Return an activation, made one of these if it is a GELU by the error function on a CPU."""
        if type(layer) is $base$exact and $mindspore.get_context("device_target") == "CPU":
            layer.__class__ = cls
        return layer

'''
BY_NAME = """\
from mindnlp.common.activations import ACT2FN
from mindnlp.core import nn


class Intermediate(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.act = ACT2FN[config.hidden_act]

    def forward(self, states):
        return self.act(states)
"""
"""What the examples of these passes begin with."""


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

    @property
    def name(self) -> str:
        """What the subclass is called: as the layer is, so that a printed model is the same."""
        return self.gelu.rpartition(".")[2]


_TABLES = {
    "mindnlp.common.activations.ACT2FN": _Table("mindnlp.core.nn.GELU", "input", ' and layer.approximate == "none"'),
    "models.common.activations.ACT2FN": _Table("models.common.activations.GELUActivation", "hidden_states"),
}


_NAMES = tuple(table.name for table in _TABLES.values())


class NamedGelu(Pass):
    """Give the GELU that a configuration names to a subclass with a forward of its own, on a CPU.

    Whether it is GELU, and whether the machine is a CPU, is asked when the layer is made, so the file runs everywhere.

    Attributes:
        way: By what the subclass computes it, for a reader: `a sigmoid`.
        summary: First line of the subclass's documentation.
        code: Its forward method, with `$forward`, `$input` and `$mindspore`.
    """

    for_speed = True
    before: ClassVar[tuple[str, ...]] = ("mint", "flatten")
    way: ClassVar[str]
    summary: ClassVar[str]
    code: ClassVar[str]

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
            if reason := why_not_measured(context):
                for node in found:
                    context.skipped(node, name, reason)
            elif found:
                for node in found:
                    context.rewritten(node, name, f"GELU by {self.way}, if it is GELU")
                text = _OF.replace("SUMMARY", self.summary).replace("$exact", table.exact) + self.code
                own = own_definition(context, tree, text.replace("$input", table.input), table.name, base=table.gelu)
                of = cst.Attribute(cst.Name(own.name), cst.Name("of"))
                tree = with_definition(tree, own, {node: cst.Call(of, [cst.Arg(node)]) for node in found})
        return tree


def _made_by(call: cst.Call) -> list[cst.CSTNode]:
    """Return what an earlier run of such a pass gave to its class: `GELU.of(…)`."""
    of = call.func
    if isinstance(of, cst.Attribute) and of.attr.value == "of" and isinstance(of.value, cst.Name):
        return [arg.value for arg in call.args if of.value.value.startswith(_NAMES)]
    return []


def _may_be_gelu(look_up: cst.Subscript) -> bool:
    """Tell whether a look-up by name may find GELU; by a name that is written out it finds that one only."""
    index = look_up.slice[0].slice
    if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString):
        return index.value.evaluated_value == "gelu"
    return True
