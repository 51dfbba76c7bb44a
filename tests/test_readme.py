"""The README's commands exist, CI runs them as they stand there, and what they promise happens."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rewriter
from rewriter import cli as command_line

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The commands as CI finds them."""
    spec = importlib.util.spec_from_file_location("readme_command", ROOT / ".ci" / "readme_command.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.commands(README)


def parts(command: str) -> list[list[str]]:
    """Split a chain of commands into the words of each."""
    return [shlex.split(part) for part in command.split("&&")]


def rewriter_lines(text: str) -> list[list[str]]:
    """The words of every `rewriter …` line of the bash blocks of a text."""
    blocks = re.findall(r"^```bash\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("rewriter ")]


def test_one_command_to_try_and_one_to_test():
    first, second = commands()[:2]
    environment, install, apply = parts(first)
    assert environment == ["python3", "-m", "venv", ".venv"]
    assert install == [".venv/bin/pip", "install", "."]
    assert apply[:2] == [".venv/bin/rewriter", "apply"]
    assert {"--verify", "--bench"} <= set(apply)
    assert (ROOT / apply[2]).is_file()
    assert parts(second) == [[".venv/bin/pip", "install", ".[test]"], [".venv/bin/pytest"]]


def test_ci_runs_them_as_they_stand_there():
    for number in (1, 2):
        assert f'bash -euo pipefail -c "$(python3 .ci/readme_command.py {number})"' in CI
        done = subprocess.run(
            [sys.executable, ".ci/readme_command.py", str(number)], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        assert done.stdout == commands()[number - 1] + "\n"


def test_ci_starts_from_nothing_and_stops_at_the_first_failure():
    lines = CI.splitlines()
    assert "set -euo pipefail" in lines
    first_command = next(n for n, line in enumerate(lines) if "readme_command.py 1" in line)
    assert lines.index("rm -rf .venv .versions") < first_command
    for tool in ("ruff check .", "ruff format --check .", "mypy"):
        assert f".venv/bin/{tool}" in CI


@pytest.fixture
def run(monkeypatch, capsys):
    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["rewriter", *words])
        try:
            command_line.main()
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return command


@pytest.mark.parametrize("words", rewriter_lines(README), ids=" ".join)
def test_every_line_names_a_command_and_options_that_there_are(run, words):
    code, text = run(words[0], "--help")
    assert code == 0
    for word in words[1:]:
        if word.startswith("-"):
            assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text), f"`rewriter {words[0]}` has no {word}"


def test_the_lines_were_found():
    assert {words[0] for words in rewriter_lines(README)} >= {"apply", "verify", "bench", "run", "passes"}


def test_the_python_block_names_what_there_is():
    (block,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    compile(block, "README.md", "exec")
    for name in set(re.findall(r"\brewriter\.(\w+)", block)):
        assert name in rewriter.__all__
    from rewriter.pipeline import Result

    fields = {*Result.__dataclass_fields__, *dir(Result)}
    assert set(re.findall(r"\bresult\.(\w+)", block)) <= fields


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """Work in a copy of what the first command needs."""
    shutil.copytree(
        ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("*_rewritten.py", "__pycache__")
    )
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_first_command_writes_what_the_readme_says(copy, run):
    words = [word for word in parts(commands()[0])[-1][1:] if word not in ("--verify", "--bench")]
    code, text = run(*words)
    (name,) = re.findall(r"writes `([^`]+)`", README)
    assert code == 0
    assert name in text
    compile((copy / name).read_bytes(), name, "exec")


@pytest.mark.slow
def test_the_first_command(copy):
    """As it stands there, but for the environment: with the proof, and the measurement of a model of base size."""
    command = Path(sys.executable).with_name("rewriter")
    assert command.exists(), "install the package: pip install -e ."
    words = parts(commands()[0])[-1][1:]
    done = subprocess.run([str(command), *words], cwd=copy, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b(identical|equivalent)\b", done.stdout)
    assert "speed-up" in done.stdout
    assert "Traceback" not in done.stderr
