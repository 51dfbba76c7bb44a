"""What a plan claims of the larger checkpoint, as the record beside it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import RewriterError
from ..model import ModelView
from ..plan import Axis, Plan, Relations


@dataclass(frozen=True)
class Claim:
    """What the plan says of the larger checkpoint.

    Attributes:
        relations: Of the outputs.
        method: What made it.
        exact: Whether the function is preserved.
        inexact: Why not.
        slack: The relative error that exact mathematics leaves beside rounding.
    """

    relations: Relations
    method: str = ""
    exact: bool = True
    inexact: tuple[str, ...] = ()
    slack: float = 0.0

    @staticmethod
    def of_plan(plan: Plan) -> Claim:
        """Return the claim of a plan."""
        return Claim(plan.relations, plan.method, plan.exact, plan.inexact, plan.slack)

    @staticmethod
    def of_record(record: Mapping[str, Any]) -> Claim:
        """Return the claim that stands in the record beside a checkpoint.

        Raises:
            RewriterError: Something is missing there.
        """
        try:
            return Claim(
                Relations.from_json(record["relations"]),
                str(record["method"]),
                bool(record["exact"]),
                tuple(record["inexact"]),
                float(record["slack"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RewriterError(f"the record beside the larger checkpoint is damaged ({error})") from None

    @staticmethod
    def same(view: ModelView) -> Claim:
        """Return the claim that two checkpoints of one shape are the same model."""
        sizes = view.sizes
        units = Axis.whole(sizes.hidden)
        heads, inside = np.arange(sizes.heads), np.arange(sizes.head)
        relations = Relations(
            units, units, units, heads, inside, tuple(range(sizes.layers)), tuple(range(sizes.layers + 1))
        )
        return Claim(relations)


def check_fit(relations: Relations, source: ModelView, target: ModelView) -> None:
    """Refuse relations that are of other models.

    Args:
        relations: Of a claim.
        source: The smaller model.
        target: The larger one.

    Raises:
        RewriterError: Sizes or families do not go together.
    """
    if source.family != target.family:
        raise RewriterError(f"a {source.family} and a {target.family} cannot be compared")
    small, large = source.sizes, target.sizes
    lengths = (
        (len(relations.last_hidden), len(relations.heads), len(relations.head_units)),
        (len(relations.hidden), len(relations.layers), len(relations.states)),
    )
    fits = lengths == ((large.hidden, large.heads, large.head), (large.hidden, large.layers, large.layers + 1))
    inside = all(
        int(np.max(values, initial=-1)) < size
        for values, size in (
            (relations.last_hidden.index, small.hidden),
            (relations.hidden.index, small.hidden),
            (relations.pooler.index, small.hidden),
            (relations.heads, small.heads),
            (relations.head_units, small.head),
            ([-1 if i is None else i for i in relations.layers], small.layers),
            ([-1 if i is None else i for i in relations.states], small.layers + 1),
        )
    )
    if not fits or not inside:
        raise RewriterError("the record beside the larger checkpoint is of other models than these two")
