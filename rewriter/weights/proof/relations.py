"""What the larger model should answer, given what the smaller one did; and which of it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ..plan import Axis, Relations
from .bert import Answers
from .inputs import Inputs
from .numerics import Array

NUMBERED = re.compile(r"(hidden_states|attentions|keys|values)\[(\d+)]")


def expected(relations: Relations, answers: Answers) -> Iterator[tuple[str, Array]]:
    """Yield the name and the array of every output of the larger model that a relation speaks of.

    Args:
        relations: Of the plan.
        answers: The smaller model's.
    """
    for number, state in enumerate(relations.states):
        if state is not None:
            last = number == len(relations.states) - 1
            axis = relations.last_hidden if last else relations.hidden
            yield f"hidden_states[{number}]", axis.apply(answers[f"hidden_states[{state}]"])
    for number, layer in enumerate(relations.layers):
        if layer is not None:
            yield f"attentions[{number}]", answers[f"attentions[{layer}]"][:, relations.heads]
            for name in ("keys", "values"):
                if f"{name}[{layer}]" in answers:
                    cached = answers[f"{name}[{layer}]"][:, relations.heads]
                    yield f"{name}[{number}]", cached[..., relations.head_units]
    for name, values in answers.items():
        if name == "last_hidden_state":
            yield name, relations.last_hidden.apply(values)
        elif name == "pooler_output":
            yield name, relations.pooler.apply(values)
        elif NUMBERED.fullmatch(name) is None:
            yield name, values


def counted(name: str, values: Array, inputs: Inputs) -> Array:
    """Return what stands at tokens that are no padding.

    Args:
        name: Of the output.
        values: The output.
        inputs: Of the call.

    Returns:
        (numbers that count, …), the places first.
    """
    if name.startswith("attentions"):
        return np.asarray(values.swapaxes(1, 2)[inputs.attended])
    if name.startswith(("keys", "values")):
        return np.asarray(values.swapaxes(1, 2)[inputs.seen(values.shape[2])])
    if values.ndim == 3:
        return np.asarray(values[inputs.attended])
    return values


def gaps(relations: Relations, units: int, heads: int, layers: int) -> list[str]:
    """Return what of the smaller model the relations leave out; a proof through them would not see it.

    Args:
        relations: Of the plan.
        units: Number of hidden units of the smaller model.
        heads: Number of its heads.
        layers: Number of its layers.
    """
    found = []
    for name in ("last_hidden", "hidden", "pooler"):
        missing = units - len(_reached(getattr(relations, name)) & set(range(units)))
        if missing:
            found.append(f"the relation {name} leaves out {missing} of {units} units")
    for name, reached, number in (
        ("heads", set(relations.heads.tolist()), heads),
        ("layers", set(relations.layers), layers),
        ("states", set(relations.states), layers + 1),
    ):
        missing = number - len(reached & set(range(number)))
        if missing:
            found.append(f"the relation {name} leaves out {missing} of {number}")
    if relations.states and relations.states[-1] != layers:
        found.append("the last hidden state of the one is not that of the other")
    return found


def _reached(axis: Axis) -> set[int]:
    """Return the units that are copied with a factor that keeps them."""
    kept = np.isfinite(axis.factors) & (axis.factors != 0.0)
    return set(axis.index[kept & (axis.index >= 0)].tolist())
