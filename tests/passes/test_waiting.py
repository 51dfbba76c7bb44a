"""A compiled model waits for all that its graph returns: who reads the first of it would take a core from the rest."""

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

from rewriter.runtime import loader, mindnlp_compat

TEXT = """\
from mindnlp.core import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x):
        kept = ()
        for layer in self.layers:
            x = layer(x)
            kept = kept + (x,)
        return x, kept, None
"""


class Output:
    """What notes that somebody asked for its shape, for which MindSpore waits."""

    asked = False

    @property
    def shape(self):
        self.asked = True
        return (2, 3)


@pytest.fixture(scope="module")
def rewritten(rewrite, tmp_path_factory):
    """The module with a compiled encoder."""
    assert mindnlp_compat.apply()
    path = tmp_path_factory.mktemp("waiting") / "waiting_encoder.py"
    path.write_bytes(rewrite(TEXT).data)
    return loader.load(path)


def test_for_everything_that_the_graph_returns(rewritten, monkeypatch):
    waited, wait = [], rewritten._wait
    monkeypatch.setattr(rewritten, "_wait", lambda leaves: (waited.append(leaves), wait(leaves)))
    model, x = rewritten.Encoder().set_train(False), Tensor(np.ones((3, 4), np.float32))
    for _ in range(3):
        last, kept, nothing = model(x)
        assert nothing is None
    assert waited
    found = [leaf.asnumpy().tolist() for leaf in waited[-1] if isinstance(leaf, Tensor)]
    assert found == [leaf.asnumpy().tolist() for leaf in (last, *kept)]


@pytest.mark.parametrize(("device", "waits"), [("CPU", True), ("Ascend", False)])
def test_on_a_cpu_only(device, waits, rewritten, monkeypatch):
    monkeypatch.setattr(mindspore, "get_context", {"device_target": device}.get)
    outputs = [Output(), Output()]
    rewritten._wait((outputs[0], 7, "text", outputs[1]))
    assert [output.asked for output in outputs] == [waits, waits]
