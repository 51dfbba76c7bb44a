"""The code that writes the reference pages: it lies beside the pages, where `mkdocs build` finds it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest
from blocks import ROOT

sys.path.insert(0, str(ROOT / "docs"))


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The package `_reference`."""
    return importlib.import_module("_reference")
