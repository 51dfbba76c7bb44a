"""`rewriter new-pass`: what it writes works as it stands, alone and installed, and nothing is overwritten."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from rewriter.scaffold import Template

ROOT = Path(__file__).resolve().parents[2]
FORMAT = ["format", "--check", "--isolated", "--line-length", "120"]
KINDS = [kind.value for kind in Template]


@pytest.mark.parametrize("kind", KINDS)
def test_its_examples_hold(cli, workplace, kind):
    run = cli("new-pass", "my-pass", "--kind", kind)
    assert run.code == 0
    assert sorted(path.name for path in workplace.glob("*.py")) == ["my_pass.py", "test_my_pass.py"]
    done = cli("test", "my_pass.py", "--no-run", "--json")
    assert done.code == 0, done.out
    rows = json.loads(done.out)["examples"]
    assert rows
    assert {row["pass"] for row in rows} == {"my-pass"}


@pytest.mark.slow
def test_the_examples_of_a_new_graph_pass_compute_the_same(cli):
    cli("new-pass", "my-pass", "--kind", "graph")
    rows = json.loads(cli("test", "my_pass.py", "--json").out)["examples"]
    assert "it computes the same" in rows[0]["checks"]
    assert not rows[0]["notes"]
    assert all(row["ok"] for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_listed_and_tidy(cli, workplace, kind):
    cli("new-pass", "my-pass", "--kind", kind)
    rows = json.loads(cli("passes", "--json", "--plugin", "my_pass.py").out)["passes"]
    (row,) = [row for row in rows if row["plugin"] == "my_pass"]
    assert row["name"] == "my-pass"
    assert row["summary"].endswith(".")
    for path in workplace.glob("*.py"):
        subprocess.run([sys.executable, "-m", "ruff", *FORMAT, path], check=True)


def test_a_new_pattern_pass_rewrites_a_model(cli, model):
    """`ops.square(x)` in three places; by default, with all other passes."""
    cli("new-pass", "my-pass")
    assert cli("apply", model, "--plugin", "my_pass.py").code == 0
    text = model.with_name("modeling_small_rewritten.py").read_text()
    assert "x = x * x" in text
    assert "square" not in text


def test_what_to_do_next_is_printed_and_can_be_done(cli, workplace, model):
    run = cli("new-pass", "my-pass")
    lines = [line.split() for line in run.out.splitlines() if line.startswith("  rewriter ")]
    assert [line[1] for line in lines] == ["test", "apply"]
    for line in lines:
        assert cli(*[str(model) if word == "modeling_bert.py" else word for word in line[1:]]).code == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("mint", "has a pass 'mint'"), ("math", "would hide"), ("Bad Name", "no name"), ("9a", "no name"), ("if", "hide")],
)
def test_a_name_that_cannot_be(cli, workplace, name, words):
    run = cli("new-pass", name)
    assert run.code == 2
    assert words in run.err
    assert not list(workplace.glob("*.py"))


def test_nothing_is_overwritten_unless_one_says_so(cli, workplace):
    (workplace / "test_my_pass.py").write_text("mine", encoding="utf-8")
    run = cli("new-pass", "my_pass")
    assert run.code == 2
    assert "--force" in run.err
    assert not (workplace / "my_pass.py").exists()
    assert (workplace / "test_my_pass.py").read_text() == "mine"
    assert cli("new-pass", "my_pass", "--force").code == 0
    assert "pass_examples" in (workplace / "test_my_pass.py").read_text()


def test_a_package_in_a_folder(cli, workplace):
    run = cli("new-pass", "my-pass", "--package", "-o", "sub/folder", "--json")
    assert run.code == 0
    folder = workplace / "sub" / "folder" / "rewriter-my-pass"
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == [
        ".github/workflows/tests.yml",
        "README.md",
        "pyproject.toml",
        "src/rewriter_my_pass/__init__.py",
        "src/rewriter_my_pass/py.typed",
        "tests/test_passes.py",
    ]
    assert sorted(json.loads(run.out)["files"]) == [f"sub/folder/rewriter-my-pass/{name}" for name in found]
    assert "${{" not in (folder / ".github/workflows/tests.yml").read_text()
    assert not re.search("<<|>>", "".join(path.read_text() for path in folder.rglob("*") if path.is_file()))


def test_its_entry_point_names_the_pass_and_its_module(cli, workplace, installed, monkeypatch):
    """The fast twin of the test below: the metadata is written by hand from its pyproject.toml."""
    cli("new-pass", "my-pass", "--package")
    folder = workplace / "rewriter-my-pass"
    (entry,) = re.findall(
        r'^\[project\.entry-points\.rewriter\]\n([\w-]+) = "(\w+)"$', (folder / "pyproject.toml").read_text(), re.M
    )
    assert entry == ("my-pass", "rewriter_my_pass")
    source = (folder / "src" / "rewriter_my_pass" / "__init__.py").read_text()
    installed("rewriter-my-pass", *entry, source)
    assert "my-pass" in {item.name for item in entry_points(group="rewriter")}
    rows = {row["name"]: row for row in json.loads(cli("plugins", "--json").out)["plugins"]}
    assert rows["my-pass"]["passes"] == ["my-pass"]
    assert rows["my-pass"]["distribution"] == "rewriter-my-pass"
    assert cli("test", "rewriter_my_pass").code == 0
    assert cli("test", "my-pass").code == 0


@pytest.mark.slow
def test_an_installed_package_is_found_beside_a_broken_one(cli, workplace, model, tmp_path):
    """Built and installed by pip into an empty folder, without a network, and used by a process of its own."""
    cli("new-pass", "my-pass", "--package")
    cli("new-pass", "broken", "--package")
    (workplace / "rewriter-broken/src/rewriter_broken/__init__.py").write_text("import nothing_of_this_name\n")
    site = tmp_path / "site"
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
    packages = ["./rewriter-my-pass", "./rewriter-broken"]
    subprocess.run([sys.executable, "-m", "pip", *install, *packages], check=True, timeout=300)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}

    def run(*words):
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=workplace)

    rows = {row["name"]: row for row in json.loads(run("rewriter", "plugins", "--json").stdout)["plugins"]}
    assert (rows["my-pass"]["state"], rows["my-pass"]["distribution"]) == ("loaded", "rewriter-my-pass")
    assert rows["broken"]["state"] == "broken"
    done = run("rewriter", "apply", str(model), "--passes", "my-pass")
    assert done.returncode == 0, done.stderr
    assert "plugin broken is not used" in done.stderr
    assert "x = x * x" in model.with_name("modeling_small_rewritten.py").read_text()
    tests = run("pytest", "-q", "-p", "no:cacheprovider", "rewriter-my-pass")
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "4 passed" in tests.stdout
