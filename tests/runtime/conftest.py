"""What the tests of `cache`, `hook`, `optimize` and `script` share: a cache folder of their own, and toy packages."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rewriter.runtime import hook

TOY = '''\
"""A toy model: each of its layers computes 2 x + shift."""

from dataclasses import dataclass

import mindspore
from mindspore import nn

from .shared import SHIFT


@dataclass
class ToyOutput:
    value: mindspore.Tensor


class ToyLayer(nn.Cell):
    def __init__(self):
        super().__init__()
        self.shift = mindspore.Parameter(mindspore.Tensor(SHIFT, mindspore.float32), name="shift")

    def construct(self, x):
        return x * 2 + self.shift


class ToyEncoder(nn.Cell):
    def __init__(self, layers=3):
        super().__init__()
        self.layers = nn.CellList([ToyLayer() for _ in range(layers)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class ToyModel(nn.Cell):
    def __init__(self, layers=3):
        super().__init__()
        self.encoder = ToyEncoder(layers)

    def construct(self, x):
        assert isinstance(self.encoder, ToyEncoder)
        return ToyOutput(value=self.encoder(x))
'''

_count = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what the tests rewrite out of the user's cache, in subprocesses too."""
    folder = tmp_path_factory.mktemp("rewriter-cache")
    before = os.environ.get("REWRITER_CACHE")
    os.environ["REWRITER_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["REWRITER_CACHE"]
    else:
        os.environ["REWRITER_CACHE"] = before


@pytest.fixture
def toy_text() -> str:
    return TOY


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Make importable toy packages, each under a new name; their modules and the hooks are gone after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(text: str = TOY, module: str = "modeling_toy", shift: float = 1.0, **more: str) -> str:
        name = f"rewriter_toy_{next(_count)}"
        made.append(name)
        folder = tmp_path / name
        folder.mkdir()
        files = {"__init__": "", "shared": f"SHIFT = {shift}\n", module: text, **more}
        for stem, content in files.items():
            (folder / f"{stem}.py").write_text(content, encoding="utf-8")
        return name

    yield make
    hook.uninstall()
    for known in list(sys.modules):
        if known.partition(".")[0] in made:
            del sys.modules[known]
