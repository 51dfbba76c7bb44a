"""Where calls of mint run on a CPU, for those that the API table has no facts about: data in `kernels.toml`."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from msgspec import Struct, convert

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Kernels(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was seen to run on a CPU, and what was not.

    Attributes:
        checked_with: The MindSpore version.
        runs: What runs in eager mode and in jit → the arguments that it was tried with.
        no_graph: What runs in eager mode only.
        fails: What has no kernel in eager mode.
    """

    checked_with: str
    runs: dict[str, str]
    no_graph: dict[str, str]
    fails: dict[str, str]

    def evidence(self, name: str) -> str:
        """Return what is known of a call, worded as in the API table; empty for nothing."""
        if name in self.runs:
            return f"probe {self.checked_with}"
        return "no jit kernel" if name in self.no_graph else "no eager kernel" if name in self.fails else ""


@cache
def load_kernels() -> Kernels:
    """Read and validate the data."""
    text = Path(__file__).with_name("kernels.toml").read_text(encoding="utf-8")
    return convert(tomllib.loads(text), Kernels)
