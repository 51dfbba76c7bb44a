"""What the tests of the survey share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def import_text(tmp_path: Path) -> Callable[[str], ModuleType]:
    """Import a text as a module whose source can be read."""

    def load(text: str) -> ModuleType:
        path = tmp_path / "imported.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(f"imported_{abs(hash(text))}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
