"""Targets: the device and the MindSpore version that a result is written for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from packaging.version import InvalidVersion, Version

from .errors import RewriterError


class Device(str, Enum):
    """Where the rewritten file will run. `portable` means on every device."""

    PORTABLE = "portable"
    CPU = "cpu"
    GPU = "gpu"
    ASCEND = "ascend"


NEWEST = Version("2.10.0")
"""The newest MindSpore that was tried; the target where none is installed."""


@dataclass(frozen=True)
class Target:
    """A device and a MindSpore version.

    Attributes:
        device: Where the result runs.
        mindspore: The MindSpore version whose API the result may use.
    """

    device: Device = Device.PORTABLE
    mindspore: Version = NEWEST

    @classmethod
    def parse(cls, device: str, mindspore: str | None) -> Target:
        """Build a target from command-line words.

        Raises:
            RewriterError: The version is not a version number.
        """
        try:
            version = Version(mindspore) if mindspore else installed_mindspore()
        except InvalidVersion:
            raise RewriterError(
                f"--mindspore {mindspore}: not a version number", hint="Write it like 2.10.0."
            ) from None
        return cls(Device(device), version)


def installed_mindspore() -> Version:
    """Return the installed MindSpore's version without importing it; `NEWEST` when there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Version(version("mindspore"))
    except PackageNotFoundError:
        return NEWEST
