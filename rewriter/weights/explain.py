"""Where an element comes from, in words: `KEY[3, 9]` is `KEY[3, 1] * 0.5`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import RewriterError
from .execute import Read
from .keys import canonical
from .plan import MEAN, Origin, Plan


@dataclass(frozen=True)
class Explanation:
    """Where an element of a target comes from.

    Attributes:
        key: Canonical key of the target tensor.
        element: The element's index there.
        origin: The source element and the factor.
    """

    key: str
    element: tuple[int, ...]
    origin: Origin

    def __str__(self) -> str:
        return f"{self.key}{list(self.element)} = {describe(self.origin)}"


def describe(origin: Origin) -> str:
    """Return a source element and its factor as `key[3, mean] * 0.5`, or a constant as a number."""
    if origin.source is None:
        return f"{origin.factor:g}"
    units = ", ".join("mean" if unit == MEAN else str(unit) for unit in origin.element)
    factor = "" if origin.factor == 1 else f" * {origin.factor!r}"
    return f"{origin.source}[{units}]{factor}"


def value(origin: Origin, read: Read) -> float:
    """Return what the source element is, in float64; a mean for one that is averaged."""
    if origin.source is None:
        return origin.factor
    chosen = read(origin.source)[tuple(slice(None) if unit == MEAN else unit for unit in origin.element)]
    return float(np.asarray(chosen, dtype=np.float64).mean())


def explain(plan: Plan, text: str) -> Explanation:
    """Return where an element comes from.

    Args:
        plan: The plan.
        text: `KEY[3, 9]`, with the key in any spelling.

    Raises:
        RewriterError: There is no such element.
    """
    found = re.fullmatch(r"\s*([^\[\]\s]+)\s*\[([\d,\s]*)\]\s*", text)
    if found is None:
        raise RewriterError(f"--explain {text}: no element", hint="Write KEY[3,9], in quotes where the shell needs it.")
    key = canonical(found[1])
    if key not in plan.recipes:
        raise RewriterError(f"--explain {text}: the target has no tensor {found[1]}", hint="--plan lists them.")
    element = tuple(int(part) for part in found[2].split(",") if part.strip())
    try:
        return Explanation(key, element, plan.recipes[key].origin(element))
    except IndexError as error:
        raise RewriterError(f"--explain {text}: {error}") from None
