"""Fixtures of the proof's tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from rewriter.weights.proof.models import Model


@pytest.fixture(scope="session")
def saved() -> Callable[[Model, Path], Path]:
    """Write a model as HuggingFace does: a folder with `config.json` and `model.safetensors`."""

    def save(model: Model, folder: Path) -> Path:
        folder.mkdir(parents=True)
        heads = any(key.startswith(("cls.", "classifier.", "lm_head.")) for key in model.view.slots)
        prefix = {"bert": "bert.", "gpt2": "transformer."}[model.view.family] if heads else ""
        base = ("embeddings.", "encoder.", "pooler.", "wte.", "wpe.", "h.", "ln_f.")
        tensors = {(prefix if key.startswith(base) else "") + key: model.read(key) for key in model.view.slots}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        config = json.dumps(dict(model.view.config), indent=2)
        (folder / "config.json").write_text(config, encoding="utf-8")
        return folder

    return save
