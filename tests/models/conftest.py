"""Reads what PyTorch answered (`tests/fixtures`, made by `make_fixtures.py`) and compares models with it."""

import importlib
import json
from pathlib import Path

import mindspore
import numpy as np
import pytest
from mindspore import Tensor, ops
from sampling import slow_but

from rewriter.equivalence.run import waiting_for_every_operator

FIXTURES = Path(__file__).parent.parent / "fixtures"
TOLERANCE = 1e-5
EVERY_RUN = {
    "bert": (
        "base",
        "mask_left",
        "mask_3d",
        "head_mask_2d",
        "relative_key_query",
        "masked_lm",
        "multiple_choice",
        "cache",
    ),
    "clip": ("text_left", "text_eos_2", "vision", "both_loss", "text_features", "single_label"),
}
"""Checkpoint → the cases of the fast run."""


class Recorded:
    """The cases of one checkpoint."""

    def __init__(self, name):
        self.directory = FIXTURES / f"{name}-tiny"
        self.module = importlib.import_module(f"models.{name}.modeling_{name}")
        with np.load(self.directory / "outputs.npz") as file:
            self.arrays = dict(file)
        index = json.loads(bytes(self.arrays.pop("index")))
        self.cases = {case["name"]: case for case in index["cases"]}
        for alias, first in index["same_as"].items():
            self.arrays[alias] = self.arrays[first]

    def part(self, case, kind):
        prefix = f"{case['name']}|{kind}|"
        return {name.removeprefix(prefix): value for name, value in self.arrays.items() if name.startswith(prefix)}

    def build(self, case):
        """The model of a case, with the weights that the checkpoint lacks."""
        model = getattr(self.module, case["class"]).from_pretrained(self.directory, **case["config"])
        parameters = model.parameters_dict()
        for key, value in self.part(case, "weight").items():
            parameters[key].set_data(Tensor(value))
        return model

    def inputs(self, case):
        return {name: Tensor(value) for name, value in self.part(case, "in").items()}

    def check(self, case, outputs):
        """The same fields as PyTorch's, and each of them within the tolerance. Returns the largest difference."""
        expected = self.part(case, "out")
        assert set(outputs) == set(expected)
        worst = 0.0
        for name, value in expected.items():
            assert outputs[name].shape == value.shape, name
            difference = float(np.abs(outputs[name] - value).max())
            assert difference <= TOLERANCE, f"{name}: {difference}"
            worst = max(worst, difference)
        return worst


def flatten(value, name=""):
    """Arrays of an output by field name: nested fields are joined by dots."""
    if isinstance(value, Tensor):
        return {name: value.asnumpy()}
    pairs = value.items() if hasattr(value, "items") else enumerate(value)
    found = {}
    for key, item in pairs:
        found.update(flatten(item, f"{name}.{key}" if name else str(key)))
    return found


def names_in(checkpoint):
    """Names of the cases, without importing a model."""
    with np.load(FIXTURES / f"{checkpoint}-tiny" / "outputs.npz") as file:
        return [case["name"] for case in json.loads(bytes(file["index"]))["cases"]]


def pytest_generate_tests(metafunc):
    for checkpoint in ("bert", "clip"):
        if f"{checkpoint}_case" in metafunc.fixturenames:
            cases = slow_but(names_in(checkpoint), *EVERY_RUN[checkpoint])
            metafunc.parametrize(f"{checkpoint}_case", cases, indirect=True)


@pytest.fixture(scope="module", autouse=True)
def synchronous():
    """Run eager operators in the calling thread: tiny models spend their time in handing over (15 times as long)."""
    with waiting_for_every_operator():
        yield


@pytest.fixture(scope="session")
def bert():
    return Recorded("bert")


@pytest.fixture(scope="session")
def clip():
    return Recorded("clip")


@pytest.fixture
def bert_case(request, bert):
    return bert.cases[request.param]


@pytest.fixture
def clip_case(request, clip):
    return clip.cases[request.param]


@pytest.fixture(name="flatten")
def flatten_fixture():
    return flatten


@pytest.fixture
def einsum(monkeypatch):
    """`ops.einsum` for the two equations of BERT, where this device has no kernel for it (a CPU has none)."""
    try:
        ops.einsum("ij,jk->ik", ops.ones((2, 2)), ops.ones((2, 2))).asnumpy()
        mindspore.hal.synchronize()
    except RuntimeError as error:
        if "Einsum" not in str(error):
            raise
        monkeypatch.setattr(ops, "einsum", _einsum_by_products)


def _einsum_by_products(equation, states, positions):
    axes = {"bhld,lrd->bhlr": 3, "bhrd,lrd->bhlr": 2}
    return (states.expand_dims(axes[equation]) * positions).sum(axis=-1)
