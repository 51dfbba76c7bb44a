"""Where mindone's files are, and the fixtures; mindone need not be imported for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures" / "mindone"


def modeling_file(family: str) -> Path:
    """Return the path of a family's modeling file."""
    spec = importlib.util.find_spec("mindone")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "transformers", "models", family)
    return folder / f"modeling_{family}.py"
