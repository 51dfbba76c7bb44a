"""From a source and a configuration to a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import RewriterError
from .dtypes import HALF
from .families import FAMILIES
from .model import ModelView
from .passes import Choices, WeightPass
from .plan import MEAN, Plan, Recipe
from .soundness import refuse_incomplete
from .views import target_view
from .writing import Options, write

__all__ = ["Options", "make_plan", "write"]


def make_plan(
    source: ModelView,
    config: Mapping[str, Any],
    width: WeightPass,
    depth: WeightPass | None = None,
    choices: Choices | None = None,
) -> Plan:
    """Return how a model becomes a larger one: wider first, then deeper.

    Args:
        source: The source.
        config: The target's configuration, checked by `rewriter.weights.configs`.
        width: The pass that makes it wider.
        depth: The pass that makes it deeper; needed where layers are added.
        choices: What the user chose.

    Raises:
        RewriterError: Layers are added and there is no pass for that, or a pass refuses.
    """
    chosen = choices or Choices()
    family = FAMILIES[source.family]
    target = target_view(source, config)
    named = next((one for one in family.sizes["layers"] if one in config), family.sizes["layers"][0])
    wider = target_view(source, {**config, named: source.sizes.layers})
    plan = _asked(width, source, wider, chosen)
    if target.sizes.layers > source.sizes.layers:
        if depth is None:
            raise RewriterError(f"{target.sizes.layers} layers of {source.sizes.layers}: name a pass with --depth")
        plan = _asked(depth, wider, target, chosen).after(plan)
    return _complete(replace(plan, target=target))


def plan_alone(item: WeightPass, source: ModelView, config: Mapping[str, Any], choices: Choices) -> Plan:
    """Return the plan of one weight pass by itself, which makes the whole target; see `make_plan`.

    Args:
        item: The pass.
        source: The source.
        config: The target's configuration.
        choices: What the user chose.
    """
    return _complete(_asked(item, source, target_view(source, config), choices))


def _asked(item: WeightPass, source: ModelView, target: ModelView, choices: Choices) -> Plan:
    """Return the plan of a pass, which may be anybody's."""
    try:
        return item.plan(source, target, choices)
    except RewriterError:
        raise
    except Exception as error:
        raise RewriterError(
            f"the weight pass {item.name} failed: {type(error).__name__}: {error}", exit_code=1
        ) from error


def _complete(plan: Plan) -> Plan:
    """Return the plan, looked through."""
    refuse_incomplete(plan)
    return _judged(plan)


def _judged(plan: Plan) -> Plan:
    """Return the plan with the reason why half precision is not exact, where factors round in it."""
    for key, recipe in plan.recipes.items():
        if recipe.dtype in HALF and not _keeps_digits(recipe):
            return replace(plan, inexact=(*plan.inexact, f"{key} is stored as {recipe.dtype}, where factors round"))
    return plan


def _keeps_digits(recipe: Recipe) -> bool:
    """Tell whether every element is a source element times a power of two."""
    for piece in recipe.pieces:
        scales = [np.unique(axis.scale) for axis in piece.axes if axis.scale is not None]
        if not all(_is_power_of_two(float(value)) for scale in [*scales, np.array([piece.factor])] for value in scale):
            return False
        if piece.source is not None and any(bool((axis.index == MEAN).any()) for axis in piece.axes):
            return False
    return True


def _is_power_of_two(value: float) -> bool:
    """Tell whether multiplying by `value` rounds nothing (0 is not one)."""
    return math.isfinite(value) and abs(math.frexp(value)[0]) == 0.5
