"""Make mindnlp 0.3.1 and 0.4.0 import and run on MindSpore 2.10.

Their modeling files run there once a few things are as they were; `mindnlp_compat.apply` does it where one of these
versions is found. BERT and CLIP were tried, on a CPU; other models may need more. When mindnlp 0.3.1 is imported it
puts layers and functions of its own into `mindspore.nn` and `mindspore.ops`, for everybody in the process: that is its
way, and is left to it. Importing this module imports neither library.
"""

from __future__ import annotations

import collections.abc
import importlib
from typing import Any

import numpy as np

VERSIONS = ("0.3.1", "0.4.0")


def mend(mindspore: Any, version: str) -> None:
    """Put back what these versions read, and import mindnlp.

    Args:
        mindspore: The library, imported.
        version: Which mindnlp is installed.

    Raises:
        ImportError: mindnlp does not import for a reason that is not mended here.
    """
    if not hasattr(mindspore._c_expression, "Tensor"):
        mindspore._c_expression.Tensor = _earlier_tensor(mindspore)
    _repeat_each(mindspore)
    importlib.import_module("mindnlp")
    if version == "0.4.0":
        _mark_parameters()
        _find_iterable()


def _earlier_tensor(mindspore: Any) -> type:
    """Return what `mindspore._c_expression.Tensor` was: the class below MindSpore's own, which is `TensorPy` in 2.10.

    0.3.1 reads it in `injection.py:31`, for its `__str__`, and makes placeholders with it in
    `transformers/modeling_utils.py:1035`. 0.4.0 makes every weight with it, in `core/ops/creation.py:114`. What is
    called with a type and a shape gets a tensor of zeros, as good as one with arbitrary contents.
    """

    class Tensor(mindspore._c_expression.TensorPy):  # type: ignore[misc]
        def __new__(cls, dtype: Any, shape: Any) -> Any:
            return mindspore.Tensor(np.zeros(shape, mindspore.common.dtype._dtype_to_nptype(dtype)))

    return Tensor


def _repeat_each(mindspore: Any) -> None:
    """Give `Tensor.repeat(repeats, axis)` NumPy's meaning again; in 2.10 it has PyTorch's, and no kernel on a CPU.

    `ops.repeat_interleave` of both versions is made of it (0.3.1 in `injection.py:453`, 0.4.0 in
    `core/ops/other.py:618`), and generation by beams of that.
    """
    native = mindspore.Tensor.repeat_interleave

    def repeat(self: Any, repeats: Any, axis: Any = None) -> Any:
        return native(self, repeats, axis)

    mindspore.Tensor.repeat = repeat


def _mark_parameters() -> None:
    """Let the graph compiler know the weights of 0.4.0 by `__parameter__`, as those of 0.4.1.

    A tensor without it is a constant of a graph, and has no gradient there.
    """
    parameter: Any = importlib.import_module("mindnlp.core.nn.parameter").Parameter
    parameter.__parameter__ = lambda self: None
    parameter.name = property(lambda self: self.param_info.name)


def _find_iterable() -> None:
    """Let `core/nn/modules/_utils.py:8` of 0.4.0 find `collections.Iterable`, which left that module with Python 3.10.

    Every convolution asks for it.
    """
    helpers: Any = importlib.import_module("mindnlp.core.nn.modules._utils")
    helpers.collections = collections.abc
