"""A plan: where each element of a larger checkpoint comes from, and how its outputs relate to the source's.

A weight pass sees no data. It returns a `Plan`: per target tensor a `Recipe`, and the `Relations` of the outputs. What
carries plans out, explains them and proves them needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .axis import FILL, MEAN, Axis, FloatArray, IntArray
from .recipe import Origin, Piece, Recipe
from .relations import Relations

if TYPE_CHECKING:
    from .model import ModelView

__all__ = ["FILL", "MEAN", "Axis", "FloatArray", "IntArray", "Origin", "Piece", "Plan", "Recipe", "Relations"]


@dataclass(frozen=True, eq=False)
class Plan:
    """How a checkpoint becomes a larger one.

    Attributes:
        method: Names of the weight passes that made it, e.g. `fpi` or `fpi+identity`.
        source: The source's configuration, keys, shapes and dtypes.
        target: The target's.
        recipes: One per target tensor, by canonical key.
        relations: Of the outputs.
        inexact: Why the target does not compute what the source does; empty when it does.
        slack: The relative error that exact mathematics leaves beside rounding (identity layers of BERT: a multiple of
            the epsilon of the layer norms); 0 for none.
        maps: Name → source unit of each target unit: `hidden`, `heads`, `head_units`, `intermediate`, `layers`.
        shares: Name of a map → the share of each target unit, float64.
        seed: Of uneven shares.
    """

    method: str
    source: ModelView
    target: ModelView
    recipes: Mapping[str, Recipe]
    relations: Relations
    inexact: tuple[str, ...] = ()
    slack: float = 0.0
    maps: Mapping[str, IntArray] = field(default_factory=dict)
    shares: Mapping[str, FloatArray] = field(default_factory=dict)
    seed: int = 0

    @property
    def exact(self) -> bool:
        """Whether the target computes what the source does, up to rounding (and `slack`)."""
        return not self.inexact

    def after(self, inner: Plan) -> Plan:
        """Return this plan as one from the source of `inner`, whose target is the source of this one."""
        return Plan(
            method=f"{inner.method}+{self.method}",
            source=inner.source,
            target=self.target,
            recipes={key: recipe.after(inner.recipes) for key, recipe in self.recipes.items()},
            relations=self.relations.after(inner.relations),
            inexact=(*inner.inexact, *self.inexact),
            slack=inner.slack + self.slack,
            maps={**inner.maps, **self.maps},
            shares={**inner.shares, **self.shares},
            seed=inner.seed,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`: all but the recipes, which follow from them."""
        return {
            "method": self.method,
            "exact": self.exact,
            "inexact": list(self.inexact),
            "slack": self.slack,
            "seed": self.seed,
            "maps": {name: index.tolist() for name, index in self.maps.items()},
            "shares": {name: share.tolist() for name, share in self.shares.items()},
            "relations": self.relations.to_json(),
        }
