"""The PyTorch peers, run by an interpreter that has PyTorch: they compute what the original computes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rewriter.benchmark.plan import TORCH_PEERS, Plan
from rewriter.benchmark.remote import PEER_PYTHON, Remote, WorkerError, torch_worker
from rewriter.benchmark.stage import Entrant, stage
from rewriter.benchmark.torch_worker import _config
from rewriter.benchmark.workloads import with_length, workloads
from rewriter.runtime import loader

MODELS = Path(__file__).resolve().parents[2] / "models"
NEEDS_PYTORCH = pytest.mark.skipif(
    not os.environ.get(PEER_PYTHON), reason=f"PyTorch lives in an environment of its own, which {PEER_PYTHON} names"
)
NAMES = [("bert", "BertModel"), ("clip", "CLIPVisionModel"), ("clip", "CLIPTextModel"), ("clip", "CLIPModel")]


class Part:
    def __init__(self, width=1):
        self.width = width

    def to_dict(self):
        return {"width": self.width}


class Whole:
    sub_configs = {"part": Part}

    def __init__(self, part=None, depth=1):
        self.part, self.depth = part, depth


def test_a_configuration_takes_what_its_class_names():
    made = _config(Whole, {"depth": 3, "ms_dtype": "float32", "part": {"width": 2, "return_dict": True}})
    assert (made.depth, made.part) == (3, {"width": 2})


def started(kind, file, name):
    """Return (the original's runner, the peer's, the workload); the caller closes them."""
    path = MODELS / file / f"modeling_{file}.py"
    before = loader.load(path)
    ((workload,),) = workloads(before, size="tiny", batches=(2,), lengths=(9,), models=(name,))
    with stage(before, str(path), workload, Plan(), 1) as here:
        original = here.start(Entrant("original", "", "original", str(path)))
        return original, here.start(Entrant(kind, "", kind, str(path))), workload


@NEEDS_PYTORCH
@pytest.mark.slow
@pytest.mark.parametrize("kind", TORCH_PEERS)
@pytest.mark.parametrize(("file", "name"), NAMES)
def test_it_computes_what_the_original_computes(kind, file, name):
    """At the shape that it was built with and at another one, and under a mask that is padded on the left."""
    original, peer, workload = started(kind, file, name)
    shorter = dict(with_length(workload, 6))
    if workload.length:
        shorter["attention_mask"] = shorter["attention_mask"].copy()
        shorter["attention_mask"][0, :2] = 0
    for inputs in (workload.inputs, shorter):
        for runner in (original, peer):
            runner.give(inputs)
            assert runner.call() > 0
        assert np.max(np.abs(original.output() - peer.output())) < 1e-4
    assert (peer.compiles() > 0) == (kind == "compile")
    peer.close()


@NEEDS_PYTORCH
def test_a_model_that_transformers_does_not_have():
    request = {"kind": "torch", "model": "NoSuchModel", "config": {}, "weights": None, "threads": 1, "fixed": True}
    with pytest.raises(WorkerError, match="transformers has no NoSuchModel"):
        Remote(torch_worker(), request)
