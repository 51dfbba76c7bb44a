"""`examples/plugin_package`: installed, it is found; a broken plugin beside it stops neither it nor the tool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(__file__).resolve().parents[2] / "examples" / "plugin_package"
ROOT = PACKAGE.parents[1]

SQRT = """\
from mindspore import nn, ops


class Norm(nn.Cell):
    def construct(self, x):
        return x * ops.div(1, ops.sqrt(x))
"""


def laid_out(folder: Path) -> Path:
    """Lay the package out as pip does: its modules, and what its pyproject.toml says of it."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(PACKAGE / "src", folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    facts = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts.mkdir()
    entries = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["rewriter"].items())
    (facts / "entry_points.txt").write_text(f"[rewriter]\n{entries}", encoding="utf-8")
    lines = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (facts / "METADATA").write_text(lines, encoding="utf-8")
    return folder


def run(place: Path, *words: str, **options) -> subprocess.CompletedProcess[str]:
    """Run `rewriter` where the packages in `place` are installed."""
    path = os.pathsep.join([str(place), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "rewriter", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path},
        **options,
    )


def names(done: subprocess.CompletedProcess[str]) -> set[str]:
    assert done.returncode == 0, done.stderr
    return {row["name"] for row in json.loads(done.stdout)["passes"]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return laid_out(tmp_path / "site")


def test_its_pass_is_found_and_runs(place, tmp_path):
    assert "rsqrt" in names(run(place, "passes", "--json"))
    path = tmp_path / "modeling_norm.py"
    path.write_text(SQRT, encoding="utf-8")
    done = run(place, "apply", str(path), "--passes", "rsqrt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "return x * ops.rsqrt(x)" in (tmp_path / "modeling_norm_rewritten.py").read_text()


def test_without_it_there_is_no_such_pass(place, tmp_path):
    """The twin: not installed, or left out."""
    assert "rsqrt" not in names(run(tmp_path / "nowhere", "passes", "--json"))
    assert "rsqrt" not in names(run(place, "passes", "--json", "--no-plugin", "house"))


def test_a_broken_plugin_beside_it_stops_nothing(place):
    (place / "broken_plugin.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    facts = place / "broken_plugin-1.dist-info"
    facts.mkdir()
    (facts / "entry_points.txt").write_text("[rewriter]\nbroken = broken_plugin\n", encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1\n", encoding="utf-8")
    done = run(place, "passes", "--json")
    assert "rsqrt" in names(done)
    assert "nothing_of_this_name" in done.stdout + done.stderr


def test_its_own_tests_pass(place, tmp_path):
    """Under plain pytest, as its README says."""
    shutil.copytree(PACKAGE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    path = os.pathsep.join([str(place), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.slow
def test_pip_installs_it(tmp_path):
    """As it stands there, by pip itself; what it requires is here already."""
    copy = shutil.copytree(PACKAGE, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    site = tmp_path / "site"
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(copy)]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "rsqrt" in names(run(site, "passes", "--json"))
    told = run(site, "plugins")
    assert told.returncode == 0
    assert "rewriter-house" in told.stdout
