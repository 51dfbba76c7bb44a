"""The site is built without a warning: every link leads somewhere, every page is in the menu."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import material
import pytest
from blocks import ROOT
from mkdocs.utils import yaml_load


def build(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of the repository in `folder`."""
    path = os.pathsep.join([str(folder / "docs"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1"},
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what the site is made of."""
    for name in ("docs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_the_theme_is_the_one_that_is_installed():
    settings = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["name"] == material.__name__


@pytest.mark.slow
def test_it_is_built_without_a_warning(copy):
    done = build(copy, copy / "site")
    assert done.returncode == 0, done.stderr
    page = (copy / "site" / "index.html").read_text(encoding="utf-8")
    assert "What it changes" in page
    assert 'href="how-it-works/"' in page, "the README's links lead to pages of the site"
    fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', page)
    assert not fetched, "a page is to fetch nothing from elsewhere"
    commands = (copy / "site" / "reference" / "commands" / "index.html").read_text(encoding="utf-8")
    assert "rewriter apply modeling_bert.py" in re.sub(r"<[^>]+>", "", commands)  # each word may have a colour


@pytest.mark.slow
def test_a_link_to_nowhere_ends_it(copy):
    """The twin: a page that is not there, a heading that is not, and an example that is not."""
    with (copy / "docs" / "hooks.md").open("a", encoding="utf-8") as page:
        page.write("\n[a](no-such-page.md) [b](gate.md#no-such-heading) [c](../examples/no_such_example.py)\n")
    done = build(copy, copy / "site")
    assert done.returncode != 0
    for missing in ("no-such-page.md", "#no-such-heading", "#no_such_examplepy"):
        assert missing in done.stderr


def test_every_page_is_in_the_menu():
    """In place of a build, for the fast run."""
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    for path in (ROOT / "docs").glob("*.md"):
        assert f": {path.name}\n" in menu, f"{path.name} is not in mkdocs.yml"
    for name in re.findall(r": ([\w-]+\.md)$", menu, flags=re.MULTILINE):
        assert name in ("index.md", "contributing.md", "changelog.md") or (ROOT / "docs" / name).exists()
