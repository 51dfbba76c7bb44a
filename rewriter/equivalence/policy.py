"""The published tolerance, per dtype and safety level: how far a rewritten model's output may be from the original's.

`identical` needs the same bits. `equivalent` needs, for every element, `|expected - actual| <= t * max(1, |expected|)`
with the `t` of this table: an absolute bound for small numbers and a relative one for large.

- `exact`: the bits must agree, those of a zero's sign included. (Those inside a NaN need not.)
- `rounding`: a few units in the last place of a sum over a layer's width are allowed, and no more: a wrong mask or a
  missing scale is orders of magnitude above. `verify` uses this one.
  Where that is not enough, the original's own error is allowed on top of it (`own_error.py`): for graphs in half
  precision, and up to 1e-5 in all for single precision.
- `approximate`: 1e-3 on top of that, whatever the dtype, for the error of a formula that stands for another. The
  GELU by tanh is off by less than 5e-4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..passes import Safety

TOLERANCES = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}
"""dtype → `t` at the level `rounding`. A dtype that is not here (integers, booleans) must be identical."""

LEVELS: Mapping[Safety, Mapping[str, float]] = {
    Safety.EXACT: dict.fromkeys(TOLERANCES, 0.0),
    Safety.ROUNDING: TOLERANCES,
    Safety.APPROXIMATE: {"float64": 1e-3, "float32": 1e-3, "float16": 3e-3, "bfloat16": 1.7e-2},
}
"""Safety level → dtype → `t`."""

AT_MOST = 1e-5
"""The largest `t` of single precision at the level `rounding`, whatever the original's own error is."""


@dataclass(frozen=True)
class Policy:
    """The tolerance that a check runs under.

    Attributes:
        override: The user's `t` for every floating dtype; None for the published ones.
        safety: The level whose published tolerances hold.
        own_error: What rounding costs the original itself, on top of the published `t`; see above.
    """

    override: float | None = None
    safety: Safety = Safety.ROUNDING
    own_error: float = 0.0

    def __post_init__(self) -> None:
        if self.override is not None and not self.override >= 0:
            raise ValueError(f"a tolerance is a number of at least 0, got {self.override}")

    def tolerance(self, dtype: str) -> float:
        """Return `t` for a dtype's name; 0 for one that must be identical."""
        if self.override is not None and dtype in TOLERANCES:
            return self.override
        published = LEVELS[self.safety].get(dtype, 0.0)
        return published + self.own_error if published and dtype != "float64" else published

    @property
    def exact(self) -> bool:
        """Whether nothing but the same bits will do."""
        return self.safety is Safety.EXACT and self.override is None

    @property
    def loosened_for(self) -> tuple[str, ...]:
        """The dtypes for which the user allows more than the published tolerance."""
        if self.override is None:
            return ()
        return tuple(dtype for dtype, published in LEVELS[self.safety].items() if self.override > published)

    @property
    def loosened(self) -> bool:
        """Whether the user allows more than the published tolerance of any dtype."""
        return bool(self.loosened_for)


def policy(dtype: str) -> float:
    """Return the published `t` for a dtype's name, at the level `rounding`."""
    return Policy().tolerance(dtype)
