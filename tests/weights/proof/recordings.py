"""Reads `expansion_outputs.npz`, what PyTorch answered; the script that made it describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PATH = Path(__file__).resolve().parents[2] / "fixtures" / "expansion_outputs.npz"


@dataclass(frozen=True)
class Recorded:
    """One model: its configuration, weights under HuggingFace's names, and case → arguments and outputs."""

    config: dict[str, Any]
    weights: dict[str, Array]
    cases: dict[str, tuple[dict[str, Array], dict[str, Array]]]


@cache
def recorded() -> dict[str, Recorded]:
    """Return every model of the fixture by name."""
    with np.load(PATH) as file:
        arrays = dict(file)
    models = {}
    for name, told in json.loads(str(arrays.pop("index"))).items():
        flat, weights, start = arrays.pop(f"{name}|weights"), {}, 0
        for key, shape in told["weights"]:
            stop = start + int(np.prod(shape))
            weights[key], start = flat[start:stop].reshape(shape), stop
        cases: dict[str, tuple[dict[str, Array], dict[str, Array]]] = {}
        for key, array in arrays.items():
            model, case, side, item = (*key.split("|"), "", "")[:4]
            if model == name and item:
                cases.setdefault(case, ({}, {}))[side == "out"][item] = array
        models[name] = Recorded(told["config"], weights, cases)
    return models
