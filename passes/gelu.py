"""GELU by the error function, with a faster division."""

from __future__ import annotations

from rewriter import Example, Safety

from .named_gelu import BY_NAME, NamedGelu

_CODE = """\
    def $forward(self, $input):
        if $input.dtype != $mindspore.float32:
            return super().$forward($input)
        return $input * ($mindspore.ops.erf($mindspore.ops.RealDiv()($input, 1.4142135623730951)) + 1.0) * 0.5
"""


class Gelu(NamedGelu):
    """Compute the GELU that a configuration names with `RealDiv` in the place of `Div`, on a CPU.

    MindSpore's own divides by the root of two with an operator that takes a CPU more than twice as long, and memory for
    as long as the graph lives. The bits are the same. In single precision only; the layer stays an instance of its
    class.
    """

    name = "gelu"
    safety = Safety.EXACT
    way = "a faster division"
    summary = "GELU by the same formula, divided by an operator that is faster on a CPU."
    code = _CODE
    examples = (
        Example(
            title="for a CPU",
            device="cpu",
            before=BY_NAME,
            after='''\
from mindnlp.common.activations import ACT2FN
from mindnlp.core import nn
import mindspore


class GELU(nn.GELU):
    """GELU by the same formula, divided by an operator that is faster on a CPU."""

    @classmethod
    def of(cls, layer):
        """Return an activation, made one of these if it is a GELU by the error function on a CPU."""
        if type(layer) is nn.GELU and layer.approximate == "none" and mindspore.get_context("device_target") == "CPU":
            layer.__class__ = cls
        return layer

    def forward(self, input):
        if input.dtype != mindspore.float32:
            return super().forward(input)
        return input * (mindspore.ops.erf(mindspore.ops.RealDiv()(input, 1.4142135623730951)) + 1.0) * 0.5


class Intermediate(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.act = GELU.of(ACT2FN[config.hidden_act])

    def forward(self, states):
        return self.act(states)
''',
        ),
        Example(
            title="for Ascend",
            device="ascend",
            before=BY_NAME,
            reason="not measured for ascend",
        ),
    )
