"""Whole forwards by recording: of models that no graph can hold as they are written, and nothing of a call's values.

Each twin of the model reads a value, or changes something, in a way that a bare `jit(capture_mode="trace")` gets wrong.
"""

from __future__ import annotations

import inspect

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

from rewriter import Outcome, api, pipeline, plugins, source
from rewriter.summary import blocks_of
from rewriter.targets import Target

MODEL = """\
from mindspore import Tensor, mint, nn, ops


class Output(dict):
    pass


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(2)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Model(nn.Cell):
    def __init__(self, kind=""):
        super().__init__()
        self.kind = kind
        self.encoder = Encoder()
        self.pooler = nn.Dense(4, 4)
        self.bias = Tensor([1.0, 2.0, 3.0, 4.0])
        self.calls = 0
        self.last = None

    def construct(self, x, mask=None, *, scale=1, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        if self.kind == "argument":
            x[0] = 1.0
        states = self.encoder(x * scale)
        kept = (states,)
        states[0] = 0.5  # in place: what is kept changes with it
        states = self.step(states, mask)
        pooled = self.pooler(states)
        if not return_dict:
            return pooled, kept
        return Output(kept=kept, pooled=pooled)

    def step(self, states, mask):
        if self.kind == "branch":
            return states * 2 if states.sum() > 0 else states * 3
        if self.kind == "array":
            return states * float(states.asnumpy().mean())
        if self.kind == "weight":
            return states * self.pooler.bias.sum().item()
        if self.kind == "rare" and mask.max().item() > 1:
            return states * 5
        if self.kind == "shape":
            return states * Tensor([states.shape[0], 3]).sum().item()
        if self.kind == "buffer":
            return states * float(self.bias.asnumpy().sum())
        if self.kind == "late":  # what is read is changed afterwards
            total = states.sum(0)
            factor = total.tolist()[1]
            total[:] = 0.0
            return states * factor
        if self.kind == "count":
            self.calls = self.calls + 1
            return states * self.calls
        if self.kind == "last":
            self.last = states
        return states
"""
READS = {
    "branch": "reads what is in a tensor, by __bool__",
    "array": "reads what is in a tensor, by asnumpy",
    "late": "reads what is in a tensor, by tolist",
}
CHANGES = {
    "argument": "changes an argument",
    "count": "changes what the next run does",
    "last": "changes what the next run does",
}


def rewritten(text, capture, passes=()):
    host = plugins.load()
    target = Target.parse("cpu", None, capture=capture)
    passes = api.select(host, passes)
    return pipeline.run(source.parse(text.encode(), name="<text>"), passes, target, dialects=host.dialects())


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """What was warned of."""
    lines = []
    monkeypatch.setattr(mindspore.log, "warning", lambda message, *values: lines.append(message % values))
    return lines


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The original and its rewriting, as modules."""
    import importlib.util
    import sys

    folder, made = tmp_path_factory.mktemp("recorded"), []
    for name, text in (("old", MODEL), ("new", rewritten(MODEL, "auto").text)):
        path = folder / f"{name}_whole.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        made.append(module)
    yield made
    for module in made:
        del sys.modules[module.__name__]


@pytest.fixture
def pair(files):
    """A function that gives a model of the original and one of the rewriting, with the same weights."""

    def make(kind="", *, train=False):
        old, new = (module.Model(kind) for module in files)
        drawn = np.random.default_rng(0)  # which branch is taken must not be left to chance
        for item in old.get_parameters():
            item.set_data(Tensor(drawn.normal(scale=0.5, size=item.shape).astype(np.float32)))
        mindspore.load_param_into_net(new, {item.name: item for item in old.get_parameters()})
        return old.set_train(train), new.set_train(train)

    return make


def x(seed=0, rows=2):
    return Tensor(np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32) * (-1) ** seed)


def close(one, other):
    assert type(one).__name__ == type(other).__name__
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = tuple(one.values()), tuple(other.values())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(close, one, other))
    return np.allclose(one.asnumpy(), other.asnumpy(), atol=1e-4)


def agree(old, new, *arguments, **options):
    return close(old(*arguments, **options), new(*arguments, **options))


def refused(new):
    return new._recordings.refused


def is_recorded(new):
    return not refused(new) and new._recordings[-1].graph.by_trace


@pytest.mark.parametrize("kind", ["", "shape", "buffer"])
def test_other_values_give_other_answers(pair, kind):
    old, new = pair(kind)
    for seed in range(3):
        assert agree(old, new, x(seed), return_dict=False)
        assert is_recorded(new)
        assert agree(old, new, x(seed), scale=2)
    assert is_recorded(new)
    assert inspect.signature(type(old).construct) == inspect.signature(type(new).construct)


@pytest.mark.parametrize("kind", READS)
def test_what_a_call_reads_is_asked_in_every_call(pair, kind):
    """The first call is recorded; from the first one on that reads something else, it is plain Python."""
    old, new = pair(kind)
    assert agree(old, new, x(), return_dict=False)
    assert is_recorded(new)
    assert all(agree(old, new, other, return_dict=False) for other in (x(), x() * -50, x() * 50, x()))
    assert READS[kind] in refused(new)


def test_a_weight_that_is_read(pair):
    old, new = pair("weight")
    for values in ([1.0, 2.0, 3.0, 4.0], [4.0, 5.0, 6.0, 7.0]):
        for model in (old, new):
            model.pooler.bias.set_data(Tensor(values))
        assert agree(old, new, x(), return_dict=False)
        assert agree(old, new, x(1), return_dict=False)
    assert is_recorded(new)


def test_a_value_that_is_rare_is_answered_right(pair):
    old, new = pair("rare")
    ones = Tensor(np.ones((2, 4), np.float32))
    assert agree(old, new, x(), ones, return_dict=False)
    assert agree(old, new, x(1), ones * 0.5 + 0.25, return_dict=False) is True
    assert "by item" in refused(new)  # as much as it takes: another value, though the same way
    old, new = pair("rare")
    for mask in (ones, ones, ones + 1, ones):
        assert agree(old, new, x(), mask, return_dict=False)
    assert "by item" in refused(new)


@pytest.mark.parametrize("kind", CHANGES)
def test_what_a_call_changes_is_changed_once(pair, kind):
    old, new = pair(kind)
    for seed in range(2):
        one, other = x(seed), x(seed)
        assert close(old(one, return_dict=False), new(other, return_dict=False))
        assert close(one, other)
        assert old.calls == new.calls
        assert (old.last is None) == (new.last is None)
        assert old.last is None or close(old.last, new.last)
    assert CHANGES[kind] in refused(new)


def test_packed_answers_and_another_object(pair):
    """The first packed call is plain Python, to learn the form; what is no plain value is never recorded for."""
    old, new = pair()
    for seed in range(3):
        assert agree(old, new, x(seed))
    assert is_recorded(new)
    assert agree(old, new, x(), scale=np.float64(3), return_dict=False)
    assert "neither a tensor nor a plain value" in refused(new)
    assert agree(old, new, x(), scale=np.float64(2), return_dict=False)


def test_reading_while_training_is_plain_python(pair):
    """A recording that turned out to read another value would have moved averages already."""
    old, new = pair("shape", train=True)
    assert agree(old, new, x(), return_dict=False)
    assert "reads what is in a tensor, by item" in refused(new)


@pytest.mark.slow
def test_gradients_through_a_recording_that_reads(pair):
    old, new = pair("shape")
    for seed in range(3):
        found = [
            mindspore.value_and_grad(lambda v, m=model: m(v, return_dict=False)[0].sum(), 0, model.trainable_params())(
                x(seed)
            )
            for model in (old, new)
        ]
        for one, other in zip(*([value, grad, *grads] for value, (grad, grads) in found), strict=True):
            assert close(one, other)
    assert is_recorded(new)


def test_the_report(files):
    result = rewritten(MODEL, "auto")
    (site,) = [site for site in result.sites if site.pass_name == "record"]
    assert (site.what, site.outcome) == ("Model.construct", Outcome.REWRITTEN)
    assert not blocks_of(result)
    assert blocks_of(rewritten(MODEL, "ast"))  # there, what is changed in place keeps it from being a graph
    assert "@_recorded" not in rewritten(MODEL, "ast").text
    assert "@_recorded\n    def _construct_recorded(self, x, mask, scale, return_dict):" in result.text
    assert "@_recorded\n    def _construct_recorded(" in rewritten(MODEL, "trace").text
    for capture in ("auto", "trace"):
        text = rewritten(MODEL, capture).text
        assert rewritten(text, capture).text == text


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("        kept = (states,)\n", "        kept = (locals()['states'],)\n", "`locals` sees the names"),
        ("mask=None, *, scale=1, return_dict=None", "*mask, scale=1, return_dict=None", "no fixed number"),
        (
            "        return_dict = return_dict if return_dict is not None else True\n",
            "        first = self.pooler(x)\n        return_dict = return_dict if return_dict is not None else True\n",
            "before it settles `return_dict`",
        ),
        (
            "        states = self.encoder(x * scale)\n",
            "        if scale:\n            late = x\n        return_dict = bool(return_dict)\n"
            "        try:\n            states = self.encoder(late)\n        except ValueError:\n            raise\n",
            "`late` may be unbound",
        ),
    ],
)
def test_what_cannot_be_split_is_left_with_the_reason(old, new, reason):
    assert old in MODEL
    result = rewritten(MODEL.replace(old, new), "auto", ["record"])
    assert "_construct_recorded" not in result.text
    (site,) = [site for site in result.sites if site.pass_name == "record"]
    assert site.outcome is Outcome.SKIPPED
    assert reason in site.reason
