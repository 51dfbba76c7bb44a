"""What loads when, `--help` of every command, `--version`, and `python -m rewriter`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from rewriter import __version__

COMMANDS = ("apply", "verify", "bisect", "bench", "explain", "passes", "run", "undo")
HEAVY = {"libcst", "rich", "pydantic", "mindspore", "mindnlp", "numpy", "tomllib", "asyncio"}

PROBE = """\
import atexit, json, sys

atexit.register(lambda: print("loaded " + json.dumps(sorted(sys.modules)), file=sys.stderr))
"""


def loaded(error: str) -> set[str]:
    return {name.partition(".")[0] for name in json.loads(error.rpartition("loaded ")[2])}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_the_first_help_loads_nothing_heavy(process, arguments):
    run = process("-m", "rewriter", *arguments, prelude=PROBE)
    assert run.code == 0, run.err
    assert loaded(run.err).isdisjoint(HEAVY)


@pytest.mark.parametrize("arguments", [*((name, "--help") for name in COMMANDS), ("undo", "missing.py")])
def test_a_command_s_help_loads_nothing_heavy(process, arguments):
    run = process("-m", "rewriter", *arguments, prelude=PROBE)
    assert run.code == (0 if "--help" in arguments else 2), run.err
    assert loaded(run.err).isdisjoint(HEAVY)


def test_apply_loads_nothing_that_runs_models(process, toy):
    run = process("-m", "rewriter", "apply", toy, "--diff", prelude=PROBE)
    assert run.code == 0
    assert "libcst" in loaded(run.err)  # the probe sees something
    assert loaded(run.err).isdisjoint({"mindspore", "mindnlp", "numpy", "transformers", "datasets", "pandas"})


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command(cli, name):
    run = cli(name, "--help")
    assert run.code == 0
    assert f"rewriter {name} " in run.out.replace("Usage: rewriter", "")  # an example, besides the usage
    assert cli(name, "-h").out == run.out


def test_the_help_names_the_exit_codes(cli):
    for arguments in (("--help",), ("apply", "--help"), ("verify", "--help")):
        text = " ".join(cli(*arguments).out.split())
        assert "Exit codes: 0" in text
        for code in "12":
            assert re.search(rf"[,;] {code} ", text), (arguments, code)


def test_the_first_steps_are_in_the_help(cli):
    run = cli("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", run.out, flags=re.MULTILINE)
    assert "rewriter apply modeling_bert.py --diff" in run.out
    assert "rewriter verify modeling_bert.py modeling_bert_rewritten.py" in run.out


def test_no_arguments_show_the_help(cli):
    run = cli()
    assert "Usage" in run.out + run.err
    assert "Traceback" not in run.err


def test_the_version(cli):
    run = cli("--version")
    assert (run.code, run.out) == (0, f"rewriter {__version__}\n")


def test_as_a_module(process):
    run = process("-m", "rewriter", "--version")
    assert (run.code, run.out) == (0, f"rewriter {__version__}\n")


def test_importing_the_package_loads_nothing(process, workplace):
    (workplace / "probe.py").write_text("import rewriter, rewriter.__main__\n", encoding="utf-8")
    run = process("probe.py", prelude=PROBE)
    assert run.code == 0, run.err
    assert loaded(run.err).isdisjoint(HEAVY)


def test_the_installed_command(process):
    command = Path(sys.executable).with_name("rewriter")
    if not command.exists():
        pytest.skip("the package is not installed in this environment")
    run = process(command, "--version")
    assert (run.code, run.out) == (0, f"rewriter {__version__}\n")
