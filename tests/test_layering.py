"""The dependency rule: passes use the host's public side, the host knows no pass, text tools load no MindSpore."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("mindspore", "mindnlp", "numpy")
RUNNING = ("equivalence", "benchmark", "runtime", "survey", "weights")


def imports(path: Path) -> dict[str, int]:
    """Return every module that a file imports, wherever it stands, with the line."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name: node.lineno for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found[node.module] = node.lineno
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("rewriter"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_host_knows_no_pass_no_model_and_no_test(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"rewriter_passes", "passes", "models", "tests"}


@pytest.mark.parametrize("path", files("passes"), ids=lambda p: str(p.relative_to(ROOT)))
def test_passes_use_the_host_and_never_the_framework(path):
    names = imports(path)
    assert not {name.split(".")[0] for name in names} & {*HEAVY, "models", "tests"}
    public = ("tree", "dataflow", "weights")
    private = [name for name in names if name.startswith("rewriter.") and name.split(".")[1] not in public]
    assert not private


@pytest.mark.parametrize("path", [p for p in files("rewriter") if p.relative_to(ROOT).parts[1] not in RUNNING], ids=str)
def test_what_edits_text_imports_no_framework(path):
    assert not {name.split(".")[0] for name in imports(path)} & set(HEAVY)
