"""Copies with even shares stay copies in training; uneven shares part them, and start out as exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from growing import bert, carried_out, plan
from rewriter_passes.weights.fpi import Fpi
from tape import bert_loss

from rewriter.weights.plan import IntArray, Plan
from rewriter.weights.proof.cases import WeightCase
from rewriter.weights.proof.inputs import Inputs
from rewriter.weights.proof.models import Model

Array = npt.NDArray[Any]
Tensors = dict[str, Array]

STEPS = 100
TOGETHER = 1e-6
APART = 1e-3
INNER = "encoder.layer.0.intermediate.dense.weight"
IDS = np.random.default_rng(0).integers(0, 37, (4, 12))


class Adam:
    """Adam with its usual constants."""

    def __init__(self, tensors: Tensors, rate: float = 1e-3) -> None:
        self.rate, self.step = rate, 0
        self.mean = {key: np.zeros_like(value) for key, value in tensors.items()}
        self.square = {key: np.zeros_like(value) for key, value in tensors.items()}

    def update(self, tensors: Tensors, gradients: Tensors) -> None:
        self.step += 1
        for key, gradient in gradients.items():
            self.mean[key] = 0.9 * self.mean[key] + 0.1 * gradient
            self.square[key] = 0.999 * self.square[key] + 0.001 * gradient**2
            mean = self.mean[key] / (1 - 0.9**self.step)
            square = self.square[key] / (1 - 0.999**self.step)
            tensors[key] = (tensors[key] - self.rate * mean / (np.sqrt(square) + 1e-8)).astype(tensors[key].dtype)


def spread(rows: Array, index: IntArray) -> float:
    """Return how far rows that are copies of one source unit are from each other, relative to the largest value."""
    first = {int(unit): number for number, unit in reversed(list(enumerate(index)))}
    twins = np.array([first[int(unit)] for unit in index])
    return float(np.abs(rows - rows[twins]).max() / np.abs(rows).max())


def grown(shares: str) -> tuple[Model, Plan, Tensors]:
    """Return a masked language model in float32, and one of twice the width and the feed-forward units."""
    small = bert("mlm", dtype="float32", num_hidden_layers=1)
    made = plan(small, Fpi(), shares=shares, hidden_size=48, num_attention_heads=6, intermediate_size=120)
    large = carried_out(small, made)
    return small, made, {key: large.read(key) for key in large.view.slots}


def test_the_gradients_are_those_of_the_loss() -> None:
    """The loss is the forward's, and walking along a weight changes it by what the gradient says."""
    small, _, tensors = grown("uneven")
    wide = {key: value.astype(np.float64) for key, value in tensors.items()}
    loss, gradients = bert_loss(wide, IDS, heads=6)
    (asked,) = small.ask([WeightCase("trained on", Inputs(IDS, labels=IDS))], "float64")
    assert np.isclose(loss, asked.answers["loss[prediction]"], rtol=1e-6)
    for key, tensor in wide.items():
        direction = np.random.default_rng(1).standard_normal(tensor.shape)
        up, down = (bert_loss({**wide, key: tensor + step * direction}, IDS, heads=6)[0] for step in (1e-6, -1e-6))
        assert np.isclose((up - down) / 2e-6, (gradients[key] * direction).sum(), rtol=1e-4, atol=1e-8), key


@pytest.mark.parametrize("shares", ["even", "uneven"])
def test_uneven_shares_part_the_copies(shares: str) -> None:
    _, made, tensors = grown(shares)
    maps = {"intermediate": made.maps["intermediate"], "hidden": made.maps["hidden"]}
    words = "embeddings.word_embeddings.weight"
    assert spread(tensors[INNER], maps["intermediate"]) == spread(tensors[words].T, maps["hidden"]) == 0.0
    optimizer, losses = Adam(tensors), []
    for _ in range(STEPS):
        loss, gradients = bert_loss(tensors, IDS, heads=6)
        losses.append(loss)
        optimizer.update(tensors, gradients)
    assert losses[-1] < 0.9 * losses[0]
    apart = spread(tensors[INNER], maps["intermediate"]), spread(tensors[words].T, maps["hidden"])
    print(f"{shares} shares: feed-forward rows {apart[0]:.1e}, hidden units {apart[1]:.1e} apart")
    assert max(apart) < TOGETHER if shares == "even" else min(apart) > APART
