"""Convolutions that cut an image into patches, as a matrix product."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import walk

from .subclasses import Subclass, replace_layers

_TEXT = '''\
class $name($base):
    """Cuts the image into patches and multiplies them by the weight: the stride of this convolution is its kernel."""

    _cut = $ops.Slice()
    _product = $ops.MatMul(transpose_b=True)
    _add_bias = $ops.BiasAdd()

    def $forward(self, IMAGE):
        weight = self.weight
        if IMAGE.ndim != 4 or IMAGE.dtype != $mindspore.float32 or weight.dtype != $mindspore.float32:
            return $base.$forward(self, IMAGE)
        batch, channels, height, width = IMAGE.shape
        size, depth, rows, columns = weight.shape
        down, across = height // rows, width // columns
        if channels != depth or down == 0 or across == 0:
            return $base.$forward(self, IMAGE)
        if height != down * rows or width != across * columns:
            REST
        patches = IMAGE.reshape(batch, channels, down, rows, across, columns).permute(0, 2, 4, 1, 3, 5)
        output = self._product(patches.reshape(-1, channels * rows * columns), weight.reshape(size, -1))
        if self.bias is not None:
            output = self._add_bias(output, self.bias)
        return output.reshape(batch, down, across, size).permute(0, 3, 1, 2)
'''
_CUT = "IMAGE = self._cut(IMAGE, (0, 0, 0, 0), (batch, channels, down * rows, across * columns))"
_CUT_OR_PAD = f"""if self.pad_mode == "same":
                return $base.$forward(self, IMAGE)
            {_CUT}"""
"""What becomes of the edges that fill no patch: `same` of MindSpore's own layer pads them, nothing else does."""

_MINDNLP, _MINT, _OWN = "mindnlp.core.nn.Conv2d", "mindspore.mint.nn.Conv2d", "mindspore.nn.Conv2d"


def _subclass(image: str, rest: str) -> Subclass:
    return Subclass(_TEXT.replace("REST", rest).replace("IMAGE", image), "patches of the image, by one matrix product")


_LAYERS = {_MINDNLP: _subclass("input", _CUT), _MINT: _subclass("input", _CUT), _OWN: _subclass("x", _CUT_OR_PAD)}
_LIKE_TORCH = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")
_PARAMETERS = {
    _MINDNLP: (*_LIKE_TORCH, "padding_mode"),
    _MINT: (*_LIKE_TORCH, "padding_mode"),
    _OWN: (*_LIKE_TORCH[:4], "pad_mode", "padding", "dilation", "group", "has_bias", "weight_init", "bias_init"),
}
"""Layer → its parameters in order, as far as people give them by position."""

_PLAIN = {
    "padding": ("0", "(0, 0)", "'valid'"),
    "dilation": ("1", "(1, 1)"),
    "groups": ("1",),
    "group": ("1",),
    "padding_mode": ("'zeros'",),
    "pad_mode": ("'valid'", "'same'", "'pad'"),
    "data_format": ("'NCHW'",),
}
"""Parameter → what it may be given as, for the convolution to be a product over patches."""


class Patches(Pass):
    """Compute a convolution whose stride is its kernel (the patch embedding of a ViT) as one product of matrices.

    Some CPUs take ten to a hundred times as long for the convolution; on others it is the faster of the two. The layer
    becomes a subclass of itself that comes into the file.

    The mathematics are the same, the order of the sums is not; measured against float64, the product is the nearer one.
    """

    name = "patches"
    safety = Safety.ROUNDING
    for_speed = True
    before = ("mint", "flatten")
    examples = (
        Example(
            title="the patch embedding of CLIP",
            before="""\
from mindnlp.core import nn


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.patch_size = config.patch_size
        self.patch_embedding = nn.Conv2d(
            in_channels=config.num_channels,
            out_channels=config.hidden_size,
            kernel_size=self.patch_size,
            stride=self.patch_size,
            bias=False,
        )

    def forward(self, pixel_values):
        return self.patch_embedding(pixel_values)
""",
            after='''\
from mindnlp.core import nn
import mindspore
from mindspore import ops


class Conv2d(nn.Conv2d):
    """Cuts the image into patches and multiplies them by the weight: the stride of this convolution is its kernel."""

    _cut = ops.Slice()
    _product = ops.MatMul(transpose_b=True)
    _add_bias = ops.BiasAdd()

    def forward(self, input):
        weight = self.weight
        if input.ndim != 4 or input.dtype != mindspore.float32 or weight.dtype != mindspore.float32:
            return nn.Conv2d.forward(self, input)
        batch, channels, height, width = input.shape
        size, depth, rows, columns = weight.shape
        down, across = height // rows, width // columns
        if channels != depth or down == 0 or across == 0:
            return nn.Conv2d.forward(self, input)
        if height != down * rows or width != across * columns:
            input = self._cut(input, (0, 0, 0, 0), (batch, channels, down * rows, across * columns))
        patches = input.reshape(batch, channels, down, rows, across, columns).permute(0, 2, 4, 1, 3, 5)
        output = self._product(patches.reshape(-1, channels * rows * columns), weight.reshape(size, -1))
        if self.bias is not None:
            output = self._add_bias(output, self.bias)
        return output.reshape(batch, down, across, size).permute(0, 3, 1, 2)


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.patch_size = config.patch_size
        self.patch_embedding = Conv2d(
            in_channels=config.num_channels,
            out_channels=config.hidden_size,
            kernel_size=self.patch_size,
            stride=self.patch_size,
            bias=False,
        )

    def forward(self, pixel_values):
        return self.patch_embedding(pixel_values)
''',
        ),
        Example(
            title="patches that overlap",
            before="""\
from mindspore import nn


class Embeddings(nn.Cell):
    def __init__(self):
        super().__init__()
        self.projection = nn.Conv2d(3, 64, kernel_size=7, stride=4, pad_mode="valid")

    def construct(self, x):
        return self.projection(x)
""",
            reason="its stride is not seen to be its kernel",
        ),
        Example(
            title="padding",
            before="""\
from mindspore import nn


class Embeddings(nn.Cell):
    def __init__(self, size, padding):
        super().__init__()
        self.projection = nn.Conv2d(3, 64, size, size, pad_mode="pad", padding=padding)

    def construct(self, x):
        return self.projection(x)
""",
            reason="padding=padding",
        ),
        Example(
            title="another device",
            device="ascend",
            before="""\
from mindnlp.core import nn


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = nn.Conv2d(3, 64, kernel_size=16, stride=16)

    def forward(self, x):
        return self.projection(x)
""",
            reason="not measured for ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every two-dimensional convolution that the file makes."""
        if not context.mentions("Conv2d"):
            return context.tree
        return replace_layers(context, _LAYERS, _why_not)


def _why_not(call: cst.Call, layer: str) -> str:
    """Return why the convolution that `call` makes must stay one; empty when it need not."""
    given = _arguments(call, _PARAMETERS[layer])
    if given is None:
        return "its arguments are not all written out"
    kernel, stride = given.get("kernel_size"), given.get("stride")
    if kernel is None or stride is None or not kernel.deep_equals(stride) or not _is_stable(kernel):
        return "its stride is not seen to be its kernel"
    for name, values in _PLAIN.items():
        if name in given and _code(given[name]) not in values:
            return f"it is made with {name}={_code(given[name])}"
    return ""


def _arguments(call: cst.Call, parameters: tuple[str, ...]) -> dict[str, cst.BaseExpression] | None:
    """Return parameter → argument; None where stars or too many arguments stand."""
    given: dict[str, cst.BaseExpression] = {}
    for index, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and index >= len(parameters)):
            return None
        given[parameters[index] if arg.keyword is None else arg.keyword.value] = arg.value
    return given


def _is_stable(node: cst.BaseExpression) -> bool:
    """Tell whether an expression written twice has one value: it calls nothing."""
    return not any(isinstance(part, (cst.Call, cst.Await, cst.Yield, cst.NamedExpr)) for part in walk(node))


def _code(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.SimpleString):
        return repr(node.evaluated_value)
    return cst.Module([]).code_for_node(node)
