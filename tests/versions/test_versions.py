"""BERT and CLIP as earlier releases of mindnlp have them: rewritten, and verified where MindSpore 2.10 runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sampling import breadth_but, slow_but

from rewriter import Outcome
from rewriter.source import package_of

from .conftest import Command

FILES = [f"{version} {model}" for version in ("0.2.4", "0.3.1", "0.4.0") for model in ("bert", "clip")]
DIALECTS = {"0.2.4": "mindspore", "0.3.1": "mindspore", "0.4.0": "mindnlp.core"}
GRAPHS = {"bert": 9, "clip": 6}
"""Whole models that become graphs, at least."""
RUNNABLE = [name for name in FILES if "0.2.4" not in name]
CASES = {
    "bert": (
        "BertModel/mask=left-padded/batch=3/seq=5",
        "BertModel/gradients/mask=left-padded/batch=3/seq=5/dropout=0",
    ),
    "clip": (
        "CLIPTextModel/mask=row-masked/batch=3/seq=5",
        "CLIPVisionModel/batch=3",
        "CLIPModel/mask=left-padded/batch=3/seq=5/dict=0/loss",
    ),
}
"""Those that found something: the gradients of 0.4.0, its images, and the causal mask of 0.3.1."""
IMPORTED = "import {0}mindnlp; from mindnlp.transformers.models.bert import modeling_bert; print(mindnlp.__file__)"
MENDED = "rewriter.runtime.mindnlp_compat as compat; assert compat.apply(); import "


def rewritten_text(rewrite: Callable[..., Any], file: Path) -> Any:
    result = rewrite(file.read_bytes(), package=package_of(file))
    assert not result.failures
    return result


@pytest.mark.parametrize("name", slow_but(FILES, "0.3.1 clip"))
def test_every_file_is_rewritten(name: str, rewrite: Callable[..., Any], modeling_file: Callable[..., Path]) -> None:
    version, model = name.split()
    file = modeling_file(version, model)
    result = rewritten_text(rewrite, file)
    assert result.dialect.name == DIALECTS[version]
    compile(result.text, str(file), "exec")
    done = [(report.name, site.outcome) for report in result.reports for site in report.sites]
    counts = {name: done.count((name, Outcome.REWRITTEN)) for name, _ in done}
    assert counts["flatten"] >= 1
    assert counts["masks"] >= 2
    assert counts["whole-graph"] >= GRAPHS[model]
    assert counts["jit"] >= GRAPHS[model] + 1
    again = rewrite(result.data, package=package_of(file))
    assert again.data == result.data


@pytest.mark.slow
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0"])
def test_a_release_imports_only_when_it_is_mended(
    version: str, python: Command, release: Callable[[str], Path]
) -> None:
    mended = python(version, "-c", IMPORTED.format(MENDED))
    assert mended.returncode == 0, mended.stderr
    assert str(release(version)) in mended.stdout
    plain = python(version, "-c", IMPORTED.format(""))
    assert plain.returncode == 1
    assert "cannot import name 'Tensor' from 'mindspore._c_expression'" in plain.stderr


@pytest.mark.slow
def test_a_release_that_is_not_known_is_left_alone(python: Command) -> None:
    code = "from rewriter.runtime import mindnlp_compat; print(mindnlp_compat.apply())"
    assert python("0.2.4", "-c", code).stdout.splitlines()[0] == "False"  # MindSpore may add a line


def verified(python: Command, version: str, model: str, text: str, twin: Path, *cases: str) -> dict[str, Any]:
    """Verify a rewritten text in a process of its own and return the verdict."""
    twin.write_text(text, encoding="utf-8")
    original = f"mindnlp.transformers.models.{model}.modeling_{model}"
    chosen = [part for case in cases for part in ("--case", case)]
    done = python(version, "-m", "rewriter", "verify", original, str(twin), "--json", "--no-reproducer", *chosen)
    assert done.returncode in (0, 1), done.stderr
    (verdict,) = json.loads(done.stdout[done.stdout.index("{") :])["verdicts"]  # mindnlp prints a line before
    assert len(verdict["cases"]) >= len(cases)
    return verdict


@pytest.mark.parametrize("name", breadth_but(RUNNABLE, "0.3.1 bert"))
def test_what_runs_is_verified(
    name: str, rewrite: Callable[..., Any], modeling_file: Callable[..., Path], python: Command, tmp_path: Path
) -> None:
    version, model = name.split()
    text = rewritten_text(rewrite, modeling_file(version, model)).text
    verdict = verified(python, version, model, text, tmp_path / f"{model}_rewritten.py", *CASES[model])
    assert verdict["status"] in ("identical", "equivalent"), verdict["problems"]
    assert verdict["compiled"]
    assert sum(method["calls"] for method in verdict["methods"]) > 0


@pytest.mark.slow
def test_a_wrong_mask_is_found(
    rewrite: Callable[..., Any], modeling_file: Callable[..., Path], python: Command, tmp_path: Path
) -> None:
    """The twin of the above: what the pass writes for 0.3.1, with the mask the wrong way round."""
    text = rewritten_text(rewrite, modeling_file("0.3.1", "bert")).text
    wrong = text.replace(
        "return (1.0 - mask.to(dtype=dtype)) * _least(dtype)", "return mask.to(dtype=dtype) * _least(dtype)"
    )
    assert wrong != text
    verdict = verified(python, "0.3.1", "bert", wrong, tmp_path / "wrong_rewritten.py", CASES["bert"][0])
    assert verdict["status"] == "different"
