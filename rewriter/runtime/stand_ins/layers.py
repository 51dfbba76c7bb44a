"""Layers of `mint.nn` that hold an operator themselves: their `construct` is replaced, and nothing else of them.

So parameters, their names and their first values are the layer's own, and what was built before has the stand-in too.
Layers that call a function of `mint` need nothing here.
"""

from __future__ import annotations

from typing import Any

from mindspore import mint

from . import drawing, images, normalizing, pointwise
from .arranging import pad
from .numbers import floats
from .types import StandIn


def conv1d(self: Any, input: Any) -> Any:
    """Stand in for `mint.nn.Conv1d.construct`."""
    if self.padding_mode != "zeros":
        input = pad(input, self._reversed_padding, self.padding_mode)
        return images.conv1d(input, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
    return images.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def conv2d(self: Any, input: Any) -> Any:
    """Stand in for `mint.nn.Conv2d.construct`."""
    if self.padding_mode != "zeros":
        input = pad(input, self._reversed_padding, self.padding_mode)
        return images.conv2d(input, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
    return images.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def dropout(self: Any, input: Any) -> Any:
    """Stand in for `mint.nn.Dropout.construct`."""
    return drawing.dropout(input, self.p, self.training, self.inplace)


def log_softmax(self: Any, x: Any) -> Any:
    """Stand in for `mint.nn.LogSoftmax.construct`."""
    return normalizing.log_softmax(x, self.dim)


def hardtanh(self: Any, input: Any) -> Any:
    """Stand in for `mint.nn.Hardtanh.construct`."""
    return pointwise.hardtanh(input, self.min_val, self.max_val, self.inplace)


def mse_loss(self: Any, input: Any, target: Any) -> Any:
    """Stand in for `mint.nn.MSELoss.construct`."""
    return normalizing.mse_loss(input, target, self.reduction)


def l1_loss(self: Any, input: Any, target: Any) -> Any:
    """Stand in for `mint.nn.L1Loss.construct`."""
    return normalizing.l1_loss(input, target, self.reduction)


def _drop(layer: Any, *shape: int) -> Any:
    return layer.set_train()(floats(*shape))


STAND_INS = {
    "mindspore.mint.nn.Conv1d.construct": StandIn(conv1d, lambda: mint.nn.Conv1d(2, 2, 2)(floats(1, 2, 2))),
    "mindspore.mint.nn.Conv2d.construct": StandIn(conv2d, lambda: mint.nn.Conv2d(2, 2, 2)(floats(1, 2, 2, 2))),
    "mindspore.mint.nn.Dropout.construct": StandIn(dropout, lambda: _drop(mint.nn.Dropout(0.5), 2)),
    "mindspore.mint.nn.LogSoftmax.construct": StandIn(log_softmax, lambda: mint.nn.LogSoftmax(-1)(floats(2, 2))),
    "mindspore.mint.nn.Hardtanh.construct": StandIn(hardtanh, lambda: mint.nn.Hardtanh()(floats(2))),
    "mindspore.mint.nn.MSELoss.construct": StandIn(mse_loss, lambda: mint.nn.MSELoss()(floats(2), floats(2))),
    "mindspore.mint.nn.L1Loss.construct": StandIn(l1_loss, lambda: mint.nn.L1Loss()(floats(2), floats(2))),
}
"""Qualified name of a method → its stand-in."""
