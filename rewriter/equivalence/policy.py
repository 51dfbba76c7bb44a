"""The published tolerance, per dtype: how far a rewritten model's output may be from the original's.

`identical` needs the same bits. `equivalent` needs, for every element, `|expected - actual| <= t * max(1, |expected|)`
with the `t` of this table: an absolute bound for small numbers and a relative one for large. A few units in the last
place of a sum over a layer's width are allowed, and no more: a wrong mask or a missing scale is orders of magnitude
above.
"""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCES = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}
"""dtype → `t`. A dtype that is not here (integers, booleans) must be identical."""


@dataclass(frozen=True)
class Policy:
    """The tolerance that a check runs under.

    Attributes:
        override: The user's `t` for every floating dtype; None for the published ones.
    """

    override: float | None = None

    def __post_init__(self) -> None:
        if self.override is not None and not self.override >= 0:
            raise ValueError(f"a tolerance is a number of at least 0, got {self.override}")

    def tolerance(self, dtype: str) -> float:
        """Return `t` for a dtype's name; 0 for one that must be identical."""
        published = TOLERANCES.get(dtype, 0.0)
        return published if self.override is None or published == 0.0 else self.override

    @property
    def loosened(self) -> bool:
        """Whether the user allows more than the published tolerance of float32."""
        return self.override is not None and self.override > TOLERANCES["float32"]


def policy(dtype: str) -> float:
    """Return the published `t` for a dtype's name."""
    return Policy().tolerance(dtype)
