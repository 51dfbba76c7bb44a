"""Finding plugins: entry points, files and modules the user names, each isolated from the others."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from . import hookspecs
from .dialects import BUILTIN_DIALECTS, Dialect
from .errors import PluginError, RewriterError
from .passes import Pass

if TYPE_CHECKING:
    from .equivalence.adapters import ModelAdapter

GROUP = "rewriter"
AUTOLOAD_OFF = "REWRITER_DISABLE_PLUGIN_AUTOLOAD"


@dataclass
class PluginHost:
    """The loaded plugins.

    Attributes:
        manager: pluggy's plugin manager, with our hook specifications.
        broken: Plugin name → why it is not used. An installed plugin that fails is reported, and the tool goes on.
    """

    manager: pluggy.PluginManager
    broken: dict[str, str] = field(default_factory=dict)

    def passes(self) -> list[tuple[str, Pass]]:
        """Return (plugin name, pass) for every registered pass, in a stable order."""
        return sorted(self._collected("rewriter_passes"), key=lambda pair: (pair[1].name, pair[0]))

    def dialects(self) -> tuple[Dialect, ...]:
        """Return the plugins' dialects, then the built-in ones."""
        return (*(dialect for _, dialect in self._collected("rewriter_dialects")), *BUILTIN_DIALECTS)

    def model_adapters(self) -> tuple[ModelAdapter, ...]:
        """Return the plugins' model adapters."""
        return tuple(adapter for _, adapter in self._collected("rewriter_model_adapters"))

    def _collected(self, hook: str) -> list[tuple[str, Any]]:
        """Return (plugin name, item) of what every plugin returns from `hook`; one that raises is put into `broken`."""
        found: list[tuple[str, Any]] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                items: Iterable[Any] = implementation.function()
                found.extend((implementation.plugin_name, item) for item in items)
            except Exception as error:  # a plugin must not take the tool down
                self.broken[implementation.plugin_name] = f"{hook} raised {type(error).__name__}: {error}"
        return found


def load(named: tuple[str, ...] = (), blocked: tuple[str, ...] = ()) -> PluginHost:
    """Load the installed plugins and those named.

    Args:
        named: Files (`my_pass.py`) or importable modules (`my_package.passes`).
        blocked: Names of plugins not to load.

    Raises:
        PluginError: A plugin the user named cannot be loaded. (An installed one that cannot is put into `broken`.)
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    host = PluginHost(manager)
    for name in blocked:
        manager.set_blocked(name)
    if not os.environ.get(AUTOLOAD_OFF):
        for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name):
            if entry.name not in blocked and not manager.has_plugin(entry.name):
                _load_entry_point(host, entry)
    for text in named:
        _load_named(host, text)
    _check(host)
    return host


def _load_entry_point(host: PluginHost, entry: EntryPoint) -> None:
    try:
        host.manager.register(entry.load(), name=entry.name)
    except Exception as error:
        host.broken[entry.name] = f"{type(error).__name__}: {error}"


def _load_named(host: PluginHost, text: str) -> None:
    try:
        module = _import_file(Path(text)) if text.endswith(".py") else importlib.import_module(text)
    except RewriterError:
        raise
    except Exception as error:
        raise PluginError(
            f"plugin {text} cannot be imported: {type(error).__name__}: {error}",
            hint="Run it with python to see where.",
        ) from error
    name = Path(text).stem if text.endswith(".py") else text
    if host.manager.is_blocked(name):
        return
    try:
        host.manager.register(module, name=name)
    except ValueError as error:
        raise PluginError(f"plugin {text} cannot be registered: {error}") from None


def _import_file(path: Path) -> ModuleType:
    """Import a plugin file under a name of its own, so that `passes.py` in two folders do not clash."""
    if not path.is_file():
        raise PluginError(f"plugin {path}: no such file", hint="Give the path of a .py file or an importable module.")
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"rewriter_plugin_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check(host: PluginHost) -> None:
    """Report hooks that nobody specified: a misspelt hook would otherwise silently do nothing."""
    for name, plugin in host.manager.list_name_plugin():
        for implementation in host.manager.get_hookcallers(plugin) or []:
            if not implementation.has_spec():
                host.broken[name] = f"unknown hook {implementation.name}"
