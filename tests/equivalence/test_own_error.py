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


def test_a_sum_in_another_order_passes_where_the_model_enlarges_rounding(judged):
    result = judged(OTHER_ORDER, scale=ENLARGED)
    assert result.status is Status.EQUIVALENT
    assert 0 < result.own_error <= AT_MOST - Policy().tolerance("float32")


def test_and_without_that_where_the_published_tolerance_is_enough(judged):
    result = judged(OTHER_ORDER)
    assert (result.status, result.own_error) == (Status.EQUIVALENT, 0.0)


def test_the_same_distance_is_different_in_a_model_that_does_not(judged):
    """Twin: 4e-6 passes behind a large factor, and not behind none."""
    assert judged(TOO_FAR, scale=ENLARGED).status is Status.EQUIVALENT
    result = judged(TOO_FAR)
    assert (result.status, result.own_error) == (Status.DIFFERENT, 0.0)


def test_what_is_further_off_is_different_and_nobody_is_asked(judged, monkeypatch):
    monkeypatch.setattr(own_error, "in_single_precision", None)
    assert judged(WRONG, scale=ENLARGED).status is Status.DIFFERENT


def test_a_tolerance_of_the_users_own_is_the_last_word(judged, monkeypatch):
    monkeypatch.setattr(own_error, "in_single_precision", None)
    assert judged(OTHER_ORDER, scale=ENLARGED, policy=Policy(1e-7)).status is Status.DIFFERENT


def test_near_is_up_to_the_limit_and_never_for_what_has_no_figure():
    def off_by(excess):
        return [OutputDifference("x", "value", Status.DIFFERENT, excess=excess)]

    assert own_error.is_near(off_by(4.9), Policy())
    assert not own_error.is_near(off_by(5.1), Policy())
    assert not own_error.is_near(off_by(float("inf")), Policy())
    assert not own_error.is_near(off_by(4.9), Policy(2e-6))


def test_the_next_numbers_are_one_unit_in_the_last_place_away_and_always_the_same():
    given = {"a": np.linspace(-3, 3, 999, dtype=np.float32), "b": np.array(0.5, np.float16)}
    moved = weights.next_numbers(given, 0)
    for key, value in given.items():
        assert moved[key].dtype == value.dtype
        up, down = np.nextafter(value, value.dtype.type(np.inf)), np.nextafter(value, value.dtype.type(-np.inf))
        assert ((moved[key] == up) | (moved[key] == down)).all()
    assert 300 < (moved["a"] > given["a"]).sum() < 700
    assert (weights.next_numbers(given, 0)["a"] == moved["a"]).all()
    assert (weights.next_numbers(given, 1)["a"] != moved["a"]).any()


@pytest.mark.parametrize(("dtype", "added"), [("float32", 1e-6), ("float16", 1e-6), ("float64", 0.0), ("int64", 0.0)])
def test_it_is_added_to_the_tolerance_of_a_dtype_that_has_one(dtype, added):
    assert Policy(own_error=1e-6).tolerance(dtype) == pytest.approx(Policy().tolerance(dtype) + added)
