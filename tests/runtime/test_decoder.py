"""BERT as a decoder: causal, beside an encoder, on a cache; and twenty tokens that come out the same."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sampling import breadth_but, slow_but

import rewriter
from rewriter.runtime import loader
from rewriter.runtime.buckets import buckets_of
from rewriter.runtime.modules import modules_of

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "models" / "bert" / "modeling_bert.py"
NEW = 20
PROMPT = np.array([[3, 4, 5, 6], [7, 8, 9, 10]])
PADDED = np.array([[0, 1, 1, 1], [1, 1, 1, 1]])
BUCKETS = (4, 8, 24)
SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 32,
    "is_decoder": True,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": None,
}
random = np.random.default_rng(0)
STATES: dict[str, np.ndarray] = {
    "encoder_hidden_states": random.standard_normal((2, 7, 32)).astype(np.float32),
    "encoder_attention_mask": np.array([[1] * 7, [1] * 4 + [0] * 3]),
}


def tensors(given: dict[str, Any]) -> dict[str, Any]:
    from mindspore import Tensor

    return {name: Tensor(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}


def randomized(model: Any) -> Any:
    """Give a model weights large enough that its choices are clear ones."""
    from mindspore import Tensor

    drawn = np.random.default_rng(1)
    found = model.parameters() if hasattr(model, "parameters") else model.get_parameters()
    for parameter in found:
        value = Tensor(drawn.normal(scale=0.4, size=parameter.shape), parameter.dtype)
        (parameter.assign_value if hasattr(parameter, "assign_value") else parameter.set_data)(value)
    return model.set_train(False)


def bundled(**settings: Any) -> Any:
    module = loader.load(BUNDLED)
    return randomized(module.BertLMHeadModel(module.BertConfig(**SIZES, **settings)))


def of_mindnlp(folder: str, name: str, config: str, **settings: Any) -> Any:
    module = loader.load(f"mindnlp.transformers.models.{folder}.modeling_{folder}")
    configuration = importlib.import_module(f"mindnlp.transformers.models.{folder}.configuration_{folder}")
    return randomized(vars(module)[name](vars(configuration)[config](**{**SIZES, **settings})))


def lm_head(**settings: Any) -> Any:
    return of_mindnlp("bert", "BertLMHeadModel", "BertConfig", **settings)


def generation_decoder(**settings: Any) -> Any:
    return of_mindnlp("bert_generation", "BertGenerationDecoder", "BertGenerationConfig", **settings)


def reading_an_encoder(model: Any) -> Any:
    """Let `generate` hand the encoder's states to every step: BERT's own preparation leaves them out."""
    prepare = model.prepare_inputs_for_generation

    def with_states(input_ids: Any, **model_kwargs: Any) -> dict[str, Any]:  # `generate` asks for that name
        return {**prepare(input_ids, **model_kwargs), **{name: model_kwargs[name] for name in STATES}}

    model.prepare_inputs_for_generation = with_states
    return model


def graphs_of(model: Any) -> list[Any]:
    return [graph for module in modules_of(model) for graph in vars(module).get("_graphs", ())]


def assert_compiled(model: Any) -> None:
    """Graphs were compiled, and no call that they were for ran as plain Python."""
    graphs = graphs_of(model)
    assert sum(len(graph.graph.keys) for graph in graphs) > 0
    assert [reason for graph in graphs for reason in graph.refused.values()] == []


def decoded(model: Any, beams: int, **states: Any) -> np.ndarray:
    """Write `NEW` tokens by a search over beams of our own, for a model without `generate`; one beam is greedy."""
    from mindspore import Tensor

    text, scores, past = PROMPT.repeat(beams, 0), np.tile([0.0] + [-np.inf] * (beams - 1), (len(PROMPT), 1)), None
    states = tensors({name: value.repeat(beams, 0) for name, value in states.items()})
    for _ in range(NEW):
        out = model(**model.prepare_inputs_for_generation(Tensor(text), past), **states)
        logits = out.logits.asnumpy()[:, -1].astype(np.float64)
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        np.put_along_axis(logits, text, -np.inf, 1)  # a small model with random weights would repeat one token
        total = (scores[:, :, None] + logits.reshape(len(PROMPT), beams, -1)).reshape(len(PROMPT), -1)
        best = np.argsort(-total, kind="stable")[:, :beams]
        scores = np.take_along_axis(total, best, 1)
        rows = (best // logits.shape[-1] + np.arange(len(PROMPT))[:, None] * beams).ravel()
        text = np.concatenate([text[rows], best.reshape(-1, 1) % logits.shape[-1]], 1)
        past = model._reorder_cache(out.past_key_values, Tensor(rows))
    return text.reshape(len(PROMPT), beams, -1)[:, 0]


def generated(model: Any, beams: int, *prompt: Any, new: int = NEW, **given: Any) -> np.ndarray:
    """Write `new` tokens by mindnlp's own `generate`."""
    from mindspore import Tensor

    how = {"max_new_tokens": new, "min_new_tokens": new, "num_beams": beams, "do_sample": False}
    how["no_repeat_ngram_size"] = 2  # a small model with random weights would repeat one token
    return model.generate(*map(Tensor, prompt), **tensors(given), **how).asnumpy()


Writer = Callable[[Any, int], np.ndarray]


def assert_same_text(model: Any, write: Writer, beams: int, *, buckets: tuple[int, ...] = ()) -> None:
    """Assert that a model writes the same on its rewritten classes as it did before, from graphs."""
    expected = write(model, beams)
    assert all(len(set(row[PROMPT.shape[1] :])) > 2 for row in expected)  # choices, none of which may be another one
    if buckets:
        rewriter.bucketed(model, buckets)
    rewriter.optimize(model)
    assert np.array_equal(write(model, beams), expected)
    assert_compiled(model)


STEPS = {
    "bundled": (bundled, {}),
    "bundled beside an encoder": (lambda: bundled(add_cross_attention=True), STATES),
    "mindnlp": (lm_head, {}),
    "mindnlp beside an encoder": (lambda: lm_head(add_cross_attention=True), STATES),
    "generation beside an encoder": (lambda: generation_decoder(add_cross_attention=True), STATES),
}


@pytest.mark.parametrize("name", slow_but(STEPS, "bundled beside an encoder"))
def test_steps_on_a_cache(name: str) -> None:
    """Two tokens, and then one by one on what is remembered: the twin answers as the original does."""
    make, states = STEPS[name]
    model, states = make(), tensors(states)

    def ask(first: int, last: int, past: Any = None) -> Any:
        given = tensors({"input_ids": PROMPT[:, first:last], "attention_mask": PADDED[:, :last]})
        return model(**given, **states, past_key_values=past, use_cache=True)

    def steps() -> np.ndarray:
        past, logits = None, []
        for first, last in ((0, 2), (2, 3), (3, 4)):
            out = ask(first, last, past)
            past, logits = out.past_key_values, [*logits, out.logits.asnumpy()]
        return np.concatenate(logits, 1)[PADDED.astype(bool)]

    expected, whole = steps(), ask(0, 4).logits.asnumpy()[PADDED.astype(bool)]
    # mindnlp's BertGenerationDecoder sees later tokens when it reads several at once.
    assert np.allclose(expected, whole, rtol=1e-4, atol=1e-4) is not name.startswith("generation")
    rewriter.optimize(model)
    steps()  # the first call of a kind is plain Python; the next one compiles
    np.testing.assert_allclose(steps(), expected, rtol=1e-4, atol=1e-4)
    assert_compiled(model)


@pytest.mark.slow
def test_a_token_sees_no_later_one() -> None:
    """Causal before and after; a twin of the same weights that is no decoder sees them."""
    from mindspore import Tensor

    module = loader.load(BUNDLED)
    other = np.concatenate([PROMPT[:, :-1], PROMPT[:, -1:] + 1], 1)
    for is_decoder in (True, False):
        model = randomized(module.BertModel(module.BertConfig(**{**SIZES, "is_decoder": is_decoder})))
        rewriter.optimize(model)
        first, second = (model(Tensor(ids), return_dict=False)[0].asnumpy()[:, :-1] for ids in (PROMPT, other))
        assert np.array_equal(first, second) is is_decoder
        assert_compiled(model)


@pytest.mark.parametrize("beams", breadth_but([1, 3], 1), ids=["greedy", "beams"])
def test_bundled_writes_the_same_through_buckets(beams: int) -> None:
    def write(model: Any, beams: int) -> np.ndarray:
        return decoded(model, beams, **STATES)

    model = bundled(add_cross_attention=True)
    assert_same_text(model, write, beams, buckets=BUCKETS)
    assert (buckets_of(model).padded, buckets_of(model).unpadded) == (NEW, {})
    assert sum(len(graph.graph.keys) for graph in graphs_of(model)) <= len(BUCKETS) + 1


STEP_BY_STEP = 6
"""Tokens where each step is compiled, at two seconds and more: a step is like the one before it."""

WRITERS: dict[str, tuple[Callable[[], Any], Writer]] = {
    "causal": (lm_head, lambda model, beams: generated(model, beams, PROMPT, attention_mask=PADDED)),
    "causal, step by step": (
        lm_head,
        lambda model, beams: generated(model, beams, PROMPT, new=STEP_BY_STEP, attention_mask=PADDED),
    ),
    "beside an encoder": (
        lambda: reading_an_encoder(lm_head(add_cross_attention=True)),
        lambda model, beams: generated(model, beams, PROMPT, **STATES),
    ),
    "generation": (
        lambda: reading_an_encoder(generation_decoder(add_cross_attention=True)),
        lambda model, beams: generated(model, beams, PROMPT, new=STEP_BY_STEP, **STATES),  # not padded
    ),
}


WRITTEN = [(name, beams, BUCKETS) for name in WRITERS if "step" not in name for beams in (1, 3)]
WRITTEN.append(("causal, step by step", 1, ()))


@pytest.mark.parametrize(("name", "beams", "buckets"), breadth_but(WRITTEN, ("causal", 3, BUCKETS)))
def test_mindnlp_generates_the_same(name: str, beams: int, buckets: tuple[int, ...]) -> None:
    make, write = WRITERS[name]
    assert_same_text(make(), write, beams, buckets=buckets)
