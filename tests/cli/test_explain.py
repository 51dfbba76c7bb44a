"""`rewriter explain`: what it prints and exits with. What it finds has tests of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # many small models, most of them compiled

HERE = Path(__file__).parents[1] / "equivalence"
ADAPTER = HERE / "toy_adapter.py"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """The command sets this for its process; put it back for the tests after these."""
    monkeypatch.setenv("GLOG_v", "3")


@pytest.fixture
def file(workplace):
    return Path(shutil.copy(HERE / "toy_refusals.py", workplace / "modeling_toy.py"))


def test_what_compiles_ends_well(cli, file):
    run = cli("explain", file, "--model", "FineModel", "--plugin", ADAPTER)
    assert run.code == 0
    assert "FineModel as FineModel  compiles" in run.out
    assert run.out.splitlines()[-1] == f"{file}: 2 compile as they are"


def test_what_is_left_is_a_promise_that_failed(cli, file):
    run = cli("explain", file, "--plugin", ADAPTER)
    assert run.code == 1
    lines = run.out.splitlines()
    at = lines.index("Deletes as ToyModel.parts.1  compiles after the passes")
    assert lines[at + 1].strip() == "modeling_toy.py:33  del y  # here"
    assert lines[at + 2].strip() == "a graph cannot hold `del`; mended by no-del"
    assert "        a graph cannot hold `try`; no pass mends it" in lines
    assert any(line.endswith("as in Tries; no pass mends it") for line in lines)
    assert "not called by any model here: Unused" in lines
    assert lines[-1].endswith("3 compile as they are, 5 after the passes, 8 refused")


def test_the_document(cli, file):
    run = cli("explain", file, "--model", "FineModel", "--plugin", ADAPTER, "--json")
    document = json.loads(run.out)
    assert document["exit_code"] == run.code == 0
    assert [item["state"] for item in document["explanations"][0]["classes"]] == ["compiles", "compiles"]


def test_mistakes(cli, file, workplace):
    for arguments, message in (
        (["nowhere.py"], "no such file"),
        ([file, "--plugin", ADAPTER, "--model", "Nobody"], "there is no model Nobody"),
        ([file, "--plugin", ADAPTER, "--passes", "nothing"], "no pass is called 'nothing'"),
    ):
        run = cli("explain", *arguments)
        assert (run.code, run.out) == (2, ""), arguments
        assert message in run.err


def test_mindspore_s_own_log_stays_out(process, file, workplace):
    run = process("-m", "rewriter", "explain", file, "--plugin", ADAPTER, timeout=300)
    assert run.code == 1, run.err
    assert "[ERROR]" not in run.out + run.err
    assert {path.name for path in workplace.iterdir()} - {"__pycache__"} == {"modeling_toy.py", "pyproject.toml"}
