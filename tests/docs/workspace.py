"""A folder in which what the pages say can be done: the modeling files that they name, and room to write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from blocks import ROOT
from safetensors.numpy import save_file

from rewriter.weights.drawing import draw

FEW_CALLS = '''\
"""In the pages' folder, BERT is checked by a single call: what is tested is that the pages' lines work."""

from rewriter import hookimpl
from rewriter.equivalence.text_like import TextLike


class Few(TextLike):
    def models(self, module):
        return ["BertModel"] if hasattr(module, "BertModel") else super().models(module)

    def cases(self, model_class, level, seed):
        return [case for case in super().cases(model_class, "full", seed) if case.scenario == "call"][:1]


@hookimpl
def rewriter_model_adapters():
    return [Few()]
'''

SETTINGS = '[tool.rewriter]\nplugins = ["pages_few_calls.py"]\n'

TRAIN = 'print("trained")\n'

MODEL = """\
from models.bert.configuration_bert import BertConfig
from models.bert.modeling_bert import BertModel

model = BertModel(
    BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
)
model.set_train(False)
"""
"""What the pages call `model`: yours, they say."""


SMALL = {
    "model_type": "bert",
    "vocab_size": 11,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
}
BASE = {**SMALL, "hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 20}


def make_checkpoints(folder: Path) -> None:
    """Make the checkpoint `bert-small/` that the pages speak of, and the configuration that it grows to."""
    for name, config in (("bert-small", SMALL), ("bert-base", BASE)):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {f"bert.{key}": array for key, array in draw(SMALL, parts=("pooler.",)).weights.items()}
    save_file(weights, folder / "bert-small" / "model.safetensors", metadata={"format": "pt"})


def make(folder: Path) -> Path:
    """Make the folder, which is a member of a package, so that the modeling files can be imported there.

    Returns:
        Where to work. It has `modeling_bert.py`, `modeling_clip.py`, what these import, `models/`,
        `train.py` and the checkpoint `bert-small/`.
    """
    ignored = shutil.ignore_patterns("__pycache__", "*_rewritten.py")
    shutil.copytree(ROOT / "models", folder / "pages", ignore=ignored)
    here = folder / "pages" / "bert"
    for name in ("modeling_clip.py", "configuration_clip.py"):
        shutil.copy(ROOT / "models" / "clip" / name, here)
    shutil.copytree(ROOT / "models", here / "models", ignore=ignored)
    (here / "pages_few_calls.py").write_text(FEW_CALLS, encoding="utf-8")
    (here / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    make_checkpoints(here)
    (here / "train.py").write_text(TRAIN, encoding="utf-8")
    return here


def pattern_pass() -> str:
    """Return a pass that a reader is said to have."""
    return (ROOT / "examples" / "pattern_pass.py").read_text(encoding="utf-8")
