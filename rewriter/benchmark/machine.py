"""What a measurement ran on, so that a figure can be believed, or not."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FLAGS = ("avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve")
"""Instruction sets that change what a CPU can reach."""


@dataclass(frozen=True)
class Machine:
    """A machine and the libraries on it.

    Attributes:
        cpu: Name of the processor, as its maker has it.
        cores: Cores that this process may use.
        flags: Those of `FLAGS` that it has.
        memory_gb: Main memory.
        system: Operating system and architecture.
        python: Version.
        mindspore: Version; empty when it is not installed.
        mindnlp: Version; empty when it is not installed.
        threads: Threads of each contender.
        load: Average number of running processes in the minute before; None where the system does not say.
    """

    cpu: str
    cores: int
    flags: tuple[str, ...]
    memory_gb: float
    system: str
    python: str
    mindspore: str
    mindnlp: str
    threads: int
    load: float | None

    @property
    def busy(self) -> bool:
        """Whether others keep a good part of it busy, so that its figures are worth little."""
        return self.load is not None and self.load > 0.5 * self.cores

    def __str__(self) -> str:
        flags = f" ({', '.join(self.flags)})" if self.flags else ""
        libraries = [f"{name} {there}" for name, there in self._libraries() if there]
        return (
            f"{self.cpu}{flags}, {self.cores} cores, {self.memory_gb:.0f} GB, {self.system}, Python {self.python}, "
            f"{', '.join(libraries)}, {self.threads} threads for every contender"
        )

    def _libraries(self) -> tuple[tuple[str, str], ...]:
        return (("MindSpore", self.mindspore), ("mindnlp", self.mindnlp))


def describe(threads: int | None = None) -> Machine:
    """Look at this machine.

    Args:
        threads: Threads of each contender; None for as many as there are cores.
    """
    facts = _cpu_facts()
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    count = cores()
    return Machine(
        cpu=facts.get("model name") or platform.processor() or platform.machine(),
        cores=count,
        flags=tuple(name for name in FLAGS if name in flags),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        mindspore=_version("mindspore"),
        mindnlp=_version("mindnlp"),
        threads=threads or count,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_facts() -> dict[str, str]:
    """Return what Linux says of the first core; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
