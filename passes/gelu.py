"""GELU by the error function, with products in the place of a division."""

from __future__ import annotations

from rewriter import Example, Safety

from .named_gelu import BY_NAME, NamedGelu

_CODE = """\
    def $forward(self, $input):
        if $input.dtype != $mindspore.float32:
            return super().$forward($input)
        return $input * (0.5 + 0.5 * $mindspore.ops.erf($input * 0.7071067811865476))
"""


class Gelu(NamedGelu):
    """Compute the GELU that a configuration names by the error function and products alone, on a CPU.

    MindSpore's own divides by the root of two, which takes a CPU longer than a product. Both are equally far from
    GELU in float64. In single precision only; the layer stays an instance of its class. It runs when asked for by name:
    the bits differ, and all-MiniLM-L6-v2 enlarges that to 2.7e-6 in its last hidden state.
    """

    name = "gelu"
    safety = Safety.ROUNDING
    way = "products"
    summary = "GELU by the error function: the same formula without the division."
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
    """GELU by the error function: the same formula without the division."""

    @classmethod
    def of(cls, layer):
        """Return an activation, made one of these if it is a GELU by the error function on a CPU."""
        if type(layer) is nn.GELU and layer.approximate == "none" and mindspore.get_context("device_target") == "CPU":
            layer.__class__ = cls
        return layer

    def forward(self, input):
        if input.dtype != mindspore.float32:
            return super().forward(input)
        return input * (0.5 + 0.5 * mindspore.ops.erf(input * 0.7071067811865476))


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
