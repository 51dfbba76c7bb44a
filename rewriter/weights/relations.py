"""How the outputs of a larger model relate to those of the one that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .axis import Axis, IntArray


@dataclass(frozen=True, eq=False)
class Relations:
    """How the outputs of the target are those of the source. Logits and losses are equal.

    Attributes:
        last_hidden: `target[..., i] = scale[i] * source[..., index[i]]`, of the last hidden state. It holds for the
            last entry of `hidden_states` too.
        hidden: Likewise, of the other entries of `hidden_states`.
        pooler: Likewise, of the pooler's output (BERT).
        heads: int64 [target heads]: attention' = attention[heads]; caches likewise.
        head_units: int64 [target head size]: cached keys and values are copied by it inside a head.
        layers: Per target layer the source layer that has the same attentions and caches; None where there is none.
        states: Per entry of the target's `hidden_states` the source's entry; None where there is none.
    """

    last_hidden: Axis
    hidden: Axis
    pooler: Axis
    heads: IntArray
    head_units: IntArray
    layers: tuple[int | None, ...]
    states: tuple[int | None, ...]

    def after(self, inner: Relations) -> Relations:
        """Return these relations as ones to the source of `inner`, whose target is the source of these."""
        return Relations(
            last_hidden=self.last_hidden.after(inner.last_hidden),
            hidden=self.hidden.after(inner.hidden),
            pooler=self.pooler.after(inner.pooler),
            heads=inner.heads[self.heads],
            head_units=inner.head_units[self.head_units],
            layers=tuple(None if i is None else inner.layers[i] for i in self.layers),
            states=tuple(None if i is None else inner.states[i] for i in self.states),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        axes = {name: getattr(self, name) for name in ("last_hidden", "hidden", "pooler")}
        return {
            **{name: _axis_to_json(axis) for name, axis in axes.items()},
            "heads": self.heads.tolist(),
            "head_units": self.head_units.tolist(),
            "layers": list(self.layers),
            "states": list(self.states),
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Relations:
        """Return the relations that `to_json` wrote.

        Raises:
            KeyError: Something is missing.
        """
        return Relations(
            last_hidden=_axis_from_json(values["last_hidden"]),
            hidden=_axis_from_json(values["hidden"]),
            pooler=_axis_from_json(values["pooler"]),
            heads=np.asarray(values["heads"], dtype=np.int64),
            head_units=np.asarray(values["head_units"], dtype=np.int64),
            layers=tuple(values["layers"]),
            states=tuple(values["states"]),
        )


def _axis_to_json(axis: Axis) -> dict[str, Any]:
    return {"index": axis.index.tolist(), "scale": None if axis.scale is None else axis.scale.tolist()}


def _axis_from_json(values: Mapping[str, Any]) -> Axis:
    scale = values["scale"]
    index = np.asarray(values["index"], dtype=np.int64)
    return Axis(index, None if scale is None else np.asarray(scale, dtype=np.float64))
