"""Choosing how often a test runs: in every run, in the whole one (`slow`), or only where `-m breadth` asks for it.

`breadth` is for one more of a kind: another family, style or file, for a test that the whole run has already; and for
the longest of what shorter tests show as well. CI runs these, too. They count as slow.
"""

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(names: Iterable[Any], *fast: Any) -> list[Any]:
    """Return parameters for `names`, all of them marked slow but those in `fast`."""
    names = _known(names, fast)
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def breadth_but(names: Iterable[Any], *kept: Any) -> list[Any]:
    """Return parameters for `names`: those in `kept` are slow, all others of the breadth; a tuple is several values."""
    names = [name if isinstance(name, tuple) else (name,) for name in _known(names, kept)]
    kept = tuple(name if isinstance(name, tuple) else (name,) for name in kept)
    return [pytest.param(*name, marks=pytest.mark.slow if name in kept else pytest.mark.breadth) for name in names]


def _known(names: Iterable[Any], chosen: tuple[Any, ...]) -> list[Any]:
    names = list(names)
    unknown = [name for name in chosen if name not in names]
    assert not unknown, f"no such parameter: {unknown}"
    return names
