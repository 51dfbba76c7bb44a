"""The facts of `kernels.toml`: what is said to run on a CPU runs here, and what is said to lack a kernel fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mint_cases import FIXTURES
from rewriter_passes.mint.kernels import load_kernels
from rewriter_passes.mint.table import load

KERNELS = load_kernels()
RUNNER = """
import json, mindspore
from mindspore import mint
from mint_runner import fixtures
import calls_of_mint

def settled(value):
    for one in value if isinstance(value, (tuple, list)) else [value]:
        one.asnumpy()

seen = {}
for name, kinds in json.loads(open("kinds.json").read()).items():
    for jit in kinds:
        function = getattr(calls_of_mint, "of_" + name.replace(".", "_"))
        try:
            settled((mindspore.jit(function, fullgraph=True) if jit else function)(*fixtures().values()))
            outcome = "ran"
        except Exception as error:
            outcome = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        for _ in range(3):  # an operator's failure may surface again at a later call
            try:
                (mindspore.Tensor(0.0) + 0.0).asnumpy()
            except Exception:
                pass
        seen.setdefault(name, []).append(outcome)
json.dump(seen, open("seen.json", "w"))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What became of every call: in eager mode, and for what is said to run in jit too."""
    folder = tmp_path_factory.mktemp("kernels")
    lines, kinds = ["from mindspore import mint", ""], {}
    for name, arguments in {**KERNELS.runs, **KERNELS.no_graph, **KERNELS.fails}.items():
        short = name.removeprefix("mindspore.")
        function = "of_" + name.replace(".", "_")
        body = f"{short}{arguments}"
        if short.rpartition(".")[2][0].isupper():
            made, _, given = arguments.rpartition(")(")
            lines.append(f"made_{function} = {short}{made})")
            body = f"made_{function}({given}"
        lines.append(f"def {function}({', '.join(FIXTURES)}):\n    return {body}\n")
        kinds[name] = [False] if name in KERNELS.fails else [False, True]
    (folder / "calls_of_mint.py").write_text("\n".join(lines), encoding="utf-8")
    (folder / "kinds.json").write_text(json.dumps(kinds), encoding="utf-8")
    paths = [str(folder), str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "GLOG_v": "4"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((folder / "seen.json").read_text(encoding="utf-8"))


def test_what_is_said_to_run_runs(seen):
    assert {name: seen[name] for name in KERNELS.runs if seen[name] != ["ran", "ran"]} == {}


def test_what_is_said_to_refuse_graphs_only_does(seen):
    assert all(seen[name][0] == "ran" and seen[name][1] != "ran" for name in KERNELS.no_graph)


def test_what_is_said_to_fail_fails_for_want_of_a_kernel(seen):
    """An error of another kind would only show that the call is wrong."""
    words = ("unregistered", "kernelmod", "Kernel select", "Not found op", "only supports Ascend")
    wrong = {name: seen[name] for name in KERNELS.fails if not any(word in seen[name][0] for word in words)}
    assert wrong == {}


def test_a_fact_stands_in_one_place():
    known = [*KERNELS.runs, *KERNELS.no_graph, *KERNELS.fails]
    assert len(known) == len(set(known))
    assert not set(known) & set(load().api)
