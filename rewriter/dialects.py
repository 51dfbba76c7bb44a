"""Dialects: how a modeling file spells its framework.

A dialect is data. The host detects it from the imports of a file; passes read from it what they need (the name of
the forward method, the layer list classes) and never test for a library by name themselves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """One spelling of the framework.

    Attributes:
        name: For messages and `--json`.
        framework: Qualified names whose import marks the dialect, most telling first.
        forward: Name of the method that computes a module's output.
        module_bases: Qualified names of the classes that modules derive from.
        module_lists: Qualified names of the containers that hold layers in order.
        supported: False for a dialect that is recognised only to say so.
    """

    name: str
    framework: tuple[str, ...]
    forward: str
    module_bases: tuple[str, ...]
    module_lists: tuple[str, ...]
    supported: bool = True


MINDNLP_CORE = Dialect(
    name="mindnlp.core",
    framework=("mindnlp.core",),
    forward="forward",
    module_bases=("mindnlp.core.nn.Module",),
    module_lists=("mindnlp.core.nn.ModuleList", "mindnlp.core.nn.Sequential"),
)

MINDSPORE = Dialect(
    name="mindspore",
    framework=("mindspore",),
    forward="construct",
    module_bases=("mindspore.nn.Cell",),
    module_lists=("mindspore.nn.CellList", "mindspore.nn.SequentialCell"),
)

TORCH = Dialect(
    name="torch",
    framework=("torch",),
    forward="forward",
    module_bases=("torch.nn.Module",),
    module_lists=("torch.nn.ModuleList", "torch.nn.Sequential"),
    supported=False,
)

BUILTIN_DIALECTS = (MINDNLP_CORE, TORCH, MINDSPORE)
"""In order of precedence: a mindnlp file imports `mindspore` too, and a mixed torch file is still torch."""


def detect(imported: frozenset[str], dialects: tuple[Dialect, ...] = BUILTIN_DIALECTS) -> Dialect | None:
    """Return the first dialect whose framework is among the imported modules, or None.

    Args:
        imported: Qualified names of all modules and members that a file imports.
        dialects: Candidates in order of precedence.
    """
    for dialect in dialects:
        for marker in dialect.framework:
            if any(name == marker or name.startswith(marker + ".") for name in imported):
                return dialect
    return None
