"""Make mindnlp 0.4.1 import and run on MindSpore 2.7 to 2.10.

mindnlp 0.4.1 is the last release with modeling files of its own, and it is older than these MindSpore releases. `apply`
mends, in this process only and without touching a file, what stands between the two::

    from rewriter.runtime import mindnlp_compat

    mindnlp_compat.apply()
    from mindnlp.transformers.models.bert import modeling_bert

Each mend is one function below. Its docstring names the line of mindnlp 0.4.1 that breaks, the MindSpore releases on
which it does (2.7.0, 2.8.0, 2.9.0 and 2.10.0 were tried, on a CPU), and what is done about it. Importing this module
imports neither library.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np
from packaging.version import Version

from . import mindnlp_older

MINDNLP_VERSION = "0.4.1"
OLDEST_MINDSPORE = (2, 7)

_applied = False


def apply() -> bool:
    """Patch MindSpore, import mindnlp, patch mindnlp; call it before anything else imports mindnlp.

    A second call does nothing more.

    Returns:
        True if the patches are in place. False if they are not for this environment: mindnlp is absent or neither 0.4.1
        nor one of `mindnlp_older`, or MindSpore is absent or older than 2.7. Nothing is patched then.

    Raises:
        ImportError: mindnlp does not import for a reason that is not mended here, say a missing dependency.
    """
    global _applied
    if _applied:
        return True
    try:
        mindnlp_version = importlib.metadata.version("mindnlp")
        mindspore = _load("mindspore")
    except ImportError:  # PackageNotFoundError is one too
        return False
    release = Version(mindspore.__version__).release[:2]
    if mindnlp_version not in (MINDNLP_VERSION, *mindnlp_older.VERSIONS) or release < OLDEST_MINDSPORE:
        return False
    if mindnlp_version == MINDNLP_VERSION:
        _mend(mindspore, release)
    else:
        mindnlp_older.mend(mindspore, mindnlp_version)
    _applied = True
    return True


def _mend(mindspore: Any, release: tuple[int, ...]) -> None:
    _load_stub_tensor()
    _answer_old_pyboost_empty(mindspore)
    _import_mindnlp(mindspore)
    _spell_dtypes_for_mindnlp(mindspore)
    _floor_divide_after_conversion(mindspore)
    _count_in_one_type()
    _initialize_before_assigning(mindspore)
    _repeat_as_tile(mindspore)
    _provide_ops_t(mindspore)
    if release < (2, 9):
        _fill_with_the_tensors_dtype(mindspore)


def _load(name: str) -> Any:
    """Import a module of either library. Neither has types, so what comes back has none."""
    return importlib.import_module(name)


def _load_stub_tensor() -> None:
    """Load `mindspore.common._stub_tensor`, which is still there on 2.7 to 2.10 but no longer loaded by MindSpore.

    `mindnlp/patch.py:29` reads it as an attribute of `mindspore.common`.
    """
    _load("mindspore.common._stub_tensor")


def _answer_old_pyboost_empty(mindspore: Any) -> None:
    """Answer `_c_expression.pyboost_empty([size, dtype, device])`, which 2.7 to 2.10 refuse: "Two args are needed".

    `mindnlp/core/ops/creation.py:134` makes the weights of every layer with it. A call in this old form gets a tensor
    of zeros, as good as one with arbitrary contents, and there on 2.7 too, where a CPU has no kernel for an empty one.
    A call in the new form, with a primitive first, goes on to MindSpore.
    """
    c_expression = mindspore._c_expression
    native = c_expression.pyboost_empty

    def pyboost_empty(*args: Any) -> Any:
        if len(args) != 1:
            return native(*args)
        size, dtype, _device = args[0]
        return mindspore.Tensor(np.zeros(size, mindspore.common.dtype._dtype_to_nptype(dtype)))

    c_expression.pyboost_empty = pyboost_empty


def _import_mindnlp(mindspore: Any) -> None:
    """Import mindnlp, then put right two things that it patches in MindSpore, for everybody in the process.

    `mindnlp/patch.py:23` replaces the folding of a constant BroadcastTo by one that looks up a -1 on the wrong axis
    when the target has more axes than the tensor. See `_fold_broadcast_to`.

    `mindnlp/patch.py:30` and `:31` make `str(mindspore.float32)` say "mindspore.float32" in place of "Float32".
    MindSpore looks such names up in tables: on 2.7 to 2.10 `ops.arange` raises, in graphs too, and `load_checkpoint`
    cannot read what `save_checkpoint` wrote. MindSpore's names come back; `_spell_dtypes_for_mindnlp` serves mindnlp.
    """
    definitions = mindspore.ops.operations.manually_defined.ops_def
    fold = _fold_broadcast_to(definitions.infer_value_for_BroadcastTo)
    _load("mindnlp")
    definitions.infer_value_for_BroadcastTo = fold
    for kind in (mindspore.common.dtype.Float, mindspore.common.dtype.Int):
        if "__str__" in vars(kind):
            del kind.__str__


def _fold_broadcast_to(native: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Resolve each -1 in the target before MindSpore folds a constant BroadcastTo; 2.7 cannot do that by itself."""

    def infer_value(x: Any, shape: Any) -> Any:
        if x is not None and isinstance(shape, (tuple, list)):
            new_axes = len(shape) - len(x.shape)
            own = (-1,) * new_axes + tuple(x.shape)
            shape = tuple(own[axis] if size == -1 else size for axis, size in enumerate(shape))
        return native(x, shape)

    return infer_value


def _spell_dtypes_for_mindnlp(mindspore: Any) -> None:
    """Keep what mindnlp writes readable by mindnlp, now that `str` of a dtype gives MindSpore's own name for it.

    `core/serialization.py:1634` writes the name into checkpoints, and the reader there knows "mindspore.float32" only.
    `transformers/generation/configuration_utils.py:1042` takes what follows the dot, and "Float32" has none.
    """
    dtypes = mindspore.common.dtype
    serialization = _load("mindnlp.core.serialization")
    generation = _load("mindnlp.transformers.generation.configuration_utils").GenerationConfig
    list_data = serialization.get_data_list
    spell = generation.dict_ms_dtype_to_str

    def get_data_list(param_dict: Any) -> Any:
        listed = list_data(param_dict)
        for name, value in param_dict.items():
            if isinstance(value.dtype, (dtypes.Float, dtypes.Int)):
                listed[name][1] = repr(value.dtype)
        return listed

    def dict_ms_dtype_to_str(self: Any, d: dict[str, Any]) -> None:
        found = d.get("ms_dtype")
        if found is not None and not isinstance(found, str):
            d["ms_dtype"] = str(found).lower()
        spell(self, d)

    serialization.get_data_list = get_data_list
    generation.dict_ms_dtype_to_str = dict_ms_dtype_to_str


def _floor_divide_after_conversion(mindspore: Any) -> None:
    """Mend `mindnlp.core.ops.div(..., rounding_mode="floor")`, which is wrong on a CPU with 2.9 and 2.10.

    MindSpore's `ops.div` no longer converts mixed dtypes before it rounds: an int32 tensor by a Python int ends in
    "KernelMod Init Failed: FloorDiv", and uint8 by int64 gives arbitrary numbers without a word. Beam search divides so
    (`transformers/generation/utils.py:3401`), and so do many models. `ops.floor_divide` has the same kernel and
    converts.
    """
    core = _load("mindnlp.core.ops")
    pointwise = _load("mindnlp.core.ops.pointwise")
    native = pointwise.div

    def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
        if rounding_mode == "floor" and not pointwise.use_pyboost():
            return mindspore.ops.floor_divide(input, other)
        return native(input, other, rounding_mode=rounding_mode)

    core.div = pointwise.div = div


def _count_in_one_type() -> None:
    """Let `mindnlp.core.ops.arange` take an int beside a float: MindSpore's Range wants one type, on 2.7 to 2.10.

    `transformers/models/xlnet/modeling_xlnet.py:770` and `funnel/modeling_funnel.py:144` count in steps of 2.0 and 1.0.
    """
    core = _load("mindnlp.core.ops")
    creation = _load("mindnlp.core.ops.creation")
    native = creation.arange

    def arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
        if end is None:
            start, end = 0, start
        if any(isinstance(number, float) for number in (start, end, step)):
            start, end, step = (float(number) if isinstance(number, int) else number for number in (start, end, step))
        return native(start, end, step, dtype=dtype)

    core.arange = creation.arange = arange


def _initialize_before_assigning(mindspore: Any) -> None:
    """Let `Tensor.assign_value` take what `initializer(...)` returns, a tensor without data before `init_data`.

    `transformers/models/align/modeling_align.py:1938` and many more fill their weights so. 2.7 assigns zeros without a
    word; 2.8 to 2.10 assign the absence, and the first use of the weight says that it is uninitialized.
    """
    native = mindspore.Tensor.assign_value

    def assign_value(self: Any, value: Any) -> Any:
        if getattr(value, "init", None) is not None:
            value = value.init_data()
        return native(self, value)

    mindspore.Tensor.assign_value = assign_value


def _repeat_as_tile(mindspore: Any) -> None:
    """Give `Tensor.repeat` a body where a device has none: "'repeat' is not supported on this device", on 2.7 to 2.10.

    `transformers/models/deberta/modeling_deberta.py:338` and many more call it, with PyTorch's meaning. This serves
    eager mode; a graph on a CPU goes on refusing the operator.
    """

    def tensor_repeat(input: Any, *repeats: Any) -> Any:
        if len(repeats) == 1 and isinstance(repeats[0], (tuple, list)):
            repeats = tuple(repeats[0])
        if len(repeats) < input.ndim:
            raise ValueError(f"repeat needs a number for each of the {input.ndim} axes, got {repeats}")
        return mindspore.ops.tile(input, repeats)

    _load("mindspore.ops.tensor_method").tensor_repeat = tensor_repeat


def _provide_ops_t(mindspore: Any) -> None:
    """Add `mindnlp.core.ops.t`, which `transformers/models/nezha/nezha.py:72` calls but mindnlp lacks."""
    _load("mindnlp.core.ops").t = mindspore.ops.t


def _fill_with_the_tensors_dtype(mindspore: Any) -> None:
    """Let `Tensor.masked_fill` put an int into a float tensor, for which 2.7 and 2.8 have no CPU kernel.

    `transformers/modeling_attn_mask_utils.py:150` makes every causal mask so, that of CLIP's text tower too.
    """
    native = mindspore.Tensor.masked_fill

    def masked_fill(self: Any, mask: Any, value: Any) -> Any:
        if not isinstance(value, mindspore.Tensor):
            value = mindspore.Tensor(value, self.dtype)
        return native(self, mask, value)

    mindspore.Tensor.masked_fill = masked_fill
