"""The command line in this process and in one of its own, and a toy modeling file that must never be executed."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from rewriter import cli as command_line

ROOT = Path(__file__).resolve().parents[2]

TOY = '''\
"""A toy modeling file. Whoever executes it leaves a trace."""

from pathlib import Path

from mindspore import nn

Path(__file__).with_name("executed").touch()


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(2, 2) for _ in range(2)])

    def construct(self, x):
        for layer in self.layers:  # one after the other
            x = layer(x)
        return x
'''

IDLE = '''\
"""A modeling file in which there is nothing to rewrite."""

from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        return x
'''


@dataclass(frozen=True)
class Run:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with settings and backups of its own, without a terminal."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "pyproject.toml").touch()  # or the settings of a folder above would hold
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("FORCE_COLOR", "NO_COLOR", "REWRITER_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def toy(workplace: Path) -> Path:
    path = workplace / "modeling_toy.py"
    path.write_text(TOY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def commands() -> Iterator[None]:
    """Make the tree of commands once, which is the same for every command line of a process."""
    before = typer.main.get_command
    typer.main.get_command = functools.cache(before)
    yield
    typer.main.get_command = before


@pytest.fixture
def cli(commands: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run a command as the installed program does: `cli("apply", path, "--diff")`."""

    def run(*arguments: str | Path) -> Run:
        monkeypatch.setattr(sys, "argv", ["rewriter", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            command_line.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., Run]:
    """Run Python in a process of its own; `prelude` is executed before anything else in it, through sitecustomize."""

    def run(*arguments: str | Path, prelude: str = "", timeout: float = 120, **environment: str) -> Run:
        folder = tmp_path / "prelude"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(prelude, encoding="utf-8")
        path = os.pathsep.join([str(folder), str(ROOT)])
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


BLOCKED = """\
from importlib.machinery import PathFinder

real = PathFinder.find_spec.__func__


def find_spec(cls, name, path=None, target=None):
    if name.partition(".")[0] in {names!r}:
        return None
    return real(cls, name, path, target)


PathFinder.find_spec = classmethod(find_spec)
"""


@pytest.fixture
def without() -> Callable[..., str]:
    """Return the prelude of a process in which these modules are not installed."""
    return lambda *names: BLOCKED.format(names=set(names))


@pytest.fixture(scope="session")
def few_calls() -> str:
    """The text of a plugin by which the bundled BERT is checked by two calls only."""
    return Path(__file__).with_name("few_calls.py").read_text(encoding="utf-8")


@pytest.fixture
def changed_bert(workplace: Path) -> Callable[[str, str], Path]:
    """Make a copy of the bundled BERT with one piece of its text replaced."""

    def make(old: str, new: str) -> Path:
        shutil.copytree(ROOT / "models", workplace / "copied", ignore=shutil.ignore_patterns("__pycache__"))
        path = workplace / "copied" / "bert" / "modeling_bert.py"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    return make
