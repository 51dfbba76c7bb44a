"""Layers of `mindspore.mint` that a CPU has no kernels for, as subclasses that compute by operators it has."""

from __future__ import annotations

import functools

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety

from .references import replaced

_MINT = "mindspore.mint.nn."
_NOTE = "the same layer, by operators that a CPU has"

_EMBEDDING = '''\
class $name($base):
    """Looks its vectors up by `gather`, which a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        if self.max_norm is not None:
            return super().$forward(input)
        output = $ops.gather(self.weight, input, 0)
        if self.padding_idx is None:
            return output
        # As in the base class, the vector of the padding learns nothing.
        is_padding = (input == self.padding_idx % self.weight.shape[0]).unsqueeze(-1)
        return $mint.where(is_padding, $ops.stop_gradient(output), output)
'''

_LAYER_NORM = '''\
class $name($base):
    """Normalizes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        weight = $mint.ones(self.normalized_shape, dtype=input.dtype) if self.weight is None else self.weight
        bias = $mint.zeros(self.normalized_shape, dtype=input.dtype) if self.bias is None else self.bias
        axis = input.ndim - len(self.normalized_shape)
        return $ops.LayerNorm(axis, axis, self.eps)(input, weight, bias)[0]
'''

_CONV2D = '''\
class $name($base):
    """Computes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        if self.padding_mode != "zeros":
            return super().$forward(input)
        mode, padding = (self.padding, 0) if isinstance(self.padding, str) else ("pad", self.padding)
        return $ops.conv2d(input, self.weight, self.bias, self.stride, mode, padding, self.dilation, self.groups)
'''

_CONV1D = '''\
class $name($base):
    """Computes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        if self.padding_mode != "zeros":
            return super().$forward(input)
        mode, padding = (self.padding, 0) if isinstance(self.padding, str) else ("pad", self.padding[0])
        stride, dilation = self.stride[0], self.dilation[0]
        return $ops.conv1d(input, self.weight, self.bias, stride, mode, padding, dilation, self.groups)
'''

_BATCH_NORM = '''\
class $name($base):
    """Normalizes by an operator that a CPU has, except in training; the base class needs a kernel that it has not."""

    def $forward(self, input):
        if self.training or self.running_mean is None or self.weight is None:
            return super().$forward(input)
        scale = self.weight / $ops.sqrt(self.running_var + self.eps)
        shape = (1, -1) + (1,) * (input.ndim - 2)
        return input * scale.reshape(shape) + (self.bias - self.running_mean * scale).reshape(shape)
'''

_POOLED = '''\
class $name($base):
    """Takes the means by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        return $ops.OPERATOR(input, self.output_size)
'''

_CROSS_ENTROPY = '''\
class $name($base):
    """Computes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input, target):
        options = self.weight, self.ignore_index, self.reduction, self.label_smoothing
        return $ops.cross_entropy(input, target, *options)
'''

_SQUARED_ERROR = '''\
class $name($base):
    """Computes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input, target):
        return $ops.mse_loss(input, target, self.reduction)
'''

_GELU = '''\
class $name($base):
    """Computes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        return $ops.gelu(input, self.approximate)
'''

_DROPOUT = '''\
class $name($base):
    """Draws by an operator that a CPU has; the base class needs a kernel that it has not."""

    def $forward(self, input):
        if self.inplace:
            return super().$forward(input)
        return $ops.dropout(input, self.p, self.training)
'''

_LAYERS = {
    _MINT + "Embedding": _EMBEDDING,
    _MINT + "LayerNorm": _LAYER_NORM,
    _MINT + "Conv2d": _CONV2D,
    _MINT + "GELU": _GELU,
    _MINT + "Dropout": _DROPOUT,
    _MINT + "Conv1d": _CONV1D,
    _MINT + "BatchNorm1d": _BATCH_NORM,
    _MINT + "BatchNorm2d": _BATCH_NORM,
    _MINT + "AdaptiveAvgPool1d": _POOLED.replace("OPERATOR", "adaptive_avg_pool1d"),
    _MINT + "AdaptiveAvgPool2d": _POOLED.replace("OPERATOR", "adaptive_avg_pool2d"),
    _MINT + "CrossEntropyLoss": _CROSS_ENTROPY,
    _MINT + "MSELoss": _SQUARED_ERROR,
}
"""Layer → the subclass, as `own_definition` takes it. What one does not compute itself it leaves to its base class."""

_UNUSUAL = {
    _MINT + "Embedding": ("max_norm", 3, "None"),
    _MINT + "Conv1d": ("padding_mode", 8, "'zeros'"),
    _MINT + "Conv2d": ("padding_mode", 8, "'zeros'"),
    _MINT + "Dropout": ("inplace", 1, "False"),
}
"""Layer → the parameter, its place, and the only value of it that the subclass computes itself."""


class MintLayers(Pass):
    """Give the layers of `mint` that have no kernel on a CPU a forward method that runs there.

    `mint.nn.Embedding`, `LayerNorm`, `Conv2d`, `GELU`, `Dropout` and others can be made on a CPU, and fail when called.
    Each becomes a subclass of itself that comes into the file: parameters, their names and initial values, settings and
    `isinstance` are those of the base class. On Ascend, where mint has the faster kernels, nothing changes.
    """

    name = "mint-layers"
    safety = Safety.ROUNDING
    after = ("mint-helpers", "functional-layers", "linear", "patches")
    before = ("mint", "flatten")
    examples = (
        Example(
            title="a layer norm, and a class of one's own made of an embedding",
            before="""\
from mindspore import mint, nn


class Positions(mint.nn.Embedding):
    def construct(self, ids, past):
        return super().construct(ids + past)


class Embeddings(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.positions = Positions(config.max_position_embeddings, config.hidden_size)
        self.LayerNorm = mint.nn.LayerNorm((config.hidden_size,), eps=config.layer_norm_eps)

    def construct(self, ids):
        return self.LayerNorm(self.positions(ids, 0))
""",
            after='''\
from mindspore import mint, nn
from mindspore import ops


class Embedding(mint.nn.Embedding):
    """Looks its vectors up by `gather`, which a CPU has; the base class needs a kernel that it has not."""

    def construct(self, input):
        if self.max_norm is not None:
            return super().construct(input)
        output = ops.gather(self.weight, input, 0)
        if self.padding_idx is None:
            return output
        # As in the base class, the vector of the padding learns nothing.
        is_padding = (input == self.padding_idx % self.weight.shape[0]).unsqueeze(-1)
        return mint.where(is_padding, ops.stop_gradient(output), output)


class Positions(Embedding):
    def construct(self, ids, past):
        return super().construct(ids + past)


class LayerNorm(mint.nn.LayerNorm):
    """Normalizes by an operator that a CPU has; the base class needs a kernel that it has not."""

    def construct(self, input):
        weight = mint.ones(self.normalized_shape, dtype=input.dtype) if self.weight is None else self.weight
        bias = mint.zeros(self.normalized_shape, dtype=input.dtype) if self.bias is None else self.bias
        axis = input.ndim - len(self.normalized_shape)
        return ops.LayerNorm(axis, axis, self.eps)(input, weight, bias)[0]


class Embeddings(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.positions = Positions(config.max_position_embeddings, config.hidden_size)
        self.LayerNorm = LayerNorm((config.hidden_size,), eps=config.layer_norm_eps)

    def construct(self, ids):
        return self.LayerNorm(self.positions(ids, 0))
''',
        ),
        Example(
            title="Ascend, which has the kernels",
            device="ascend",
            before="""\
from mindspore import mint, nn


class Head(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.norm = mint.nn.LayerNorm((size,))

    def construct(self, states):
        return self.norm(states)
""",
            reason="mint's own runs on ascend",
        ),
        Example(
            title="padding that the operator does not know",
            before="""\
from mindspore import mint, nn


class Stem(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.projection = mint.nn.Conv2d(3, size, 3, padding=1, padding_mode="reflect")

    def construct(self, image):
        return self.projection(image)
""",
            reason="padding_mode=",
        ),
        Example(
            title="types that are compared",
            before="""\
from mindspore import mint, nn


class Head(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.norm = mint.nn.LayerNorm((size,))
        self.is_plain = type(self.norm) is mint.nn.LayerNorm

    def construct(self, states):
        return self.norm(states)
""",
            reason="compares a type with it",
        ),
        Example(
            title="a question about a layer",
            before="""\
from mindspore import mint, nn


class Head(nn.Cell):
    def construct(self, states):
        return states

    def _init_weights(self, module):
        if isinstance(module, (nn.Dense, mint.nn.Embedding)):
            module.weight.set_data(module.weight.fill(0.0))
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every place that names one of the layers, but where only its type is asked for."""
        tree = context.tree
        if not context.mentions("mint"):
            return tree
        for layer, template in _LAYERS.items():
            if context.mentions(layer.rpartition(".")[2]):
                tree = replaced(context, tree, layer, template, _NOTE, why_not=functools.partial(_why_not, layer))
        return tree


def _why_not(layer: str, call: cst.Call) -> str:
    """Return why a layer that is made like this stays; empty when it need not."""
    if layer not in _UNUSUAL:
        return ""
    parameter, place, usual = _UNUSUAL[layer]
    for index, arg in enumerate(call.args):
        named = arg.keyword.value if arg.keyword is not None else ""
        if named == parameter or (not named and not arg.star and index == place):
            text = cst.Module([]).code_for_node(arg.value)
            if text.replace('"', "'") != usual:
                return f"{parameter}={text}, which the operator does not know"
    return ""
