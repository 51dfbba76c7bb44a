"""Calls of functions and layers of mint's that passes write anew, as PyTorch and the tests run them alike.

`mint` is `torch` or `mindspore.mint`, `functional` is `nn.functional`, `layers` is `nn`.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors that the calls name."""
    random = np.random.RandomState(0)
    return {
        "x": random.randn(2, 3, 4).astype(np.float32),
        "y": random.randn(2, 3, 4).astype(np.float32),
        "far": (40 * random.randn(3, 4)).astype(np.float32),
        "n": random.randint(0, 9, (2, 3, 4)).astype(np.int32),
        "b": random.rand(2, 3, 4) > 0.5,
        "w": random.randn(4).astype(np.float32),
        "image": random.randn(2, 3, 8, 10).astype(np.float32),
        "rows": random.randn(5, 4).astype(np.float32),
        "labels": np.array([0, 3, 2, 1, 2]),
    }


CALLS = (
    "mint.cumsum(x, 1)",
    "mint.cumsum(n, dim=-1)",
    "mint.cumsum(b, 0)",
    "mint.topk(x, 2)",
    "mint.topk(x, 2, dim=1, largest=False)",
    "mint.full((2, 3), 7)",
    "mint.full((2,), 0.5)",
    "mint.full((2, 1), True)",
    "mint.roll(x, 1)",
    "mint.roll(x, -5, dims=2)",
    "mint.roll(x, shifts=(1, -2), dims=(0, -1))",
    "mint.roll(x, 3, 1)",
    "mint.clone(x)",
    "mint.linspace(0, 1, 5)",
    "mint.linspace(-2.5, 2, steps=4, dtype=float64)",
    "mint.linalg.norm(x, dim=-1)",
    "mint.linalg.norm(x, ord=1, dim=1, keepdim=True)",
    "functional.normalize(x)",
    "functional.normalize(x, dim=-1)",
    "functional.normalize(x * 0, p=1.0, dim=-1)",
    "functional.layer_norm(x, (4,))",
    "functional.layer_norm(x, (3, 4), eps=0.1)",
    "functional.layer_norm(x, (4,), w, w)",
    "functional.l1_loss(x, y)",
    "functional.l1_loss(x, y, reduction='sum')",
    "functional.logsigmoid(x)",
    "functional.logsigmoid(far)",
    "functional.interpolate(image, size=(12, 7))",
    "functional.interpolate(image, scale_factor=2.0)",
    "functional.interpolate(image, size=(5, 20), mode='bilinear')",
    "functional.interpolate(image, size=(5, 20), mode='bilinear', align_corners=True)",
    "functional.interpolate(image, size=(12, 7), mode='bicubic', align_corners=False)",
    "functional.interpolate(image, size=(3, 25), mode='bicubic', align_corners=True)",
    "functional.interpolate(image, scale_factor=(1.5, 0.5), mode='bicubic')",
    "functional.interpolate(image, size=6, mode='bicubic')",
)
"""Each gives a tensor or several."""

GRADIENTS = (
    "mint.cumsum(x, 1)",
    "mint.topk(x, 2)",
    "mint.roll(x, 1)",
    "mint.clone(x)",
    "functional.normalize(x, dim=-1)",
    "functional.layer_norm(x, (4,), w, w)",
    "functional.logsigmoid(x)",
)
"""Of the sum of the squares of what these give."""

LAYERS = {
    "layers.Embedding(9, 4, padding_idx=2)": "n",
    "layers.Embedding(9, 4, padding_idx=-1)": "n",
    "layers.Embedding(9, 4)": "n",
    "layers.LayerNorm((4,))": "x",
    "layers.LayerNorm(4, eps=0.1)": "x",
    "layers.LayerNorm((3, 4), elementwise_affine=False)": "x",
    "layers.LayerNorm((4,), bias=False)": "x",
    "layers.Conv2d(3, 6, 3, stride=2, padding=1)": "image",
    "layers.Conv2d(3, 6, (3, 2), padding='same', bias=False)": "image",
    "layers.Conv2d(3, 6, 2, padding='valid', dilation=2)": "image",
    "layers.Conv2d(3, 6, 3, padding=(0, 1), groups=3)": "image",
    "layers.Conv1d(3, 5, 2, stride=2, padding=1)": "x",
    "layers.Conv1d(3, 5, 3, padding='same')": "x",
    "layers.GELU()": "x",
    "layers.GELU(approximate='tanh')": "x",
    "layers.Dropout(0.0)": "x",
    "layers.BatchNorm2d(3)": "image",
    "layers.BatchNorm1d(3, eps=0.1)": "x",
    "layers.AdaptiveAvgPool2d((2, 5))": "image",
    "layers.AdaptiveAvgPool1d(2)": "x",
    "layers.CrossEntropyLoss(ignore_index=2, label_smoothing=0.1)": "rows, labels",
    "layers.CrossEntropyLoss(reduction='sum')": "rows, labels",
    "layers.MSELoss()": "x, y",
    "layers.MSELoss(reduction='none')": "x, y",
}
"""What makes a layer → what it is called with, in evaluation mode."""


def weight(layer: str, name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the values of a layer's parameter or buffer; none is negative where variances are kept."""
    values = np.random.default_rng([len(layer), len(name), *shape]).standard_normal(shape).astype(np.float32)
    return np.abs(values) + np.float32(0.1) if "var" in name else values
