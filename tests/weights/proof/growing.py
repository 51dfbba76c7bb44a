"""Small models of random weights, and larger ones made of them in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from rewriter.weights import execute
from rewriter.weights.expand import make_plan
from rewriter.weights.passes import Choices, WeightPass
from rewriter.weights.plan import Plan
from rewriter.weights.proof.cases import cases_for
from rewriter.weights.proof.checker import judge
from rewriter.weights.proof.claim import Claim
from rewriter.weights.proof.models import Model
from rewriter.weights.proof.verdict import ExpansionVerdict
from rewriter.weights.views import source_view

Array = npt.NDArray[Any]
Shapes = dict[str, tuple[int, ...]]

BERT = {
    "model_type": "bert",
    "hidden_size": 24,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 60,
    "vocab_size": 37,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
}
GPT2 = {"model_type": "gpt2", "n_embd": 24, "n_head": 3, "n_layer": 2, "vocab_size": 37, "n_positions": 16}


def linear(name: str, out: int, read: int) -> Shapes:
    return {f"{name}.weight": (out, read), f"{name}.bias": (out,)}


def norm(name: str, units: int) -> Shapes:
    return {f"{name}.weight": (units,), f"{name}.bias": (units,)}


def bert_shapes(config: Mapping[str, Any], *heads: str) -> Shapes:
    """Return key → shape of a BERT with a pooler and some heads."""
    units, inner, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (words, units),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], units),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], units),
        **norm("embeddings.LayerNorm", units),
    }
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes |= linear(f"{name}.attention.self.{part}", units, units)
        shapes |= linear(f"{name}.attention.output.dense", units, units)
        shapes |= norm(f"{name}.attention.output.LayerNorm", units)
        shapes |= linear(f"{name}.intermediate.dense", inner, units) | linear(f"{name}.output.dense", units, inner)
        shapes |= norm(f"{name}.output.LayerNorm", units)
    known = {
        "pooler": linear("pooler.dense", units, units),
        "mlm": linear("cls.predictions.transform.dense", units, units)
        | norm("cls.predictions.transform.LayerNorm", units)
        | {"cls.predictions.bias": (words,)},
        "decoder": {"cls.predictions.decoder.weight": (words, units)},
        "nsp": linear("cls.seq_relationship", 2, units),
        "classifier": linear("classifier", 4, units),
        "answers": linear("qa_outputs", 2, units),
    }
    for head in heads:
        shapes |= known[head]
    return shapes


def gpt2_shapes(config: Mapping[str, Any], *heads: str) -> Shapes:
    """Return key → shape of a GPT-2; its linear layers are (in, out)."""
    units, words = config["n_embd"], config["vocab_size"]
    inner = config.get("n_inner") or 4 * units
    shapes: Shapes = {"wte.weight": (words, units), "wpe.weight": (config["n_positions"], units)}
    for layer in range(config["n_layer"]):
        name = f"h.{layer}"
        shapes |= norm(f"{name}.ln_1", units) | norm(f"{name}.ln_2", units)
        for part, read, out in (
            ("attn.c_attn", units, 3 * units),
            ("attn.c_proj", units, units),
            ("mlp.c_fc", units, inner),
            ("mlp.c_proj", inner, units),
        ):
            shapes |= {f"{name}.{part}.weight": (read, out), f"{name}.{part}.bias": (out,)}
    shapes |= norm("ln_f", units)
    known: dict[str, Shapes] = {"decoder": {"lm_head.weight": (words, units)}, "score": {"score.weight": (4, units)}}
    for head in heads:
        shapes |= known[head]
    return shapes


def draw(shapes: Shapes, dtype: str = "float64", seed: int = 0) -> dict[str, Array]:
    """Return weights of which none is at its neutral value; a fresh layer norm would hide errors."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for key, shape in shapes.items():
        is_norm = "LayerNorm" in key or ".ln_" in f".{key}"
        if is_norm and key.endswith("weight"):
            tensor = rng.uniform(0.5, 1.5, shape)
        else:
            scale = 0.2 if key.endswith("bias") else 0.5 if "embedding" in key else 1.6 / np.sqrt(shape[-1])
            tensor = scale * rng.standard_normal(shape)
        drawn[key] = tensor.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    return drawn


def bert(*heads: str, dtype: str = "float64", seed: int = 0, **changes: Any) -> Model:
    """Return a small BERT; `changes` are of its configuration."""
    config = {**BERT, **changes}
    return model_of(config, draw(bert_shapes(config, *heads), dtype, seed))


def gpt2(*heads: str, dtype: str = "float64", seed: int = 0, **changes: Any) -> Model:
    """Return a small GPT-2; `changes` are of its configuration."""
    config = {**GPT2, **changes}
    return model_of(config, draw(gpt2_shapes(config, *heads), dtype, seed))


def model_of(config: Mapping[str, Any], weights: dict[str, Array]) -> Model:
    """Return the model of a configuration and its weights."""
    shapes = {key: value.shape for key, value in weights.items()}
    dtypes = {key: str(value.dtype) for key, value in weights.items()}
    return Model(source_view(config, shapes, dtypes, "small"), weights.__getitem__)


def plan(
    small: Model,
    width: WeightPass,
    depth: WeightPass | None = None,
    *,
    shares: str = "even",
    seed: int = 0,
    **changes: Any,
) -> Plan:
    """Return the plan of growing `small`; `changes` are of its configuration."""
    target = {**small.view.config, **changes}
    return make_plan(small.view, target, width, depth, Choices(shares, seed))


def carried_out(small: Model, made: Plan) -> Model:
    """Return the larger model of a plan, made in memory."""
    weights = {key: execute.tensor(recipe, small.read) for key, recipe in made.recipes.items()}
    return Model(made.target, weights.__getitem__)


def proved(small: Model, made: Plan, claim: Claim | None = None) -> ExpansionVerdict:
    """Carry a plan out and judge what comes of it."""
    cases = cases_for(small.view.family, small.view.sizes)
    return judge(small, carried_out(small, made), claim or Claim.of_plan(made), cases)
