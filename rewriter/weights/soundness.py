"""Looking a plan through before anything is read: a weight pass may be anybody's."""

from __future__ import annotations

import numpy as np

from ..errors import RewriterError
from .plan import FILL, Piece, Plan, Recipe


def refuse_incomplete(plan: Plan) -> None:
    """Refuse a plan that cannot be carried out.

    Args:
        plan: The plan.

    Raises:
        RewriterError: A target tensor has no recipe, or one of another shape, or one that reads what is not there.
    """
    for key in sorted(plan.target.slots.keys() | plan.recipes.keys()):
        why = _problem(plan, key)
        if why:
            raise RewriterError(
                f"{plan.method}: its plan is no recipe for {key}: {why}",
                hint="A weight pass gives one recipe per target tensor, of its shape, over the source's tensors.",
            )


def _problem(plan: Plan, key: str) -> str:
    """Return what is wrong with the recipe of a tensor; empty when nothing is."""
    slot, recipe = plan.target.slots.get(key), plan.recipes.get(key)
    if slot is None or recipe is None:
        return "the target has no such tensor" if slot is None else "there is none"
    if recipe.shape != slot.shape:
        return f"it makes the shape {list(recipe.shape)} of {list(slot.shape)}"
    if recipe.dtype != plan.target.dtypes[key]:
        return f"it makes {recipe.dtype} of {plan.target.dtypes[key]}"
    problems = (_piece_problem(plan, recipe, piece) for piece in recipe.pieces)
    return next(filter(None, problems), "") or _gap(recipe)


def _piece_problem(plan: Plan, recipe: Recipe, piece: Piece) -> str:
    wanted = list(recipe.shape)
    if piece.at is not None:
        wanted[recipe.along] = len(piece.at)
    if list(piece.shape) != wanted:
        return f"a piece has the shape {list(piece.shape)} in the place of {wanted}"
    if piece.source is None:
        return ""
    slot = plan.source.slots.get(piece.source)
    if slot is None:
        return f"the source has no {piece.source}"
    if len(slot.shape) != len(piece.axes):
        return f"{piece.source} has {len(slot.shape)} axes"
    for axis, size in zip(piece.axes, slot.shape, strict=True):
        if len(axis) and (int(axis.index.max()) >= size or int(axis.index.min()) < FILL):
            return f"{piece.source} has {size} units on an axis of which it reads others"
        if axis.scale is not None and axis.scale.shape != axis.index.shape:
            return "an axis has scales for other units"
    return ""


def _gap(recipe: Recipe) -> str:
    """Return what is wrong when pieces leave units out, or make them twice."""
    if all(piece.at is None for piece in recipe.pieces) and len(recipe.pieces) == 1:
        return ""
    size = recipe.shape[recipe.along]
    units = [np.arange(size) if piece.at is None else piece.at for piece in recipe.pieces]
    covered = np.sort(np.concatenate(units)) if units else np.arange(0)
    return "" if np.array_equal(covered, np.arange(size)) else "its pieces do not make every unit once"
