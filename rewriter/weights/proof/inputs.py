"""What a model is asked, and which of the answers count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .numerics import IGNORED, Array


@dataclass(frozen=True)
class Inputs:
    """The arguments of one call. All arrays are int64.

    Attributes:
        ids: (batch, tokens).
        mask: (batch, past and new tokens), 1 where there is a token and 0 where there is padding; None for no mask.
        token_types: (batch, tokens), BERT's; None for zeros.
        positions: (batch, tokens); None for those that follow from the place.
        labels: (batch, tokens), `IGNORED` where there is none; None for no loss.
    """

    ids: Array
    mask: Array | None = None
    token_types: Array | None = None
    positions: Array | None = None
    labels: Array | None = None

    def seen(self, keys: int) -> Array:
        """Return which keys may be seen: bool, (batch, keys)."""
        if self.mask is None:
            return np.ones((len(self.ids), keys), bool)
        return np.asarray(self.mask[:, :keys] != 0)

    @property
    def attended(self) -> Array:
        """Which of the new tokens count: bool, (batch, tokens). What stands at padding nobody reads."""
        length = self.ids.shape[1]
        if self.mask is None:
            return np.ones((len(self.ids), length), bool)
        return np.asarray(self.mask[:, -length:] != 0)

    def part(self, start: int, stop: int) -> Inputs:
        """Return the call for the tokens from `start` to `stop`, without labels; those before come from a cache."""
        cut = slice(start, stop)
        return Inputs(
            self.ids[:, cut],
            None if self.mask is None else self.mask[:, :stop],
            None if self.token_types is None else self.token_types[:, cut],
            None if self.positions is None else self.positions[:, cut],
        )


def labels_for(ids: Array, mask: Array | None) -> Array:
    """Return the ids as labels, without those at padding and after it: what stands at padding predicts nothing."""
    counted = np.ones(ids.shape, bool) if mask is None else mask != 0
    counted[:, 1:] &= counted[:, :-1].copy()
    return np.where(counted, ids, IGNORED)
