"""The command line, as the tests of commands have it, and plugins that are installed beside it."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

_SHARED = importlib.import_module("cli.conftest")
cli, commands, process = _SHARED.cli, _SHARED.commands, _SHARED.process
toy, workplace = _SHARED.toy, _SHARED.workplace

PASS = '''\
from rewriter import PatternPass, hookimpl


class Mine(PatternPass):
    """Write `{old}` as `{new}`."""

    name = "{name}"
    pattern = "{old}"
    replacement = "{new}"
    after = {after!r}


@hookimpl
def rewriter_passes():
    return [Mine()]
'''


@pytest.fixture
def plugin(workplace: Path) -> Callable[..., str]:
    """Write a plugin with one pattern pass: `plugin("file.py", "name", "pattern", "replacement")`."""

    def write(file: str, name: str, old: str, new: str, after: tuple[str, ...] = ()) -> str:
        path = workplace / file
        path.write_text(PASS.format(name=name, old=old, new=new, after=after), encoding="utf-8")
        return file

    return write


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a distribution by hand, as pip leaves it: `installed("my-dist", "entry", "module", text)`."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def put(distribution: str, entry: str, module: str, text: str) -> Path:
        sys.modules.pop(module, None)  # of another test
        (folder / f"{module}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[rewriter]\n{entry} = {module}\n", encoding="utf-8")
        importlib.invalidate_caches()
        return folder

    return put


@pytest.fixture
def model(workplace: Path) -> Path:
    """A small modeling file that calls what the passes of these tests look for."""
    path = workplace / "modeling_small.py"
    path.write_text(
        "from mindspore import nn, ops\n\n\nclass Model(nn.Cell):\n    def construct(self, x, y):\n"
        "        x = ops.square(x)\n        y = ops.square(y)\n        return ops.square(x) + ops.exp(y)\n",
        encoding="utf-8",
    )
    return path
