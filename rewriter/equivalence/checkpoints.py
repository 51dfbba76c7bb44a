"""Saving a model and loading it again, as users of its library do."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save(model: Any, folder: Path) -> None:
    """Write a model's checkpoint: by `save_pretrained` where the class has it, else by MindSpore."""
    import mindspore

    if hasattr(model, "save_pretrained"):
        model.save_pretrained(str(folder))
    else:
        mindspore.save_checkpoint(model, str(folder / "model.ckpt"))


def load(fresh: Any, folder: Path) -> Any:
    """Return a model with the checkpoint in `folder`.

    Args:
        fresh: A model of the class and configuration wanted; its weights do not matter.
        folder: Where `save` wrote.
    """
    import mindspore

    if hasattr(fresh, "save_pretrained"):
        return type(fresh).from_pretrained(str(folder))
    mindspore.load_param_into_net(fresh, mindspore.load_checkpoint(str(folder / "model.ckpt")))
    return fresh
