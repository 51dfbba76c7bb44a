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


def test_stand_ins_are_there_until_the_end_of_the_script(process, script):
    """Nothing is rewritten then but what is named, so that no library needs to be there. The twin runs without them."""
    script.write_text(
        "import atexit\nfrom mindspore.mint import arange\n"
        "atexit.register(lambda: print(arange(4)))\nprint(arange(3))\n",
        encoding="utf-8",
    )
    run = process("-m", "rewriter", "run", "--stand-ins", script)
    assert run.code == 0, run.err
    assert "[0 1 2]\n[0 1 2 3]\n" in run.out  # MindSpore may print lines of its own around them
    assert "rewriter: stand-ins for " in run.err
    assert "Traceback" not in run.err
    run = process("-m", "rewriter", "run", "--module", "idle", script)
    assert run.code == 1
    assert "kernel" in run.err


def test_stand_ins_need_mindspore(process, script, without):
    run = process("-m", "rewriter", "run", "--stand-ins", script, prelude=without("mindspore"))
    assert run.code == 2
    assert "mindspore is not installed" in run.err
    assert "Traceback" not in run.err


def test_a_script_that_needs_no_mindspore_runs_without_it(process, script, without):
    run = process("-m", "rewriter", "run", "--module", "idle", script, "0", prelude=without("mindspore", "mindnlp"))
    assert run.code == 0, run.err
