"""The tests of mindone's files run in an environment of their own: its transformers does not go with mindnlp's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from mindone_files import FIXTURES, modeling_file

if importlib.util.find_spec("mindone") is None:
    collect_ignore_glob = ["test_*.py"]  # tests/conftest.py says so

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


@pytest.fixture(scope="session")
def twin(tmp_path_factory):
    """Rewrite a family's file for a CPU as `rewriter apply` does, and import the result; each once."""
    folder = tmp_path_factory.mktemp("twins")
    found: dict[str, ModuleType] = {}

    def load(family: str) -> ModuleType:
        if family not in found:
            path = folder / f"mindone_{family}.py"
            command = [sys.executable, "-m", "rewriter", "apply", str(modeling_file(family))]
            subprocess.run([*command, "--target", "cpu", "-o", str(path)], check=True)
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None and spec.loader is not None
            found[family] = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(found[family])
        return found[family]

    return load


@pytest.fixture(scope="session")
def stored():
    """What PyTorch answered: `stored(family, model, call)`, field → array."""
    files: dict[str, dict[str, np.ndarray]] = {}

    def load(family: str, model: str, call: str) -> dict[str, np.ndarray]:
        if family not in files:
            with np.load(FIXTURES / f"{family}.npz") as found:
                files[family] = dict(found)
        start = f"{model}|{call}|"
        return {key.removeprefix(start): value for key, value in files[family].items() if key.startswith(start)}

    return load
