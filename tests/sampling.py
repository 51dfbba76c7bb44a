"""Choosing what of many runs in every test run: the rest is `slow`, and runs in the whole one."""

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(names: Iterable[str], *fast: str) -> list[Any]:
    """Return parameters for `names`, all of them marked slow but those in `fast`."""
    names = list(names)
    unknown = set(fast) - set(names)
    assert not unknown, f"no such parameter: {unknown}"
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]
