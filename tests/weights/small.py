"""Small checkpoints on disk, and `rewriter expand` in this process."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from rewriter.cli import app
from rewriter.weights.drawing import draw
from rewriter.weights.families import FAMILIES
from rewriter.weights.keys import Spelling

BERT = {
    "model_type": "bert",
    "vocab_size": 11,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 7,
    "type_vocab_size": 2,
}
GPT2 = {"model_type": "gpt2", "vocab_size": 11, "n_embd": 8, "n_head": 2, "n_layer": 2, "n_positions": 7}
HEADS = ("pooler.", "cls.", "lm_head.")
WIDER = "hidden_size=16,num_attention_heads=4,intermediate_size=20"


def weights_of(config, spelling=None, parts=HEADS, dtype="float32", seed=0):
    """Return the weights of a model by the keys of a spelling, with the buffers that old files have."""
    family = FAMILIES[config["model_type"]]
    found = dict(draw(config, parts=parts, seed=seed, dtype=dtype).weights)
    if family.name == "bert":
        found["embeddings.position_ids"] = np.arange(config["max_position_embeddings"])[None]
    else:
        mask = np.tril(np.ones((1, 1, config["n_positions"], config["n_positions"]), np.uint8))
        found |= {f"h.{n}.attn.bias": mask for n in range(config["n_layer"])}
        found |= {f"h.{n}.attn.masked_bias": np.array(-1e4, np.float32) for n in range(config["n_layer"])}
    return {(spelling or Spelling(prefix=True)).of(key, family): value for key, value in found.items()}


def checkpoint(folder, config=BERT, weights=None, **options):
    """Write a checkpoint, and return its folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(weights_of(config, **options) if weights is None else weights, folder / "model.safetensors")
    return folder


def expand(*arguments):
    """Run the command; returns its result with `exit_code`, `stdout` and `stderr`."""
    return CliRunner().invoke(app, ["expand", *map(str, arguments)])


def grown(source, out, *options, to=WIDER):
    """Expand a checkpoint, and return the tensors of the result."""
    done = expand(source, "--to", to, "-o", out, *options)
    assert done.exit_code == 0, done.stderr
    return load_file(Path(out) / "model.safetensors")


def files(folder):
    """Return every file below a folder, with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}
