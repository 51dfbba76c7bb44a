"""The whole quick check on the four files that the project promises: BERT and CLIP, bundled and mindnlp's."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import pytest
from sampling import breadth_but

from rewriter.equivalence import verify
from rewriter.equivalence.statistics import Status

ROOT = Path(__file__).resolve().parents[2]


def path_of(library: str, name: str) -> Path:
    if library == "bundled":
        return ROOT / "models" / name / f"modeling_{name}.py"
    found = importlib.util.find_spec("mindnlp")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "transformers" / "models" / name / f"modeling_{name}.py"


@pytest.mark.slow
def test_both_towers_of_the_bundled_clip(tmp_path, rewritten):
    """Both towers at once, with a loss, and one tower's features by its own method: two graphs serve all."""
    original = path_of("bundled", "clip")
    twin = tmp_path / "modeling_clip_rewritten.py"
    twin.write_text(rewritten(original), encoding="utf-8")
    verdict = verify(
        original,
        twin,
        cases=[
            "CLIPModel/mask=right-padded/batch=3/seq=5",
            "CLIPModel/mask=left-padded/batch=3/seq=5/dict=0/loss",
            "CLIPModel/get_text_features/mask=left-padded/batch=3/seq=5",
            "CLIPModel/get_image_features/batch=3",
        ],
    )
    assert verdict.ok, verdict.to_json()
    outputs = {row.output for row in verdict.outputs}
    assert {"logits_per_image", "text_model_output.pooler_output", "vision_model_output.last_hidden_state"} <= outputs
    # Two towers in the first case, which runs twice to learn what it returns; the cases after it are light.
    assert verdict.methods[0].calls == 4


@pytest.mark.parametrize(
    ("library", "name"), breadth_but(itertools.product(["bundled", "mindnlp"], ["bert", "clip"]), ("mindnlp", "bert"))
)
def test_a_whole_file(library, name, tmp_path, rewritten):
    original = path_of(library, name)
    twin = tmp_path / f"modeling_{name}_rewritten.py"
    twin.write_text(rewritten(original), encoding="utf-8")
    verdict = verify(original, twin)
    assert verdict.ok, verdict.to_json()
    assert verdict.count(Status.UNVERIFIED) == 0
    assert not verdict.unchecked
    assert verdict.compiled, verdict.to_json()
    assert all(method.calls for method in verdict.methods)
