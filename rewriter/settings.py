"""`[tool.rewriter]` in the nearest pyproject.toml: defaults for the command line."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import RewriterError
from .targets import Capture, Device, Scope

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Settings:
    """Defaults that options on the command line override.

    Attributes:
        passes: Names of the passes to run; empty for the default ones.
        target: Device.
        mindspore: Version; None for the installed one.
        plugins: Plugin files (relative to the pyproject.toml) and modules.
        no_plugins: Names of plugins not to load.
        scope: How much of a model is one graph.
        dynamic: Whether a graph is compiled for tensors of any size.
        capture: How graphs are made.
    """

    passes: tuple[str, ...] = ()
    target: Device = Device.PORTABLE
    mindspore: str | None = None
    plugins: tuple[str, ...] = ()
    no_plugins: tuple[str, ...] = ()
    scope: Scope = Scope.MODEL
    dynamic: bool = False
    capture: Capture = Capture.AST


def load(start: Path) -> Settings:
    """Read the settings that hold in the folder `start`.

    Raises:
        RewriterError: The table has an unknown key or a value of the wrong type, or the file is not TOML.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _read(path)
    return Settings()


def _read(path: Path) -> Settings:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RewriterError(f"{path}: {error}") from None
    tools = document.get("tool")
    table = tools.get("rewriter") if isinstance(tools, dict) else None
    return Settings() if table is None else _validated(table, path)


def _validated(table: Any, path: Path) -> Settings:
    from msgspec import ValidationError, convert

    if not isinstance(table, dict):
        raise RewriterError(
            f"{path}: [tool.rewriter] must be a table", hint='Write [tool.rewriter], then key = "value".'
        )
    values = {key.replace("-", "_"): value for key, value in table.items()}
    unknown = sorted(set(values) - set(Settings.__dataclass_fields__))
    if unknown:
        known = ", ".join(name.replace("_", "-") for name in Settings.__dataclass_fields__)
        raise RewriterError(f"{path}: [tool.rewriter] has no key '{unknown[0]}'", hint=f"Known keys: {known}.")
    try:
        settings = convert(values, Settings)
    except ValidationError as error:
        raise RewriterError(f"{path}: [tool.rewriter]: {error}") from None
    plugins = tuple(str(path.parent / one) if one.endswith(".py") else one for one in settings.plugins)
    return replace(settings, plugins=plugins)
