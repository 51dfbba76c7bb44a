"""What rounding alone may cost: a sum in another order passes where the original itself is that sensitive, no other."""

import importlib.util

import numpy as np
import pytest

from rewriter.equivalence import own_error, weights
from rewriter.equivalence.adapters import ModelAdapter
from rewriter.equivalence.cases import Case
from rewriter.equivalence.policy import AT_MOST, Policy
from rewriter.equivalence.statistics import OutputDifference, Status
from rewriter.equivalence.subject import Subject
from rewriter.equivalence.verdict import EAGER

TEXT = """\
from mindspore import Parameter, Tensor, nn, ops
import numpy as np


class Scores(nn.Cell):
    def __init__(self):
        super().__init__()
        self.weight = Parameter(Tensor(np.ones((8, 64), np.float32)), name="weight")

    def construct(self, x):
        products = x * self.weight
        products = products - products.mean(-1, keep_dims=True)
        return SCALE * (SUM)
"""
ORIGINAL = "products.sum(-1)"
OTHER_ORDER = "sum([products[:, i] for i in range(64)])"
TOO_FAR = "products.sum(-1) + 4e-6 / SCALE"
ENLARGED = 30.0
"""Times sums of nearly 0: it enlarges their rounding, and no value."""
WRONG = "products.sum(-1) + 1e-3"


class Adapter(ModelAdapter):
    name = "scores"

    def matches(self, module):
        return True

    def cases(self, model_class, level, seed):
        return [CASE]

    def build(self, module, model, settings):
        return module.Scores()


CASE = Case("Scores", "Scores", inputs={"x": np.random.default_rng(1).normal(size=(8, 64)).astype(np.float32)})


@pytest.fixture
def judged(tmp_path):
    """The result of comparing the original with another spelling, in eager mode."""

    def check(spelling, scale=1.0, policy=None):
        modules = []
        for name, text in (("before", ORIGINAL), ("after", spelling)):
            path = tmp_path / f"{name}.py"
            path.write_text(TEXT.replace("SUM", text).replace("SCALE", str(scale)))
            spec = importlib.util.spec_from_file_location(name, path)
            modules.append(importlib.util.module_from_spec(spec))
            spec.loader.exec_module(modules[-1])
        subject = Subject(Adapter(), *modules, [], CASE, policy or Policy(), 0)
        kept = weights.values(subject.original)
        (result,) = subject.compare(subject.ask_original(CASE), CASE, seen=None)
        assert all((weights.values(subject.original)[key] == value).all() for key, value in kept.items())
        assert result.mode == EAGER
        return result

    return check


def test_what_rounding_may_do_passes_where_the_model_enlarges_it(judged):
    result = judged(TOO_FAR, scale=ENLARGED)
    assert result.status is Status.EQUIVALENT
    assert 0 < result.own_error <= AT_MOST - Policy().tolerance("float32")


def test_the_same_distance_is_different_in_a_model_that_does_not(judged):
    """Twin: 4e-6 passes behind a large factor, and not behind none."""
    result = judged(TOO_FAR)
    assert (result.status, result.own_error) == (Status.DIFFERENT, 0.0)


def test_nobody_is_asked_where_the_published_tolerance_is_enough(judged, monkeypatch):
    monkeypatch.setattr(own_error, "in_single_precision", None)
    assert judged(OTHER_ORDER).status in (Status.IDENTICAL, Status.EQUIVALENT)


def test_what_is_further_off_is_different_and_nobody_is_asked(judged, monkeypatch):
    monkeypatch.setattr(own_error, "in_single_precision", None)
    assert judged(WRONG, scale=ENLARGED).status is Status.DIFFERENT


def test_a_tolerance_of_the_users_own_is_the_last_word(judged, monkeypatch):
    monkeypatch.setattr(own_error, "in_single_precision", None)
    assert judged(TOO_FAR, scale=ENLARGED, policy=Policy(1e-7)).status is Status.DIFFERENT


def test_near_is_up_to_the_limit_and_never_for_what_has_no_figure():
    def off_by(excess):
        return [OutputDifference("x", "value", Status.DIFFERENT, excess=excess)]

    assert own_error.is_near(off_by(4.9), Policy())
    assert not own_error.is_near(off_by(5.1), Policy())
    assert not own_error.is_near(off_by(float("inf")), Policy())
    assert not own_error.is_near(off_by(4.9), Policy(2e-6))


def test_values_move_by_the_rounding_of_their_sums_and_always_alike():
    given = {
        "bias": np.linspace(-3, 3, 999, dtype=np.float32),
        "wide": np.ones((3, 16, 16), np.float32),
        "half": np.array([0.0, 0.5], np.float16),
    }
    moved = weights.rounded_elsewhere(given, 0)
    for key, value in given.items():
        assert moved[key].dtype == value.dtype
        unit = np.spacing(np.abs(value)).astype(np.float64)
        distance = np.abs(moved[key].astype(np.float64) - value)
        assert (distance[value != 0] > 0).all() and not distance[value == 0].any()
        assert (distance <= (10 if key == "wide" else 2) * unit).all()
    assert np.abs(moved["wide"] - 1).min() > 5e-7  # eight units: half the square root of 256
    assert 300 < (moved["bias"] > given["bias"]).sum() < 700
    assert (weights.rounded_elsewhere(given, 0)["bias"] == moved["bias"]).all()
    assert (weights.rounded_elsewhere(given, 1)["bias"] != moved["bias"]).any()


@pytest.mark.parametrize(("dtype", "added"), [("float32", 1e-6), ("float16", 1e-6), ("float64", 0.0), ("int64", 0.0)])
def test_it_is_added_to_the_tolerance_of_a_dtype_that_has_one(dtype, added):
    assert Policy(own_error=1e-6).tolerance(dtype) == pytest.approx(Policy().tolerance(dtype) + added)
