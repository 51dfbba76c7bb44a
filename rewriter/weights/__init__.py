"""Weight passes: plans that make a larger checkpoint of a smaller one. The names below are what a pass is made of.

NumPy is all that it takes; MindSpore is loaded for `.ckpt` files and for nothing else.
"""

from __future__ import annotations

from .copying import QUERIES, copied_axes, copied_outputs, plan_of_copies
from .maps import Map, Maps, followed
from .model import (
    ATTENTION,
    FIXED,
    HIDDEN,
    INTERMEDIATE,
    POOLED,
    QKV,
    TRANSFORMED,
    Dim,
    ModelView,
    Sizes,
    Slot,
)
from .passes import Choices, Grows, WeightExample, WeightPass
from .plan import FILL, MEAN, Axis, FloatArray, IntArray, Origin, Piece, Plan, Recipe, Relations
from .recipes import constant, copy, indices, made_of, mixed, queries, same_layers

__all__ = [
    "ATTENTION",
    "FILL",
    "FIXED",
    "HIDDEN",
    "INTERMEDIATE",
    "MEAN",
    "POOLED",
    "QKV",
    "QUERIES",
    "TRANSFORMED",
    "Axis",
    "Choices",
    "Dim",
    "FloatArray",
    "Grows",
    "IntArray",
    "Map",
    "Maps",
    "ModelView",
    "Origin",
    "Piece",
    "Plan",
    "Recipe",
    "Relations",
    "Sizes",
    "Slot",
    "WeightExample",
    "WeightPass",
    "constant",
    "copied_axes",
    "copied_outputs",
    "copy",
    "followed",
    "indices",
    "made_of",
    "mixed",
    "plan_of_copies",
    "queries",
    "same_layers",
]
