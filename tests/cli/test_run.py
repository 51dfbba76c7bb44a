"""`rewriter run`: its options and its mistakes. What a script sees has tests beside the runtime."""

from __future__ import annotations

import pytest


@pytest.fixture
def script(workplace):
    path = workplace / "script.py"
    path.write_text("import sys\nprint(sys.argv)\nsys.exit(int(sys.argv[-1]))\n", encoding="utf-8")
    (workplace / "idle.py").touch()
    return path


def test_options_after_the_script_are_the_script_s(process, script):
    run = process("-m", "rewriter", "run", "--module", "idle", script, "--module", "other", "-h", "--json", "7")
    assert run.code == 7, run.err
    assert run.out == f"{[str(script), '--module', 'other', '-h', '--json', '7']}\n"


@pytest.mark.parametrize("name", ["missing.py", "."])
def test_a_script_that_cannot_be_run(process, script, name):
    run = process("-m", "rewriter", "run", "--module", "idle", name)
    assert run.code == 2
    assert f"{name}: cannot be run" in run.err
    assert "Traceback" not in run.err


def test_a_module_that_there_is_not(process, script):
    run = process("-m", "rewriter", "run", "--module", "no_module_of_this_name", script, "0")
    assert run.code == 2
    assert "no_module_of_this_name" in run.err
    assert "Traceback" not in run.err
    assert run.out == ""


def test_a_script_that_needs_no_mindspore_runs_without_it(process, script, without):
    run = process("-m", "rewriter", "run", "--module", "idle", script, "0", prelude=without("mindspore", "mindnlp"))
    assert run.code == 0, run.err
