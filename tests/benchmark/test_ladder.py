"""The steps of a ladder: each pass that changes the file, on top of those before it."""

from __future__ import annotations

import pytest

import rewriter
from rewriter.benchmark.ladder import _entrants, rewriting
from rewriter.errors import RewriterError

TOY = '''\
"""A toy modeling file."""

from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(2, 2) for _ in range(2)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
'''

IDLE = """\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        return x
"""


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "modeling_toy.py"
    path.write_text(TOY, encoding="utf-8")
    return path


def test_every_step_adds_a_pass_and_the_last_is_the_whole_rewriting(toy, tmp_path):
    entered = _entrants(toy, "portable", tmp_path)
    whole = rewriter.rewrite(toy)
    order = [report.name for report in whole.reports]
    names = [item.name for item in entered[1:]]
    assert entered[0].kind == "original"
    assert names == [name for name in order if name in names]  # in the order of the pipeline
    assert {"module-loops", "jit"} <= set(names) < set(order)  # and not those that found nothing
    texts = [(tmp_path / item.spec).read_bytes() for item in entered[1:]]
    assert len({toy.read_bytes(), *texts}) == len(texts) + 1
    assert texts[-1] == whole.data
    assert not any(item.required for item in entered[1:])  # a step that cannot run is a finding


def test_a_rewriting_for_the_time_being(toy):
    with rewriting(toy) as path:
        assert path.name == toy.name
        assert path.read_bytes() == rewriter.rewrite(toy).data
    assert not path.exists()


def test_a_file_in_which_there_is_nothing_to_do(tmp_path):
    path = tmp_path / "modeling_idle.py"
    path.write_text(IDLE, encoding="utf-8")
    with pytest.raises(RewriterError, match="no pass changes it"):
        _entrants(path, "portable", tmp_path)
    with pytest.raises(RewriterError, match="no pass changes it"), rewriting(path):
        pass
