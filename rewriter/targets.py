"""Targets: the device, the MindSpore version and the kind of graph that a result is written for."""

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


class Capture(str, Enum):
    """How a graph is made of a method."""

    AST = "ast"
    """From its source, under STRICT."""
    TRACE = "trace"
    """By recording what it computes."""
    AUTO = "auto"
    """From its source, and by recording where STRICT refuses that."""


FULLGRAPH_SINCE = Version("2.7.0")
"""From this version on STRICT is spelled `fullgraph=True`; `jit_config=JitConfig(jit_syntax_level="STRICT")` is dropped
with a warning and compiles LAX (measured on 2.7 to 2.10). `dynamic=` is one version older, and used with it only; so is
`capture_mode=`."""

NEWEST = Version("2.10.0")
"""The newest MindSpore that was tried; the target where none is installed."""


@dataclass(frozen=True)
class Target:
    """A device, a MindSpore version and a kind of graph.

    Attributes:
        device: Where the result runs.
        mindspore: The MindSpore version whose API the result may use.
        scope: How much of a model is compiled as one graph.
        dynamic: Whether a graph is compiled for tensors of any size, rather than for each set of sizes.
        capture: How graphs are made.
    """

    device: Device = Device.PORTABLE
    mindspore: Version = NEWEST
    scope: Scope = Scope.MODEL
    dynamic: bool = False
    capture: Capture = Capture.AST

    @property
    def has_fullgraph(self) -> bool:
        """Whether STRICT is spelled `fullgraph=True` there."""
        return self.mindspore >= FULLGRAPH_SINCE

    @classmethod
    def parse(
        cls,
        device: str,
        mindspore: str | None,
        scope: str = Scope.MODEL.value,
        dynamic: bool = False,
        capture: str = Capture.AST.value,
    ) -> Target:
        """Build a target from command-line words.

        Raises:
            RewriterError: There is no such device, scope or capture, the version is not a version number, or is one
                without dynamic graphs or recordings, or these are asked for together.
        """
        how = _member(Capture, "capture", capture)
        where, size = _member(Device, "target", device), _member(Scope, "scope", scope)
        try:
            version = Version(mindspore) if mindspore else installed_mindspore()
        except InvalidVersion:
            raise RewriterError(
                f"--mindspore {mindspore}: not a version number", hint="Write it like 2.10.0."
            ) from None
        target = cls(where, version, size, dynamic, how)
        if how is not Capture.AST and not target.has_fullgraph:
            raise RewriterError(
                f"MindSpore {version} cannot record graphs",
                hint=f"capture = {how.value} (--capture) needs MindSpore {FULLGRAPH_SINCE} or newer.",
            )
        if how is not Capture.AST and dynamic:
            raise RewriterError(
                "a recording is for one set of sizes", hint="--dynamic is for --capture ast; give one of the two."
            )
        if dynamic and not target.has_fullgraph:
            raise RewriterError(
                f"MindSpore {version} has no graphs for tensors of any size",
                hint=f"dynamic (--dynamic) needs MindSpore {FULLGRAPH_SINCE} or newer.",
            )
        return target


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
