"""Parts of a model that come from other modeling files, on the rewritten classes of those."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import api
from ..errors import RewriterError
from ..runtime import loader
from ..runtime.hook import PREFIX
from ..runtime.modules import modules_of


class OtherFiles:
    """Rewrites the other files that a model is made of, as the import hook does for users.

    Args:
        folder: Where the rewritten files go.
        target: What for.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self._folder, self._target = folder, target
        self._twins: dict[str, ModuleType | None] = {}

    def move(self, model: Any) -> None:
        """Give the parts of a model their rewritten classes; its own file, and what cannot be rewritten, is left."""
        own = type(model).__module__
        for part in modules_of(model):
            kind = type(part)
            if kind.__module__ != own and kind.__module__.rpartition(".")[2].startswith(PREFIX):
                new = getattr(self._twin(kind.__module__), kind.__name__, kind)
                object.__setattr__(part, "__class__", new)

    def _twin(self, name: str) -> ModuleType | None:
        if name not in self._twins:
            module = sys.modules[name]
            try:
                result = api.rewrite(str(module.__file__), target=self._target)
                place = self._folder / f"{name.rpartition('.')[2]}_of_others.py"
                place.write_bytes(result.data)
                self._twins[name] = loader.load(place, twin_of=module)
            except RewriterError:
                self._twins[name] = None
        return self._twins[name]
