"""Targets: the device, the MindSpore version and the size of graph that a result is written for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from .errors import RewriterError


class Device(str, Enum):
    """Where the rewritten file will run. `portable` means on every device."""

    PORTABLE = "portable"
    CPU = "cpu"
    GPU = "gpu"
    ASCEND = "ascend"


class Scope(str, Enum):
    """How much of a model a graph is to hold."""

    ENCODER = "encoder"
    """The loop over its layers."""
    MODEL = "model"
    """All that it computes: embeddings, masks, layers, pooler and head."""


NEWEST = Version("2.10.0")
"""The newest MindSpore that was tried; the target where none is installed."""


@dataclass(frozen=True)
class Target:
    """A device, a MindSpore version and a size of graph.

    Attributes:
        device: Where the result runs.
        mindspore: The MindSpore version whose API the result may use.
        scope: How much of a model is compiled as one graph.
    """

    device: Device = Device.PORTABLE
    mindspore: Version = NEWEST
    scope: Scope = Scope.MODEL

    @classmethod
    def parse(cls, device: str, mindspore: str | None, scope: str = Scope.MODEL.value) -> Target:
        """Build a target from command-line words.

        Raises:
            RewriterError: There is no such device or scope, or the version is not a version number.
        """
        where, size = _member(Device, "target", device), _member(Scope, "scope", scope)
        try:
            version = Version(mindspore) if mindspore else installed_mindspore()
        except InvalidVersion:
            raise RewriterError(
                f"--mindspore {mindspore}: not a version number", hint="Write it like 2.10.0."
            ) from None
        return cls(where, version, size)


Word = TypeVar("Word", bound=Enum)


def _member(kind: type[Word], name: str, value: str) -> Word:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(one.value for one in kind)
        raise RewriterError(f"{name} '{value}': no such {name}", hint=f"Known {name}s: {known}.") from None


def installed_mindspore() -> Version:
    """Return the installed MindSpore's version without importing it; `NEWEST` when there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Version(version("mindspore"))
    except PackageNotFoundError:
        return NEWEST
