"""The dtypes of checkpoints: their names in the format, in plans and in NumPy."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
"""A dtype's name in safetensors → its name in NumPy."""
FLOATING = ("float64", "float32", "float16", "bfloat16")
"""Those that weights have."""
HALF = ("float16", "bfloat16")


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name; `bfloat16` is no dtype of NumPy's own."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def format_name(name: str) -> str:
    """Return what safetensors calls a dtype of a plan."""
    return next(short for short, long in NAMES.items() if long == name)
