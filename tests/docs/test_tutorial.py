"""The tutorial keeps its promises: the pass is short, and what it says of a wrong one is what happens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import ROOT, blocks_of, text_of

PAGE = "docs/tutorial.md"
FILES = {block.title: block.text for block in blocks_of(PAGE, "python")}


def rewriter(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder that has the tutorial's files."""
    (folder / "pyproject.toml").touch()
    return subprocess.run(
        [sys.executable, "-m", "rewriter", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "200"},
    )


def write(folder: Path, **changes: tuple[str, str]) -> None:
    for name, text in FILES.items():
        old, new = changes.get(Path(name).stem, ("", ""))
        assert old in text
        (folder / name).write_text(text.replace(old, new) if old else text, encoding="utf-8")


def test_the_pass_is_fifteen_lines_with_two_examples():
    assert len(FILES["squares.py"].splitlines()) <= 15
    assert FILES["squares.py"].count("snippet(") == 2


def test_the_reader_sees_what_the_page_shows(tmp_path):
    """The diff, and the line of what is left, are printed as they stand there."""
    write(tmp_path)
    done = rewriter(tmp_path, "apply", "modeling_small.py", "--plugin", "squares.py", "--passes", "squares", "--diff")
    (shown,) = blocks_of(PAGE, "diff")
    assert shown.text in done.stdout
    assert "squares" in rewriter(tmp_path, "passes", "--plugin", "squares.py").stdout
    write(tmp_path, modeling_small=("ops.square(x)", "ops.square(ops.abs(x))"))
    left = rewriter(tmp_path, "apply", "modeling_small.py", "--plugin", "squares.py", "-v").stdout
    line = "11  skipped     squares: mindspore.ops.square: ops.abs(x) would be evaluated twice"
    assert line in text_of(PAGE)
    assert line in left


@pytest.mark.slow
def test_a_wrong_replacement_is_rolled_back_as_the_page_says(tmp_path):
    write(tmp_path, squares=('replacement = "x * x"', 'replacement = "x + x"'))
    done = rewriter(tmp_path, "apply", "modeling_small.py", "--plugin", "squares.py", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("squares rolled back at modeling_small.py:11: mindspore.ops.square (x + x)", "448 of 448 elements"):
        assert line in text_of(PAGE)
        assert line in done.stdout
    assert "x + x" not in (tmp_path / "modeling_small_rewritten.py").read_text(encoding="utf-8")
