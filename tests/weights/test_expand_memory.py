"""Results of some size: the memory that they take, and what an interruption leaves of them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from small import BERT

from rewriter.weights.drawing import draw

SMALL = {**BERT, "hidden_size": 512, "num_attention_heads": 8, "num_hidden_layers": 1, "intermediate_size": 2048}
TARGET = "hidden_size=1024,num_attention_heads=16,num_hidden_layers=8,intermediate_size=4096"
MIB = 1 << 20

PROBE = """
import sys
from pathlib import Path
from rewriter import cli
try:
    cli.app(sys.argv[1:])
except SystemExit as error:
    assert not error.code, error.code
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    save_file(dict(draw(SMALL).weights), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(SMALL))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux's")
def test_the_result_is_never_in_memory_as_a_whole(tmp_path, source):
    """Peak RSS is at most the source file, three of the largest target tensor, and 150 MB; the result is larger."""
    out = tmp_path / "b" / "model.safetensors"
    command = [sys.executable, "-c", PROBE, "expand", str(source), "--to", TARGET, "-o", str(out.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    peak, size = int(done.stdout.splitlines()[-1]), out.stat().st_size
    out.unlink()
    largest = 1024 * 4096 * np.dtype(np.float32).itemsize
    allowed = (source / "model.safetensors").stat().st_size + 3 * largest + 150 * MIB
    assert size > allowed  # else the bound would say nothing
    assert peak <= allowed, f"{peak / MIB:.0f} of {allowed / MIB:.0f} MiB"


INTERRUPTED = """
import os, signal, sys
from rewriter import cli
after = float(sys.argv.pop(1))

def soon(event, arguments):
    if event == "open" and ".rewriter-" in str(arguments[0]) and str(arguments[0]).endswith("model.safetensors"):
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, after)

sys.addaudithook(soon)
cli.main()
"""
"""Interrupts itself some seconds after it has begun to write: an interruption from outside may come too late."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGALRM")
@pytest.mark.parametrize("after", [1e-6, 0.02])
def test_an_interruption_leaves_nothing(tmp_path, source, after):
    command = ["expand", str(source), "--to", TARGET, "-o", str(tmp_path / "b" / "c")]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(after), *command], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (130, "interrupted; nothing was left half written\n")
    assert not list(tmp_path.iterdir())
