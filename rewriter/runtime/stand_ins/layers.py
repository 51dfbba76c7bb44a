"""Layers of `mint.nn` that hold an operator themselves: their `construct` is replaced, and nothing else of them.

So parameters, their names and their first values are the layer's own, and what was built before has the stand-in too.
Layers that call a function of `mint` need nothing here. The methods are called `construct` for the sake of the graph
compiler, which reads their source by that name.
"""

from __future__ import annotations

from typing import Any

from mindspore import mint

from . import drawing, images, normalizing, pointwise
from .arranging import pad
from .numbers import floats
from .types import StandIn


class Conv1d:
    """Stands in for `mint.nn.Conv1d`."""

    def construct(self: Any, input: Any) -> Any:
        """Convolve (items, channels, length)."""
        if self.padding_mode != "zeros":
            input = pad(input, self._reversed_padding, self.padding_mode)
            return images.conv1d(input, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return images.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d:
    """Stands in for `mint.nn.Conv2d`."""

    def construct(self: Any, input: Any) -> Any:
        """Convolve (items, channels, rows, columns)."""
        if self.padding_mode != "zeros":
            input = pad(input, self._reversed_padding, self.padding_mode)
            return images.conv2d(input, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return images.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Dropout:
    """Stands in for `mint.nn.Dropout`."""

    def construct(self: Any, input: Any) -> Any:
        """Drop single elements, in training mode."""
        return drawing.dropout(input, self.p, self.training, self.inplace)


class LogSoftmax:
    """Stands in for `mint.nn.LogSoftmax`."""

    def construct(self: Any, x: Any) -> Any:
        """Return the logarithms of the shares along an axis."""
        return normalizing.log_softmax(x, self.dim)


class Hardtanh:
    """Stands in for `mint.nn.Hardtanh`."""

    def construct(self: Any, input: Any) -> Any:
        """Cut off at two numbers."""
        return pointwise.hardtanh(input, self.min_val, self.max_val, self.inplace)


class MSELoss:
    """Stands in for `mint.nn.MSELoss`."""

    def construct(self: Any, input: Any, target: Any) -> Any:
        """Compare by squares."""
        return normalizing.mse_loss(input, target, self.reduction)


class L1Loss:
    """Stands in for `mint.nn.L1Loss`."""

    def construct(self: Any, input: Any, target: Any) -> Any:
        """Compare by distances."""
        return normalizing.l1_loss(input, target, self.reduction)


STAND_INS = {
    "mindspore.mint.nn.Conv1d.construct": StandIn(Conv1d.construct, lambda: mint.nn.Conv1d(2, 2, 2)(floats(1, 2, 2))),
    "mindspore.mint.nn.Conv2d.construct": StandIn(
        Conv2d.construct, lambda: mint.nn.Conv2d(2, 2, 2)(floats(1, 2, 2, 2))
    ),
    "mindspore.mint.nn.Dropout.construct": StandIn(
        Dropout.construct, lambda: mint.nn.Dropout(0.5).set_train()(floats(2))
    ),
    "mindspore.mint.nn.LogSoftmax.construct": StandIn(
        LogSoftmax.construct, lambda: mint.nn.LogSoftmax(-1)(floats(2, 2))
    ),
    "mindspore.mint.nn.Hardtanh.construct": StandIn(Hardtanh.construct, lambda: mint.nn.Hardtanh()(floats(2))),
    "mindspore.mint.nn.MSELoss.construct": StandIn(MSELoss.construct, lambda: mint.nn.MSELoss()(floats(2), floats(2))),
    "mindspore.mint.nn.L1Loss.construct": StandIn(L1Loss.construct, lambda: mint.nn.L1Loss()(floats(2), floats(2))),
}
"""Qualified name of a method → its stand-in."""
