"""mindnlp 0.4.1 on this MindSpore: what `mindnlp_compat.apply` mends, and what the models can do after it."""

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sampling import slow_but

from rewriter.equivalence.run import waiting_for_every_operator
from rewriter.runtime import mindnlp_compat

mindnlp_compat.apply()

import mindspore  # noqa: E402
from mindnlp.core import ops as core_ops  # noqa: E402
from mindnlp.transformers import (  # noqa: E402
    BertConfig,
    CLIPConfig,
    CLIPTextConfig,
    CLIPVisionConfig,
    GPT2Config,
    GPT2LMHeadModel,
)
from mindnlp.transformers.generation import GenerationConfig  # noqa: E402
from mindnlp.transformers.models.bert import modeling_bert  # noqa: E402
from mindnlp.transformers.models.clip import modeling_clip  # noqa: E402
from mindspore import Tensor, ops  # noqa: E402
from mindspore.common.initializer import initializer  # noqa: E402

ROOT = Path(__file__).parents[2]
INTS = [mindspore.int32, mindspore.int64]


@pytest.fixture(autouse=True)
def _errors_where_they_happen() -> Iterator[None]:
    """Eager mode runs kernels late, and a missing one would be blamed on a later line."""
    with waiting_for_every_operator():
        yield


def tensor(values: Any, dtype: Any = mindspore.int64) -> Tensor:
    return Tensor(np.asarray(values), dtype)


# apply itself


def test_importing_the_module_imports_neither_library() -> None:
    code = (
        "import sys; import rewriter.runtime.mindnlp_compat; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'mindspore', 'mindnlp'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_second_apply_changes_nothing() -> None:
    def patched() -> list[Any]:
        return [
            mindspore.Tensor.assign_value,
            mindspore.Tensor.masked_fill,
            mindspore._c_expression.pyboost_empty,
            mindspore.ops.tensor_method.tensor_repeat,
            core_ops.div,
        ]

    before = patched()
    assert mindnlp_compat.apply()
    assert all(now is then for now, then in zip(patched(), before, strict=True))


@pytest.mark.parametrize("version", ["0.2.4", "0.5.1"])
def test_other_mindnlp_is_left_alone(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(mindnlp_compat, "_applied", False)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    before = mindspore.Tensor.assign_value
    assert not mindnlp_compat.apply()
    assert mindspore.Tensor.assign_value is before


def test_absent_mindnlp_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(mindnlp_compat, "_applied", False)
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert not mindnlp_compat.apply()


def test_older_mindspore_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mindnlp_compat, "_applied", False)
    monkeypatch.setattr(mindspore, "__version__", "2.6.0")
    before = mindspore.Tensor.assign_value
    assert not mindnlp_compat.apply()
    assert mindspore.Tensor.assign_value is before


# The single mends


@pytest.mark.parametrize("args", [(4,), (1, 6), (0, 1, 0.5), (5, 0, -2)])
def test_arange_works_for_everybody(args: tuple[float, ...]) -> None:
    got = ops.arange(*args)
    assert np.array_equal(got.asnumpy(), np.arange(*args))
    assert got.dtype == (mindspore.float32 if 0.5 in args else mindspore.int64)


def test_arange_works_in_a_graph() -> None:
    @mindspore.jit(fullgraph=True)
    def count(x: Tensor) -> Tensor:
        return ops.arange(4) + x

    assert count(tensor(1)).asnumpy().tolist() == [1, 2, 3, 4]


def test_mindspore_reads_the_checkpoint_it_wrote(tmp_path: Path) -> None:
    path = str(tmp_path / "weights.ckpt")
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    mindspore.save_checkpoint([{"name": "w", "data": Tensor(value)}], path)
    assert np.array_equal(mindspore.load_checkpoint(path)["w"].asnumpy(), value)


def test_generation_config_still_writes_its_dtype() -> None:
    config = GenerationConfig()
    config.ms_dtype = mindspore.float16
    assert config.to_dict()["ms_dtype"] == "float16"


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize(
    "divide",
    [
        lambda x, y: x // y,
        ops.floor_divide,
        core_ops.floor_divide,
        lambda x, y: core_ops.div(x, y, rounding_mode="floor"),
        lambda x, y: core_ops.true_divide(x, y).floor().astype(x.dtype),
    ],
    ids=["operator", "mindspore", "mindnlp", "div", "true_divide"],
)
@pytest.mark.parametrize("other", [2, -3, "tensor"])
def test_floor_division_of_integers_is_numpys(divide: Callable[[Any, Any], Tensor], dtype: Any, other: Any) -> None:
    x, y = np.array([-7, 7, -8, 5, 0, -1]), np.array([2, -2, 2, 3, -5, 4])
    divisor = tensor(y, dtype) if other == "tensor" else other
    got = divide(tensor(x, dtype), divisor)
    assert got.dtype == dtype
    assert np.array_equal(got.asnumpy(), x // (y if other == "tensor" else other))


def test_floor_division_converts_mixed_dtypes() -> None:
    x, y = np.array([249, 7, 248, 5], np.uint8), np.array([2, -2, 2, 3])
    got = core_ops.div(Tensor(x), Tensor(y), rounding_mode="floor")
    assert np.array_equal(got.asnumpy(), x.astype(np.int64) // y)


@pytest.mark.parametrize("args", [(0, 6, 2.0), (4.0,), (5, -1, -1.0), (6,), (1, 4)])
def test_mindnlp_counts_with_an_int_beside_a_float(args: tuple[float, ...]) -> None:
    got = core_ops.arange(*args, dtype=mindspore.int64)
    assert got.dtype == mindspore.int64
    assert np.array_equal(got.asnumpy(), np.arange(*args))


def test_empty_has_shape_dtype_and_memory() -> None:
    for size in [(2, 3), (4,), (0, 3), ()]:
        made = core_ops.empty(size, dtype=mindspore.float16)
        assert (made.shape, made.dtype) == (size, mindspore.float16)
        assert np.array_equal(made.asnumpy(), np.zeros(size))
    assert core_ops.empty(5).shape == (5,)


def test_assigning_an_initializer_assigns_its_values() -> None:
    weight = Tensor(np.zeros((2, 2), np.float32))
    weight.assign_value(initializer("ones", (2, 2)))
    assert np.array_equal((weight + 1).asnumpy(), np.full((2, 2), 2))
    weight.assign_value(Tensor(np.full((2, 2), 3, np.float32)))
    assert np.array_equal((weight + 1).asnumpy(), np.full((2, 2), 4))


@pytest.mark.parametrize("repeats", [(1, 2, 1), (2, 1, 2, 1), ((3, 1, 2),)])
def test_repeat_tiles(repeats: Any) -> None:
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    want = np.tile(x, repeats[0] if isinstance(repeats[0], tuple) else repeats)
    assert np.array_equal(Tensor(x).repeat(*repeats).asnumpy(), want)


def test_repeat_refuses_too_few_numbers() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        tensor([[1, 2]]).repeat(2).asnumpy()


def test_masked_fill_puts_an_int_into_floats() -> None:
    x = Tensor(np.ones((2, 2), np.float32))
    filled = x.masked_fill(Tensor(np.eye(2).astype(bool)), 0)
    assert np.array_equal(filled.asnumpy(), [[0, 1], [1, 0]])


def test_t_transposes() -> None:
    assert core_ops.t(tensor([[1, 2, 3]])).asnumpy().tolist() == [[1], [2], [3]]


@pytest.mark.parametrize("target", [(4, -1), (2, 4, -1), (5, -1, -1)])
def test_a_constant_broadcast_folds_in_a_graph(target: tuple[int, ...]) -> None:
    @mindspore.jit(fullgraph=True)
    def spread() -> Tensor:
        return ops.broadcast_to(Tensor([[1.0, 2.0, 3.0]], mindspore.float32), target)

    own = (1, 3)
    shape = tuple(own[axis - len(target)] if size == -1 else size for axis, size in enumerate(target))
    assert np.array_equal(spread().asnumpy(), np.broadcast_to(np.array([[1.0, 2.0, 3.0]]), shape))


# Generation

VOCABULARY = 12
PROMPTS = tensor([[3, 4, 5, 6], [7, 8, 9, 10]])


def randomized(model: Any, seed: int = 0) -> Any:
    """Give a model weights large enough that its choices are clear ones."""
    generator = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.assign_value(Tensor(generator.normal(scale=0.4, size=parameter.shape), parameter.dtype))
    return model.set_train(False)


def bert_config(**changes: Any) -> BertConfig:
    sizes: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 16,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    return BertConfig(**{**sizes, **changes})


def bert_decoder() -> Any:
    return modeling_bert.BertLMHeadModel(
        bert_config(is_decoder=True, pad_token_id=0, bos_token_id=1, eos_token_id=None)
    )


def gpt2() -> Any:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=16,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=None,
        )
    )


@pytest.fixture(scope="module", params=[bert_decoder, gpt2])
def writer(request: pytest.FixtureRequest) -> Any:
    return randomized(request.param())


def log_probabilities(model: Any, ids: np.ndarray) -> np.ndarray:
    """Log-probability of the next token for each row, from one forward over the whole text, without a cache."""
    logits = model(tensor(ids)).logits.asnumpy()[:, -1].astype(np.float64)
    return (
        logits
        - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - logits.max(-1, keepdims=True)
    )


def score(model: Any, text: np.ndarray, prompt: int) -> np.ndarray:
    """Mean log-probability of what follows the prompt: how beam search ranks texts of one length."""
    steps = range(prompt, text.shape[1])
    chosen = [log_probabilities(model, text[:, :at])[np.arange(len(text)), text[:, at]] for at in steps]
    return np.mean(chosen, axis=0)


def generated(model: Any, **how: Any) -> np.ndarray:
    return model.generate(PROMPTS, **{"do_sample": False, "max_new_tokens": 4, **how}).asnumpy()


@pytest.mark.slow
def test_greedy_is_a_loop_of_argmax(writer: Any) -> None:
    text = PROMPTS.asnumpy()
    for _ in range(4):
        text = np.concatenate([text, log_probabilities(writer, text).argmax(-1)[:, None]], axis=1)
    assert np.array_equal(generated(writer), text)
    assert np.array_equal(generated(writer, num_beams=1), text)


@pytest.mark.slow
def test_sampling_stays_in_the_vocabulary_and_varies(writer: Any) -> None:
    drawn = [generated(writer, do_sample=True, temperature=2.0) for _ in range(4)]
    assert all(text.min() >= 0 and text.max() < VOCABULARY for text in drawn)
    assert len({text.tobytes() for text in drawn}) > 1
    assert np.array_equal(generated(writer, do_sample=True, top_k=1), generated(writer))


@pytest.mark.slow
def test_beams_score_as_they_say_and_no_worse_than_greedy(writer: Any) -> None:
    how = {"num_beams": 3, "return_dict_in_generate": True, "output_scores": True}
    found = writer.generate(PROMPTS, do_sample=False, max_new_tokens=4, **how)
    text = found.sequences.asnumpy()
    scores = score(writer, text, 4)
    assert np.array_equal(generated(writer, num_beams=3), text)
    np.testing.assert_allclose(found.sequences_scores.asnumpy(), scores, rtol=1e-4)
    assert (scores >= score(writer, generated(writer), 4) - 1e-6).all()


@pytest.mark.slow
def test_as_many_beams_as_tokens_find_the_best_text(writer: Any) -> None:
    tails = np.array(list(itertools.product(range(VOCABULARY), repeat=2)))
    best = []
    for prompt in PROMPTS.asnumpy():
        texts = np.concatenate([np.tile(prompt, (len(tails), 1)), tails], axis=1)
        best.append(texts[score(writer, texts, 4).argmax()])
    assert np.array_equal(generated(writer, num_beams=VOCABULARY, max_new_tokens=2), np.stack(best))


@pytest.mark.slow
def test_beam_groups_run(writer: Any) -> None:
    text = generated(writer, num_beams=4, num_beam_groups=2, diversity_penalty=0.5)
    assert text.shape == (2, 8)


# The models that the rewriter's own examples and checks use

IDS = tensor([[3, 4, 5, 6, 7], [7, 8, 9, 10, 11]])
MASK = tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
TOKEN_LABELS = [[1, 0, -100, 1, 0], [0, 1, 1, -100, -100]]
TEXT = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": tensor([[0, 0, 1, 1, 1]] * 2)}


def cross_entropy(logits: Tensor, labels: Any) -> float:
    wanted = np.asarray(labels).reshape(-1)
    scores = logits.asnumpy().astype(np.float64).reshape(len(wanted), -1)
    kept = wanted != -100
    scores, wanted = scores[kept], wanted[kept]
    return float(np.mean(np.log(np.exp(scores).sum(-1)) - scores[np.arange(len(wanted)), wanted]))


def binary_cross_entropy(logits: Tensor, labels: Any) -> float:
    scores, wanted = logits.asnumpy().astype(np.float64), np.asarray(labels)
    return float(np.mean(np.log1p(np.exp(scores)) - wanted * scores))


def squared_error(logits: Tensor, labels: Any) -> float:
    return float(np.mean((logits.asnumpy().reshape(-1) - np.asarray(labels)) ** 2))


MULTIPLE_CHOICE = tensor(np.arange(30).reshape(2, 3, 5) % VOCABULARY)
CLASSES = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
CASES: dict[str, tuple[Any, dict[str, Any], Callable[[Any], float]]] = {
    "BertForPreTraining": (
        bert_config(),
        {**TEXT, "labels": IDS, "next_sentence_label": tensor([0, 1])},
        lambda out: (
            cross_entropy(out.prediction_logits, IDS.asnumpy()) + cross_entropy(out.seq_relationship_logits, [0, 1])
        ),
    ),
    "BertLMHeadModel": (
        bert_config(is_decoder=True),
        {**TEXT, "labels": IDS},
        lambda out: cross_entropy(out.logits[:, :-1], IDS.asnumpy()[:, 1:]),
    ),
    "BertForMaskedLM": (
        bert_config(),
        {**TEXT, "labels": tensor(TOKEN_LABELS)},
        lambda out: cross_entropy(out.logits, TOKEN_LABELS),
    ),
    "BertForNextSentencePrediction": (
        bert_config(),
        {**TEXT, "labels": tensor([0, 1])},
        lambda out: cross_entropy(out.logits, [0, 1]),
    ),
    "BertForSequenceClassification": (
        bert_config(num_labels=3),
        {**TEXT, "labels": tensor([0, 2])},
        lambda out: cross_entropy(out.logits, [0, 2]),
    ),
    "BertForSequenceClassification regression": (
        bert_config(num_labels=1),
        {**TEXT, "labels": tensor([0.5, 1.0], mindspore.float32)},
        lambda out: squared_error(out.logits, [0.5, 1.0]),
    ),
    "BertForSequenceClassification many": (
        bert_config(num_labels=3),
        {**TEXT, "labels": tensor(CLASSES, mindspore.float32)},
        lambda out: binary_cross_entropy(out.logits, CLASSES),
    ),
    "BertForMultipleChoice": (
        bert_config(),
        {"input_ids": MULTIPLE_CHOICE, "labels": tensor([0, 2])},
        lambda out: cross_entropy(out.logits, [0, 2]),
    ),
    "BertForTokenClassification": (
        bert_config(),
        {**TEXT, "labels": tensor(TOKEN_LABELS)},
        lambda out: cross_entropy(out.logits, TOKEN_LABELS),
    ),
    # A position past the end, 9 here, counts for nothing.
    "BertForQuestionAnswering": (
        bert_config(),
        {**TEXT, "start_positions": tensor([0, 1]), "end_positions": tensor([2, 9])},
        lambda out: (cross_entropy(out.start_logits, [0, 1]) + cross_entropy(out.end_logits, [2, -100])) / 2,
    ),
}


def bert(name: str) -> Any:
    return randomized(getattr(modeling_bert, name.split()[0])(CASES[name][0]))


EVERY_RUN = ("BertForSequenceClassification many", "BertForMultipleChoice", "BertForQuestionAnswering")
"""One of each kind of head: a row of labels, several inputs to a label, two losses."""


@pytest.mark.parametrize("name", slow_but(CASES, *EVERY_RUN))
def test_bert_heads_have_the_loss_of_their_task(name: str) -> None:
    _, inputs, expected = CASES[name]
    out = bert(name)(**inputs)
    assert float(out.loss.asnumpy()) == pytest.approx(expected(out), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_gradients_of_bert_follow_the_loss(name: str) -> None:
    """Walking along the gradient changes the loss by what the gradient says."""
    check_gradient(bert(name), CASES[name][1])


def check_gradient(model: Any, inputs: dict[str, Any]) -> None:
    parameters = tuple(parameter for parameter in model.parameters() if parameter.requires_grad)

    def loss() -> Tensor:
        return model(**inputs).loss

    _, gradients = mindspore.value_and_grad(loss, None, parameters)()
    arrays = [gradient.asnumpy().astype(np.float64) for gradient in gradients]
    values = [parameter.asnumpy().copy() for parameter in parameters]
    length = np.sqrt(sum((array**2).sum() for array in arrays))

    def at(distance: float) -> float:
        for parameter, value, array in zip(parameters, values, arrays, strict=True):
            parameter.assign_value(Tensor((value + distance / length * array).astype(np.float32)))
        return float(loss().asnumpy())

    # The error falls with the square of the step, down to the rounding of the loss, which is a thousandth of it here.
    step = 3e-3
    assert (at(step) - at(-step)) / (2 * step) == pytest.approx(length, rel=5e-3)


def clip_config() -> CLIPConfig:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    text = CLIPTextConfig(**sizes, vocab_size=VOCABULARY, max_position_embeddings=8, eos_token_id=11, projection_dim=16)
    vision = CLIPVisionConfig(**sizes, image_size=16, patch_size=8, projection_dim=16)
    return CLIPConfig.from_text_vision_configs(text, vision, projection_dim=16)


PIXELS = Tensor(np.random.default_rng(1).normal(size=(2, 3, 16, 16)).astype(np.float32))
WITH_EOS = tensor([[3, 4, 5, 11, 0], [7, 8, 9, 10, 11]])


@pytest.mark.slow
def test_clip_loss_is_its_contrast_and_its_gradient_follows() -> None:
    model = randomized(modeling_clip.CLIPModel(clip_config()))
    inputs = {"input_ids": WITH_EOS, "attention_mask": MASK, "pixel_values": PIXELS, "return_loss": True}
    out = model(**inputs)
    both = cross_entropy(out.logits_per_text, [0, 1]) + cross_entropy(out.logits_per_image, [0, 1])
    assert float(out.loss.asnumpy()) == pytest.approx(both / 2, rel=1e-5)
    check_gradient(model, inputs)


@pytest.mark.slow
def test_clip_towers_give_what_the_whole_model_gives() -> None:
    config = clip_config()
    whole = randomized(modeling_clip.CLIPModel(config))
    state = whole.state_dict()

    def tower(cls: Any, config: Any) -> Any:
        model = cls(config).set_train(False)
        model.load_state_dict({name: state[name] for name in model.state_dict()})
        return model

    text = tower(modeling_clip.CLIPTextModelWithProjection, config.text_config)(WITH_EOS, attention_mask=MASK)
    image = tower(modeling_clip.CLIPVisionModelWithProjection, config.vision_config)(PIXELS)
    text_features = whole.get_text_features(WITH_EOS, attention_mask=MASK).asnumpy()
    image_features = whole.get_image_features(PIXELS).asnumpy()
    np.testing.assert_allclose(text.text_embeds.asnumpy(), text_features, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(image.image_embeds.asnumpy(), image_features, rtol=1e-5, atol=1e-5)

    text = tower(modeling_clip.CLIPTextModel, config.text_config)(WITH_EOS, output_hidden_states=True)
    image = tower(modeling_clip.CLIPVisionModel, config.vision_config)(PIXELS, output_attentions=True)
    eos = text.last_hidden_state.asnumpy()[[0, 1], [3, 4]]
    np.testing.assert_allclose(text.pooler_output.asnumpy(), eos, rtol=1e-5, atol=1e-5)
    assert (len(text.hidden_states), len(image.attentions)) == (3, 2)


@pytest.mark.slow
def test_clip_classifies_images() -> None:
    config = clip_config()
    config.num_labels = 3
    model = randomized(modeling_clip.CLIPForImageClassification(config))
    inputs = {"pixel_values": PIXELS, "labels": tensor([0, 2])}
    out = model(**inputs)
    assert config.problem_type == "single_label_classification"
    assert float(out.loss.asnumpy()) == pytest.approx(cross_entropy(out.logits, [0, 2]), rel=1e-5)
    check_gradient(model, inputs)


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "ckpt"])
def test_saved_weights_come_back(tmp_path: Path, safe: bool) -> None:
    model = bert("BertForMaskedLM")
    model.save_pretrained(str(tmp_path), safe_serialization=safe)
    again = modeling_bert.BertForMaskedLM.from_pretrained(str(tmp_path)).set_train(False)
    assert np.array_equal(model(**TEXT).logits.asnumpy(), again(**TEXT).logits.asnumpy())


@pytest.mark.slow
def test_saved_clip_comes_back(tmp_path: Path) -> None:
    model = randomized(modeling_clip.CLIPModel(clip_config()))
    model.save_pretrained(str(tmp_path))
    again = modeling_clip.CLIPModel.from_pretrained(str(tmp_path)).set_train(False)
    before, after = model(WITH_EOS, PIXELS), again(WITH_EOS, PIXELS)
    assert np.array_equal(before.logits_per_image.asnumpy(), after.logits_per_image.asnumpy())


def test_resized_embeddings_keep_the_old_tokens() -> None:
    model = bert("BertForMaskedLM")
    before = model(**TEXT).logits.asnumpy()
    model.resize_token_embeddings(VOCABULARY + 5)
    after = model(**TEXT).logits.asnumpy()
    assert after.shape == (2, 5, VOCABULARY + 5)
    np.testing.assert_allclose(after[..., :VOCABULARY], before, rtol=1e-5, atol=1e-5)


def test_pruned_heads_are_masked_heads() -> None:
    model = randomized(modeling_bert.BertModel(bert_config()))
    kept = np.ones((2, 4), np.float32)
    kept[0, 1] = kept[1, 0] = kept[1, 2] = 0
    want = model(**TEXT, head_mask=Tensor(kept)).last_hidden_state.asnumpy()
    model.prune_heads({0: [1], 1: [0, 2]})
    assert model.encoder.layer[1].attention.self.query.weight.shape == (16, 32)
    np.testing.assert_allclose(model(**TEXT).last_hidden_state.asnumpy(), want, rtol=1e-4, atol=1e-5)


def test_a_cached_step_is_the_last_step_of_the_whole() -> None:
    model = randomized(bert_decoder())
    whole = model(IDS).logits.asnumpy()[:, -1]
    past = model(IDS[:, :-1], use_cache=True).past_key_values
    step = model(IDS[:, -1:], past_key_values=past, attention_mask=tensor(np.ones((2, 5)))).logits.asnumpy()[:, 0]
    np.testing.assert_allclose(step, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_all_modeling_files_import_but_one() -> None:
    """The one spells `mindspore.nn.Module`, which no MindSpore has."""
    failed = []
    models = Path(sys.modules["mindnlp"].__file__ or "").parent / "transformers" / "models"
    files = sorted(models.glob("*/modeling_*.py"))
    for file in files:
        name = f"mindnlp.transformers.models.{file.parent.name}.{file.stem}"
        try:
            importlib.import_module(name)
        except Exception:
            failed.append(file.stem)
    assert (len(files), failed) == (248, ["modeling_graph_whisper"])
