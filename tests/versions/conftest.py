"""Earlier releases of mindnlp: where their files are, and how to run a command with one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = "REWRITER_MINDNLP_VERSIONS"
MAKE = "pip install --no-deps --no-compile --target .versions/0.3.1 mindnlp==0.3.1"
ROOT = Path(__file__).resolve().parents[2]

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def release() -> Callable[[str], Path]:
    """Return the folder that one release of mindnlp was unpacked into."""

    def find(version: str) -> Path:
        folder = os.environ.get(FOLDER)
        if not folder:
            pytest.skip(f"{FOLDER} names no folder with earlier releases of mindnlp: {MAKE}")
        found = Path(folder, version).resolve()
        if not (found / "mindnlp").is_dir():
            pytest.skip(f"no mindnlp {version} in {folder}: {MAKE.replace('0.3.1', version)}")
        return found

    return find


@pytest.fixture(scope="session")
def modeling_file(release: Callable[[str], Path]) -> Callable[[str, str], Path]:
    """Return the modeling file of a model in a release."""
    return lambda version, model: release(version) / "mindnlp/transformers/models" / model / f"modeling_{model}.py"


@pytest.fixture(scope="session")
def python(release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run Python with a release of mindnlp in the place of the installed one, in a process of its own."""

    def run(version: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join(map(str, (release(version), ROOT)))
        return subprocess.run(
            [sys.executable, "-W", "ignore", *arguments],
            cwd=tmp_path_factory.mktemp("run"),
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
        )

    return run
