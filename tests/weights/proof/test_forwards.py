"""The forwards in NumPy give what PyTorch's transformers give, in float64 and in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from recordings import Recorded, recorded

from rewriter.weights.proof import bert, gpt2, numerics
from rewriter.weights.proof.inputs import Inputs
from rewriter.weights.proof.tensors import Weights

Array = npt.NDArray[Any]

BARS = {np.float64: 1e-13, np.float32: 1e-5}
NAMES = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "token_types", "position_ids": "positions"}
CASES = [(model, case) for model, told in recorded().items() for case in told.cases if not case.startswith("step")]


def weights_of(told: Recorded, precision: type[np.floating]) -> Weights:
    named = {key.removeprefix("bert.").removeprefix("transformer."): value for key, value in told.weights.items()}
    return Weights(named, named.__getitem__, precision, sum(value.size for value in named.values()))


def inputs_of(given: dict[str, Array]) -> Inputs:
    return Inputs(**{NAMES.get(key, key): value for key, value in given.items()})


def distance(expected: Array, actual: Array, inputs: Inputs, name: str) -> float:
    """Return the largest difference at the tokens that count, relative to the largest value there."""
    if name.startswith("attentions"):
        expected, actual = (item.swapaxes(1, 2)[inputs.attended] for item in (expected, actual))
    elif name.startswith(("keys", "values")):
        seen = inputs.seen(expected.shape[2])
        expected, actual = (item.swapaxes(1, 2)[seen] for item in (expected, actual))
    elif expected.shape[:2] == inputs.ids.shape:
        expected, actual = expected[inputs.attended], actual[inputs.attended]
    assert expected.shape == actual.shape
    return float(np.abs(expected - actual).max() / np.abs(expected).max())


def renamed(model: str, answers: dict[str, Array]) -> dict[str, Array]:
    """Give our outputs the names that PyTorch's have in each class."""
    found = dict(answers)
    if model == "bert-untied":
        found["logits"], found["loss"] = found["prediction_logits"], found["loss[prediction]"]
    if model == "bert-answers":
        found["start_logits"], found["end_logits"] = np.moveaxis(found["start_end_logits"], -1, 0)
    return found


@pytest.mark.parametrize("precision", BARS, ids=lambda item: item.__name__)
@pytest.mark.parametrize(("model", "case"), CASES, ids=lambda item: item)
def test_a_call_gives_what_pytorch_gives(model: str, case: str, precision: type[np.floating]) -> None:
    told = recorded()[model]
    given, expected = told.cases[case]
    inputs = inputs_of(given)
    forward = bert.forward if model.startswith("bert") else gpt2.forward
    answers = renamed(model, forward(told.config, weights_of(told, precision), inputs))
    assert all(answers[name].dtype == precision for name in expected)
    off = {name: distance(value, answers[name], inputs, name) for name, value in expected.items()}
    assert off.pop("loss", 0.0) <= 1e-6  # transformers computes a loss in float32
    assert max(off.values()) <= BARS[precision], off


@pytest.mark.parametrize("precision", BARS, ids=lambda item: item.__name__)
@pytest.mark.parametrize("model", ["gpt2", "gpt2-by-layer"])
def test_decoding_with_a_cache_gives_what_pytorch_gives(model: str, precision: type[np.floating]) -> None:
    told, past = recorded()[model], None
    steps = [case for case in told.cases if case.startswith("step")]
    assert len(steps) == 3
    for case in steps:
        given, expected = told.cases[case]
        inputs = inputs_of(given)
        answers = gpt2.forward(told.config, weights_of(told, precision), inputs, past)
        past = gpt2.cache_of(answers)
        off = {name: distance(value, answers[name], inputs, name) for name, value in expected.items()}
        assert max(off.values()) <= BARS[precision], (case, off)


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        ("bert", {"layer_norm_eps": 1e-6}),
        ("bert", {"hidden_act": "gelu_new"}),
        ("gpt2", {"activation_function": "gelu"}),
    ],
    ids=lambda item: item if isinstance(item, str) else next(iter(item)),
)
def test_another_setting_is_noticed(model: str, broken: dict[str, Any]) -> None:
    """The twin: the recordings tell an epsilon and an activation from their neighbours."""
    told = recorded()[model]
    given, expected = told.cases["none"]
    forward = bert.forward if model == "bert" else gpt2.forward
    answers = forward({**told.config, **broken}, weights_of(told, np.float64), inputs_of(given))
    assert distance(expected["hidden_states[1]"], answers["hidden_states[1]"], inputs_of(given), "hidden_states") > 1e-7


def test_every_activation_keeps_the_precision() -> None:
    for name in numerics.ACTIVATIONS:
        for precision in BARS:
            x = np.linspace(-3, 3, 7, dtype=precision)
            assert numerics.activation(name)(x).dtype == precision


def test_cross_entropy_by_hand() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [1.0, 1.0, 1.0]]))
    labels = np.array([0, 2, numerics.IGNORED])
    assert np.isclose(numerics.cross_entropy(logits, labels), -(np.log(0.5) + np.log(0.8)) / 2)
