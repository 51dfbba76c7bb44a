"""Every declared dependency is there, can be imported, and is needed; what the code imports is declared."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
CORE = [Requirement(text) for text in PROJECT["dependencies"]]
MINDNLP = [Requirement(text) for text in PROJECT["optional-dependencies"]["mindnlp"]]
MINDONE = [Requirement(text) for text in PROJECT["optional-dependencies"]["mindone"]]
_TEST = [Requirement(text) for text in PROJECT["optional-dependencies"]["test"]]
TEST = [*MINDNLP, *(one for one in _TEST if one.name != PROJECT["name"])]
"""The tests' own, with those of the extra that the tests' includes."""
PEERS = [Requirement(text) for text in PROJECT["optional-dependencies"]["peers"]]
CHARTS = [Requirement(text) for text in PROJECT["optional-dependencies"]["charts"]]
CLUSTERS = [Requirement(text) for name in ("dask", "ray") for text in PROJECT["optional-dependencies"][name]]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
FOLDERS = ("rewriter", "passes", "models", "tests", "examples")
OWN = {"rewriter", "rewriter_passes", "models"}
ELSEWHERE = {*(ROOT / "tests" / "fixtures").glob("make_*.py"), ROOT / "rewriter" / "benchmark" / "torch_worker.py"}
"""They run in an environment of their own, with PyTorch and its `transformers`; see there."""


def holds(requirement: Requirement) -> bool:
    """Whether the requirement is for this Python and needs no extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


@cache
def imported(folder: str) -> frozenset[str]:
    """Top-level names that the Python files of a folder import, anywhere in them."""
    roots = set()
    for path in set((ROOT / folder).rglob("*.py")) - ELSEWHERE:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and folder in ("rewriter", "passes"):  # tests import what they wrote
                if ast.unparse(node.func) == "importlib.import_module" and isinstance(node.args[0], ast.Constant):
                    roots.add(str(node.args[0].value).partition(".")[0])
            elif isinstance(node, ast.Import):
                roots.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                roots.add(node.module.partition(".")[0])
    return frozenset(roots)


installed = cache(packages_distributions)
"""Top-level name → the distributions that bring it; going through all of them takes half a second."""


@cache
def import_names(name: str) -> frozenset[str]:
    """Top-level names that an installed distribution brings; its own name when it is not installed."""
    wanted = canonicalize_name(name)
    found = {
        module
        for module, distributions in installed().items()
        if wanted in {canonicalize_name(one) for one in distributions} and module.isidentifier()
    }
    same = {module for module in found if canonicalize_name(module) == wanted}
    return frozenset(same or found or {wanted.replace("-", "_")})


@cache
def needed_by(name: str) -> frozenset[str]:
    """Names of all distributions that an installed one requires, and theirs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        try:
            texts = requires(waiting.pop()) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, texts):
            other = canonicalize_name(requirement.name)
            if holds(requirement) and other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


def here(requirements: list[Requirement], *slow: str) -> list:
    """The requirements for this Python, as parameters of a test; some of them slow."""
    marks = {name: [pytest.mark.slow] for name in slow}
    return [pytest.param(one, id=one.name, marks=marks.get(one.name, [])) for one in requirements if holds(one)]


@pytest.mark.parametrize("requirement", here(CORE + TEST))
def test_it_is_installed_in_a_version_that_fits(requirement):
    assert requirement.specifier.contains(version(requirement.name), prereleases=True)


@pytest.mark.parametrize("requirement", here(CORE + TEST, "mindnlp"))
def test_it_can_be_imported(requirement):
    """mindnlp changes MindSpore for the whole process, and needs `mindnlp_compat`: it has a process of its own."""
    if requirement.name == "mindnlp":
        command = "from rewriter.runtime import mindnlp_compat; mindnlp_compat.apply(); import mindnlp.core"
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, timeout=300, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return
    for name in import_names(requirement.name):
        importlib.import_module(name)


@pytest.mark.parametrize("requirement", CORE + TEST, ids=str)
def test_it_is_needed(requirement):
    """Imported somewhere; or a command of CI; or the pin of what another one requires: without it pip goes astray."""
    if any(import_names(requirement.name) & imported(folder) for folder in FOLDERS):
        return
    if requirement in TEST and re.search(rf"^\.venv/bin/{requirement.name}\b", CI, flags=re.MULTILINE):
        return
    if requirement.name == "pytest-xdist" and " -n " in PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"]:
        return
    pinned = [part for part in requirement.specifier if part.operator in ("==", "<", "<=", "~=")]
    others = [one.name for one in CORE + MINDNLP if canonicalize_name(requirement.name) in needed_by(one.name)]
    assert pinned, f"{requirement} is not used"
    assert others, f"{requirement} is not used, and nothing requires it"


def test_the_tests_bring_mindnlp():
    """So the README's command goes on to run all tests but those of mindone, which needs an environment of its own."""
    assert [one.extras for one in _TEST if one.name == PROJECT["name"]] == [{"mindnlp"}]


@pytest.mark.parametrize("requirement", CORE, ids=str)
def test_what_the_package_needs_is_not_for_tests_only(requirement):
    """A core dependency is one of the code that is installed."""
    assert any(import_names(requirement.name) & imported(folder) for folder in ("rewriter", "passes"))


def test_what_the_package_imports_is_declared():
    declared = {name for requirement in CORE + MINDNLP + CHARTS + CLUSTERS for name in import_names(requirement.name)}
    for folder in ("rewriter", "passes"):
        foreign = imported(folder) - sys.stdlib_module_names - OWN - declared
        assert not foreign, f"{folder}/ imports {sorted(foreign)}, which pyproject.toml does not declare"


def test_what_the_rest_imports_is_declared():
    every = {name for requirement in CORE + TEST + MINDONE + PEERS for name in import_names(requirement.name)}
    for folder in ("models", "tests", "examples"):
        own = {path.stem for path in (ROOT / folder).rglob("*.py")} | OWN | {folder}
        foreign = imported(folder) - sys.stdlib_module_names - own - every
        assert not foreign, f"{folder}/ imports {sorted(foreign)}, which pyproject.toml does not declare"


def test_the_scan_would_notice(tmp_path, monkeypatch):
    """The twin: a dependency that nobody uses, and an import that nobody declared."""
    unused = Requirement("nothing-of-this-name==1")
    with pytest.raises(AssertionError, match="nothing requires it"):
        test_it_is_needed(unused)
    with pytest.raises(AssertionError, match="is not used"):
        test_it_is_needed(Requirement("nothing-of-this-name>=1"))
    (tmp_path / "rewriter").mkdir()
    (tmp_path / "rewriter" / "a.py").write_text("def f():\n    from nothing_of_this_name import x\n", encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert imported.__wrapped__("rewriter") == {"nothing_of_this_name"}
