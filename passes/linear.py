"""Linear layers as a product of matrices."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety

from .subclasses import Subclass, replace_layers

_TEXT = '''\
class $name($base):
    """Multiplies matrices, which a CPU does faster, outside of graphs, than what the base class calls."""

    _product = $ops.MatMul(transpose_b=True)
    _add_bias = $ops.BiasAdd()

    @$ops.constexpr(check=False)
    def _shapes(dtype, shape, of_weight):
        """Return those of the matrix and of the output; None for what the base class computes, as open sizes are."""
        if dtype != $mindspore.float32 or shape is None or None in shape:
            return None
        return (-1, shape[-1]), (*shape[:-1], of_weight[0])

    def $forward(self, input):
        shapes = self._shapes(getattr(input, "dtype", None), getattr(input, "shape", None), self.weight.shape)
        if shapes is None:
            return super().$forward(input)
        output = self._product(input.reshape(shapes[0]), self.weight)
        if self.bias is not None:
            # Of a bias that was assigned a longer value, the operator sees the old length; of a view the new one.
            output = self._add_bias(output, self.bias.view(-1))
        return output.reshape(shapes[1])
'''
_NOTE = "a product of matrices and a bias"
_LAYERS = {
    "mindnlp.core.nn.Linear": Subclass(_TEXT, _NOTE),
    # Who writes mint has an Ascend in mind, where its own layer is the one to take.
    "mindspore.mint.nn.Linear": Subclass(_TEXT, _NOTE, devices=("cpu",)),
}
"""`mindspore.nn.Dense` multiplies matrices already."""


class Linear(Pass):
    """Compute a linear layer by `MatMul` and `BiasAdd`, as MindSpore's own `nn.Dense` does.

    mindnlp's and mint's layers call `dense`, which takes about twice as long on a CPU in eager mode; in a graph they
    are level, and with AVX-512 MindSpore's compiler joins the two operators. The layer becomes a subclass of itself
    that comes into the file.
    """

    name = "linear"
    safety = Safety.ROUNDING
    for_speed = True
    before = ("mint", "flatten")
    examples = (
        Example(
            title="a layer of mindnlp",
            before="""\
from mindnlp.core import nn, ops


class Pooler(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        return ops.tanh(self.dense(states))
""",
            after='''\
from mindnlp.core import nn, ops
import mindspore
from mindspore import ops as ms_ops


class Linear(nn.Linear):
    """Multiplies matrices, which a CPU does faster, outside of graphs, than what the base class calls."""

    _product = ms_ops.MatMul(transpose_b=True)
    _add_bias = ms_ops.BiasAdd()

    @ms_ops.constexpr(check=False)
    def _shapes(dtype, shape, of_weight):
        """Return those of the matrix and of the output; None for what the base class computes, as open sizes are."""
        if dtype != mindspore.float32 or shape is None or None in shape:
            return None
        return (-1, shape[-1]), (*shape[:-1], of_weight[0])

    def forward(self, input):
        shapes = self._shapes(getattr(input, "dtype", None), getattr(input, "shape", None), self.weight.shape)
        if shapes is None:
            return super().forward(input)
        output = self._product(input.reshape(shapes[0]), self.weight)
        if self.bias is not None:
            # Of a bias that was assigned a longer value, the operator sees the old length; of a view the new one.
            output = self._add_bias(output, self.bias.view(-1))
        return output.reshape(shapes[1])


class Pooler(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        return ops.tanh(self.dense(states))
''',
        ),
        Example(
            title="one that multiplies matrices already",
            before="""\
from mindspore import nn


class Pooler(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.dense = nn.Dense(size, size)

    def construct(self, states):
        return self.dense(states)
""",
        ),
        Example(
            title="types that are compared",
            before="""\
from mindnlp.core import nn


class Head(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.dense = nn.Linear(size, size)
        self.is_plain = type(self.dense) is nn.Linear

    def forward(self, states):
        return self.dense(states)
""",
            reason="compares a type with it",
        ),
        Example(
            title="mint, on every device",
            before="""\
from mindspore import mint, nn


class Head(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.dense = mint.nn.Linear(size, size)

    def construct(self, states):
        return self.dense(states)
""",
            reason="not measured for portable",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every linear layer that the file makes."""
        if not context.mentions("Linear"):
            return context.tree
        return replace_layers(context, _LAYERS, lambda call, layer: "")
