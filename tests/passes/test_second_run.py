"""What a run writes, a second one leaves: also where one pass makes what another looks for."""

import importlib.util
from pathlib import Path

import pytest

from rewriter import source

SPLIT = """\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, encoder, head):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def construct(self, x, labels=None, extra=None, return_dict=None):
        outputs = self.encoder(x)
        logits = self.head(outputs)
        loss = None
        if labels is not None:
            loss = ops.cross_entropy(logits[..., :-1, :].swapaxes(1, 2), labels[..., 1:])
        if extra is not None and loss is not None:
            loss += extra
        if not return_dict:
            return (loss, logits)
        return {"loss": loss, "logits": logits}
"""
"""The graph holds the slices, not what is written into: seen alone, they would do as `mint.narrow`."""

RESIZED = """\
from mindspore import mint, nn


class Resize(nn.Cell):
    def construct(self, image, size):
        return mint.nn.functional.interpolate(image, size=size, mode="bicubic", align_corners=False)
"""
SCORES = """\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, query, key):
        return ops.einsum("bsij,bsjk->bsik", query, key.swapaxes(2, 3))
"""
TWO_PARTS = """\
from mindnlp.core import nn, no_grad, ops


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Linear(8, 8)

    def forward(self, x, at):
        with no_grad():
            first = self.bias.weight[at]
        with no_grad():
            second = self.bias.weight[at + 1]
        return x + first + second
"""


@pytest.mark.parametrize(
    ("text", "device", "written"),
    [
        pytest.param(SPLIT, "cpu", "_construct_flat", id="a graph apart from what is written into"),
        pytest.param(RESIZED, "cpu", "def interpolate", id="a product in a helper"),
        pytest.param(SCORES, "cpu", "_times_transposed(", id="a product that was an einsum"),
        pytest.param(TWO_PARTS, "portable", "_forward_no_grad", id="two parts of a method"),
    ],
)
def test_where_passes_meet(text, device, written, rewrite):
    once = rewrite(text, device=device)
    assert written in once.text
    assert not once.failures
    assert rewrite(once.data, device=device).diff() == ""


FILES = (
    *("albert", "beit", "blip_2", "clip", "llava_next", "longformer", "luke", "prophetnet", "rag", "swin", "t5"),
    *("whisper", "xlnet"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_real_files(name, rewrite):
    found = importlib.util.find_spec("mindnlp").submodule_search_locations
    path = Path(found[0]) / "transformers" / "models" / name / f"modeling_{name}.py"
    once = rewrite(path.read_bytes(), package=source.package_of(path))
    assert once.changed
    assert not once.failures
    compile(once.data, str(path), "exec")
    assert rewrite(once.data).diff() == ""
