"""Parts of a model that come from other modeling files, on the rewritten classes of those."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import api
from ..errors import RewriterError
from ..passes import Outcome
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

    def inherit(self, module: ModuleType) -> None:
        """Have the classes of a rewritten file inherit from rewritten ones, where their bases are another file's."""
        for kind in [item for item in vars(module).values() if isinstance(item, type)]:
            bases = tuple(map(self._rewritten, kind.__bases__))
            if kind.__module__ == module.__name__ and bases != kind.__bases__:
                kind.__bases__ = bases

    def move(self, model: Any) -> None:
        """Give the parts of a model their rewritten classes; its own file, and what cannot be rewritten, is left."""
        own = type(model).__module__
        for part in modules_of(model):
            if type(part).__module__ != own:
                object.__setattr__(part, "__class__", self._rewritten(type(part)))

    def _rewritten(self, kind: type) -> type:
        name = kind.__module__
        is_modeling = name.rpartition(".")[2].startswith(PREFIX)
        return getattr(self._twin(name), kind.__name__, kind) if is_modeling else kind

    def _twin(self, name: str) -> ModuleType | None:
        """Return the rewritten twin of a module; None where nothing of it is compiled."""
        if name not in self._twins:
            module, self._twins[name] = sys.modules[name], None
            try:
                result = api.rewrite(str(module.__file__), target=self._target)
            except RewriterError:
                return None
            if any(site.pass_name == "jit" and site.outcome is Outcome.REWRITTEN for site in result.sites):
                place = self._folder / f"{name.rpartition('.')[2]}_of_others.py"
                place.write_bytes(result.data)
                self._twins[name] = twin = loader.load(place, twin_of=module)
                self.inherit(twin)
        return self._twins[name]
