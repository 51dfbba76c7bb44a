"""The examples run as they stand, and print what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

PRINTS = {
    "optimize_model.py": [
        r"largest difference: (0\.0e\+00|\d\.\de-0[78])",
        r"still a BertModel: True",
        r"one call: \d+\.\d ms before, \d+\.\d ms after",
    ],
    "import_hook.py": [
        r"module: models\.bert\.modeling_bert",
        r"rewritten: True",
        r"output: \(2, 32, 64\)",
    ],
}


@pytest.mark.parametrize("name", [pytest.param("optimize_model.py", marks=pytest.mark.slow), "import_hook.py"])
def test_the_example_runs_and_prints(name, tmp_path):
    environment = {**os.environ, "REWRITER_CACHE": str(tmp_path / "cache"), "GLOG_v": "3"}
    environment.pop(
        "MS_ALLOC_CONF", None
    )  # mindnlp, imported by another test, sets it, and MindSpore then prints a line
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    for line, pattern in zip(done.stdout.splitlines(), PRINTS[name], strict=True):
        assert re.fullmatch(pattern, line)
