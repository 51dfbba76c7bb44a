"""What keeps a repository rewritten: `apply --check`, the pre-commit hook, the workflow for GitHub, completion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOK = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
ACTION = (ROOT / "examples" / "github-action.yml").read_text(encoding="utf-8")
IDLE = "from mindspore import nn\n\n\nclass Layer(nn.Cell):\n    def construct(self, x):\n        return x\n"


def value(text, key):
    """Return the one value of a key in a YAML file, whose lines are simple."""
    (found,) = re.findall(rf"^[\s-]*{key}: (.+)$", text, flags=re.MULTILINE)
    return found


def test_check_lists_what_would_change_and_writes_nothing(cli, toy, workplace):
    (workplace / "modeling_idle.py").write_text(IDLE, encoding="utf-8")
    before = {path: path.read_bytes() for path in workplace.rglob("*") if path.is_file()}
    run = cli("apply", toy, "modeling_idle.py", "--check")
    assert run.code == 1
    assert "would be rewritten" in run.out
    assert {path: path.read_bytes() for path in workplace.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("text", [IDLE, "", "import torch\n", "import os\n", "from mindspore import nn\n"])
def test_check_is_fine_with_what_would_stay(cli, workplace, text):
    (workplace / "modeling_idle.py").write_text(text, encoding="utf-8")
    assert cli("apply", "modeling_idle.py", "--check").code == 0
    assert cli("apply", "modeling_idle.py").code == 1


def test_check_is_fine_with_what_was_rewritten_in_place(cli, toy):
    assert cli("apply", toy, "--in-place").code == 0
    assert cli("apply", toy, "--check").code == 0


@pytest.mark.parametrize(("text", "code"), [("def f(:\n", 2), (IDLE, 1)])
def test_check_still_tells_of_what_is_wrong(cli, workplace, text, code):
    """Text that is no Python, and a pass that was asked for and finds nothing."""
    (workplace / "modeling_idle.py").write_text(text, encoding="utf-8")
    assert cli("apply", "modeling_idle.py", "--check", "--passes", "flatten").code == code


def test_check_tells_of_a_pass_that_fails(cli, workplace):
    (workplace / "modeling_idle.py").write_text(IDLE, encoding="utf-8")
    (workplace / "bad.py").write_text(
        "from rewriter import Pass, hookimpl\n\n\nclass Bad(Pass):\n    name = 'bad'\n\n"
        "    def rewrite(self, context):\n        return 1 / 0\n\n\n@hookimpl\ndef rewriter_passes():\n"
        "    return [Bad()]\n",
        encoding="utf-8",
    )
    assert cli("apply", "modeling_idle.py", "--check", "--plugin", "bad.py").code == 1


def test_the_pre_commit_hook_is_a_command_that_there_is(cli, toy, workplace):
    """pre-commit appends the files of the commit to `entry`."""
    program, *words = shlex.split(value(HOOK, "entry"))
    assert program == "rewriter"
    assert cli(*words, toy).code == 1
    (workplace / "modeling_idle.py").write_text(IDLE, encoding="utf-8")
    assert cli(*words, "modeling_idle.py").code == 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("modeling_bert.py", True),
        ("models/bert/modeling_bert.py", True),
        ("models/bert/modeling_bert_rewritten.py", False),
        ("models/bert/configuration_bert.py", False),
        ("models/remodeling_bert.py", False),
    ],
)
def test_the_pre_commit_hook_takes_modeling_files(path, expected):
    taken = re.search(value(HOOK, "files"), path) and not re.search(value(HOOK, "exclude"), path)
    assert bool(taken) is expected


def test_the_workflow_checks_the_modeling_files_of_a_pull_request(toy, workplace, tmp_path):
    """Its last step, in a repository: a file that was not touched does not matter, nor does one that was deleted."""
    script = re.sub(r"^ {10}", "", ACTION.partition("        run: |\n")[2], flags=re.MULTILINE)
    assert "rewriter apply --check" in script
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "rewriter").write_text(f'#!/bin/sh\nexec {sys.executable} -m rewriter "$@"\n', encoding="utf-8")
    (folder / "rewriter").chmod(0o755)
    names = [f"GIT_{role}_{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    who = dict.fromkeys(names, "someone@example.org")
    environment = {**os.environ, **who, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def shell(command, **more):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=workplace,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    (workplace / "modeling_gone.py").write_text(IDLE, encoding="utf-8")
    shell("git init -q . && git add . && git commit -qm base && git tag base").check_returncode()
    (workplace / "other.py").write_text("x = 1\n", encoding="utf-8")
    (workplace / "modeling_gone.py").unlink()
    shell("git add -A . && git commit -qm 'no modeling file'").check_returncode()
    assert shell(script, BASE="base").returncode == 0
    (workplace / "sub folder").mkdir()
    (workplace / "sub folder" / "modeling_new.py").write_text(toy.read_text(), encoding="utf-8")
    shell("git add -A . && git commit -qm 'a modeling file'").check_returncode()
    done = shell(script, BASE="base")
    assert done.returncode != 0
    assert "modeling_new.py" in done.stdout
    assert "modeling_toy.py" not in done.stdout
    assert not list(workplace.rglob("*_rewritten.py"))


def test_completion_completes_commands_and_options(process, workplace):
    (workplace / "command.py").write_text("from rewriter.cli import main\n\nmain()\n", encoding="utf-8")
    (workplace / "command.py").rename(workplace / "rewriter")  # completion goes by the name of the program

    def completed(*words):
        at = str(len(words) - 1)
        return process("rewriter", _REWRITER_COMPLETE="complete_bash", COMP_WORDS=" ".join(words), COMP_CWORD=at).out

    assert completed("rewriter", "new").split() == ["new-pass"]
    assert completed("rewriter", "apply", "--bis").split() == ["--bisect-limit"]
    run = process("rewriter", "--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert run.code == 0
    assert "_REWRITER_COMPLETE=complete_bash" in run.out


def test_the_new_commands_help_teaches(cli):
    for name in ("new-pass", "test", "plugins"):
        run = cli(name, "--help")
        assert run.code == 0
        assert f"rewriter {name}" in run.out.partition("Example")[2]
