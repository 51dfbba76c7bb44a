"""Functions of `mindspore.mint` that a CPU has no kernels for, as functions of the file that compute by others."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety

from .references import replaced

_MINT = "mindspore.mint."
_NOTE = "the same function, by operators that a CPU has"

_CUMSUM = '''\
def $name(input, dim, dtype=None):
    """Return the sums up to each place, as mint does: those of whole numbers in int64."""
    if dtype is None:
        fractions = $mindspore.float16, $mindspore.float32, $mindspore.float64, $mindspore.bfloat16
        dtype = input.dtype if input.dtype in fractions else $mindspore.int64
    return $ops.cumsum(input.astype(dtype), dim)
'''

_TOPK = '''\
def $name(input, k, dim=-1, largest=True, sorted=True):
    """Return the largest (or smallest) values and, in int64, their places, as mint does."""
    values, places = $ops.topk(input, k, dim, largest, sorted)
    return values, places.astype($mindspore.int64)
'''

_FULL = '''\
def $name(size, fill_value, *, dtype=None):
    """Return a tensor full of a number, in the type that mint goes by it."""
    if dtype is None:
        kinds = (bool, $mindspore.bool_), (int, $mindspore.int64), (float, $mindspore.float32)
        dtype = [kind for python, kind in kinds if isinstance(fill_value, python)][0]
    return $ops.full(size, fill_value, dtype=dtype)
'''

_ROLL = '''\
def $name(input, shifts, dims=None):
    """Return a tensor whose parts that are shifted over the end come in again at the beginning."""
    shifted = input.reshape(-1) if dims is None else input
    shifts = (shifts,) if isinstance(shifts, int) else shifts
    dims = (0,) if dims is None else (dims,) if isinstance(dims, int) else dims
    for place in range(len(dims)):
        dim, size = dims[place], shifted.shape[dims[place]]
        behind = shifts[place] % size
        if behind != 0:
            places = $mint.cat(($ops.arange(size - behind, size), $ops.arange(size - behind)))
            shifted = $ops.gather(shifted, places, dim)
    return shifted.reshape(input.shape)
'''

_NORMALIZE = '''\
def $name(input, p=2.0, dim=1, eps=1e-12):
    """Return vectors divided by their norms, or by `eps` where these are smaller."""
    norm = $ops.norm(input, p, dim, True)
    return input / $mint.maximum(norm, $ops.full_like(norm, eps))
'''

_LAYER_NORM = '''\
def $name(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """Normalize by an operator that a CPU has."""
    shape = tuple(normalized_shape)
    weight = $mint.ones(shape, dtype=input.dtype) if weight is None else weight
    bias = $mint.zeros(shape, dtype=input.dtype) if bias is None else bias
    axis = input.ndim - len(shape)
    return $ops.LayerNorm(axis, axis, eps)(input, weight, bias)[0]
'''

_CLONE = '''\
def $name(input):
    """Return a copy that gradients go through."""
    return input.copy()
'''

_INTERPOLATE = '''\
def $name(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
    """Return images in another size; of the ways to do so, MindSpore's bicubic one for a CPU gives other numbers."""
    sides = input.shape[2:]
    if size is None:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else [scale_factor] * len(sides)
        size = [int(side * factor) for side, factor in zip(sides, factors)]
        if not recompute_scale_factor and any(a * b != c for a, b, c in zip(sides, factors, size)):
            return $base(input, None, scale_factor, mode, align_corners)
    size = [size] * len(sides) if isinstance(size, int) else size
    if mode != "bicubic":
        return $ops.interpolate(input, tuple(size), None, mode, align_corners)
    weights = []
    for old, new in zip(sides, size):
        # Each number is the sum of four, weighed by their distances; beyond the edge lie copies of it.
        places = $ops.arange(new).astype($mindspore.float32)
        if align_corners:
            places = places * ((old - 1) / max(new - 1, 1))
        else:
            places = (places + 0.5) * (old / new) - 0.5
        first = $ops.floor(places)
        t = places - first
        u = 1 - t
        four = -0.75 * t * u * u, (1.25 * t - 2.25) * t * t + 1, (1.25 * u - 2.25) * u * u + 1, -0.75 * u * t * t
        weight = 0
        for step in range(4):
            column = $ops.clamp(first + (step - 1), 0, old - 1).unsqueeze(-1)
            hit = (column == $ops.arange(old).astype($mindspore.float32)).astype($mindspore.float32)
            weight = weight + four[step].unsqueeze(-1) * hit
        weights.append(weight.astype(input.dtype))
    return $mint.matmul(weights[0], $mint.matmul(input, weights[1].permute(1, 0)))
'''

_LINSPACE = '''\
def $name(start, end, steps, *, dtype=None):
    """Return numbers in equal distances, in single precision unless `dtype` says otherwise."""
    return $ops.linspace(start, end, steps).astype($mindspore.float32 if dtype is None else dtype)
'''

_L1_LOSS = '''\
def $name(input, target, reduction="mean"):
    """Return the absolute differences, or their mean or sum."""
    return $ops.l1_loss(input, target, reduction)
'''

_LOGSIGMOID = '''\
def $name(input):
    """Return the logarithms of the sigmoid, without infinities where that is too small for its type."""
    return $mint.minimum(input, $ops.zeros_like(input)) - $mint.log1p($mint.exp(-$mint.abs(input)))
'''

_VECTOR_NORM = '''\
def $name(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """Return the norms of vectors along one axis; other norms are left to mint."""
    if not isinstance(dim, int):
        return $base(A, ord, dim, keepdim, dtype=dtype)
    return $ops.norm(A if dtype is None else A.astype(dtype), 2.0 if ord is None else ord, dim, keepdim)
'''

_FUNCTIONS = {
    _MINT + "cumsum": _CUMSUM,
    _MINT + "topk": _TOPK,
    _MINT + "full": _FULL,
    _MINT + "roll": _ROLL,
    _MINT + "clone": _CLONE,
    _MINT + "linspace": _LINSPACE,
    _MINT + "linalg.norm": _VECTOR_NORM,
    _MINT + "nn.functional.interpolate": _INTERPOLATE,
    _MINT + "nn.functional.l1_loss": _L1_LOSS,
    _MINT + "nn.functional.logsigmoid": _LOGSIGMOID,
    _MINT + "nn.functional.normalize": _NORMALIZE,
    _MINT + "nn.functional.layer_norm": _LAYER_NORM,
}
"""Function → one with its parameters, as `own_definition` takes it."""

_BY_ROW = (_MINT + "cumsum", _MINT + "full")
"""The API table has rows for calls of these that say which `dtype`."""


class MintFunctions(Pass):
    """Give the functions of `mint` that have no kernel on a CPU, and none that is called alike, one of the file's own.

    What has the same arguments under another name is for `mint` and its API table. The rest (`topk`, whose places are
    int64; `roll`; `full`, which goes by the number) becomes a short function that comes into the file.
    """

    name = "mint-functions"
    safety = Safety.ROUNDING
    before = ("mint", "flatten")
    examples = (
        Example(
            title="sums of whole numbers",
            before="""\
from mindspore import mint, nn


class Positions(nn.Cell):
    def construct(self, mask):
        return mint.cumsum(mask, dim=1) * mask
""",
            after='''\
from mindspore import mint, nn
import mindspore
from mindspore import ops


def cumsum(input, dim, dtype=None):
    """Return the sums up to each place, as mint does: those of whole numbers in int64."""
    if dtype is None:
        fractions = mindspore.float16, mindspore.float32, mindspore.float64, mindspore.bfloat16
        dtype = input.dtype if input.dtype in fractions else mindspore.int64
    return ops.cumsum(input.astype(dtype), dim)


class Positions(nn.Cell):
    def construct(self, mask):
        return cumsum(mask, dim=1) * mask
''',
        ),
        Example(
            title="Ascend, which has the kernels",
            device="ascend",
            before="""\
from mindspore import mint, nn


class Best(nn.Cell):
    def construct(self, scores):
        return mint.topk(scores, 2)
""",
            reason="mint's own runs on ascend",
        ),
        Example(
            title="what the API table has a row for",
            before="""\
import mindspore
from mindspore import mint, nn


class Mask(nn.Cell):
    def construct(self, x):
        return x + mint.full((2, 3), 1.0, dtype=mindspore.float32)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every place that names one of the functions."""
        tree = context.tree
        if not context.mentions("mint"):
            return tree
        for function, template in _FUNCTIONS.items():
            if context.mentions(function.rpartition(".")[2]):
                passes_by = _says_dtype if function in _BY_ROW else _never
                tree = replaced(context, tree, function, template, _NOTE, passes_by=passes_by)
        return tree


def _says_dtype(call: cst.Call) -> bool:
    return any(arg.keyword is not None and arg.keyword.value == "dtype" for arg in call.args)


def _never(call: cst.Call) -> bool:
    return False
