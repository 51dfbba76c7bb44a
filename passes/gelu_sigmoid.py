"""GELU without the error function."""

from __future__ import annotations

from rewriter import Example, Safety

from .named_gelu import BY_NAME, NamedGelu

# Phi(x), the normal distribution, is a sigmoid of x times a polynomial in x². Its coefficients minimise the largest
# error of x Phi(x) on [0, 6], which is 7e-8 before rounding; `tests/passes/test_gelu.py` compares with float64.
_CODE = """\
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
"""


class GeluSigmoid(NamedGelu):
    """Compute the GELU that a configuration names by a sigmoid in the place of the error function, on a CPU.

    In evaluation and single precision only: gradients and other precisions take the original's way. The layer stays an
    instance of its class. It runs when asked for by name: with published weights, where a few activations are large,
    the last hidden state of all-MiniLM-L6-v2 moves by up to 1.3e-5.
    """

    name = "gelu-sigmoid"
    safety = Safety.APPROXIMATE
    on_request = True
    before = ("mint", "flatten", "gelu")
    way = "a sigmoid"
    summary = "GELU by a sigmoid: within 6e-7 of the error function's, which takes a CPU about 1.5 times as long."
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
    """GELU by a sigmoid: within 6e-7 of the error function's, which takes a CPU about 1.5 times as long."""

    @classmethod
    def of(cls, layer):
        """Return an activation, made one of these if it is a GELU by the error function on a CPU."""
        if type(layer) is nn.GELU and layer.approximate == "none" and mindspore.get_context("device_target") == "CPU":
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
