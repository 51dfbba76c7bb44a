"""Activation cells and the table that finds one by its name in a configuration."""

from collections.abc import Iterator, Mapping

import mindspore
from mindspore import nn, ops


class GELUActivation(nn.Cell):
    """GELU by the error function."""

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        return ops.gelu(hidden_states, approximate="none")


class NewGELUActivation(nn.Cell):
    """GELU by the tanh formula."""

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        return ops.gelu(hidden_states, approximate="tanh")


class QuickGELUActivation(nn.Cell):
    """GELU by a sigmoid, as the published CLIP weights expect it."""

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        return hidden_states * ops.sigmoid(1.702 * hidden_states)


class SiLUActivation(nn.Cell):
    """x * sigmoid(x)."""

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        return hidden_states * ops.sigmoid(hidden_states)


class TanhActivation(nn.Cell):
    """tanh by the sigmoid.

    The CPU kernel of MindSpore 2.10 answers 1 from 5 on, which is off by up to 1e-4; this is off by 2e-6 at most.
    """

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        return 2.0 * ops.sigmoid(2.0 * hidden_states) - 1.0


class LinearActivation(nn.Cell):
    """The identity."""

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        return hidden_states


class ActivationTable(Mapping[str, nn.Cell]):
    """Name to activation: every look-up builds a new cell, so that two layers never share one."""

    def __init__(self, classes: dict[str, type[nn.Cell]]) -> None:
        self._classes = classes

    def __getitem__(self, name: str) -> nn.Cell:
        if name not in self._classes:
            raise KeyError(f"unknown activation {name!r}; known are: {', '.join(sorted(self._classes))}")
        return self._classes[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


ACT2FN = ActivationTable(
    {
        "gelu": GELUActivation,
        "gelu_new": NewGELUActivation,
        "gelu_pytorch_tanh": NewGELUActivation,
        "linear": LinearActivation,
        "quick_gelu": QuickGELUActivation,
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "silu": SiLUActivation,
        "swish": SiLUActivation,
        "tanh": TanhActivation,
    }
)
