"""Finding plugins: entry points, files and modules the user names, each isolated from the others."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
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
    from .weights import WeightPass

GROUP = "rewriter"
_OWN = "mindspore-rewriter"
AUTOLOAD_OFF = "REWRITER_DISABLE_PLUGIN_AUTOLOAD"


@dataclass(frozen=True)
class Origin:
    """Where a plugin comes from.

    Attributes:
        source: Its module, or the file that the user named.
        distribution: The installed distribution that brings it; empty for what the user named.
        version: Of the distribution.
        why_not: Why it was not even tried; empty when it was.
    """

    source: str
    distribution: str = ""
    version: str = ""
    why_not: str = ""


@dataclass
class PluginHost:
    """The loaded plugins.

    Attributes:
        manager: pluggy's plugin manager, with our hook specifications.
        named: The plugins that the user named.
        blocked: Those not to load.
        broken: Plugin name → why it is not used. An installed plugin that fails is reported, and the tool goes on.
        origins: Plugin name → where it comes from; those that were not loaded too.
    """

    manager: pluggy.PluginManager
    named: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process load the same plugins, once."""
        return _again, (self.named, self.blocked)

    def passes(self) -> list[tuple[str, Pass]]:
        """Return (plugin name, pass) for every registered pass, in a stable order.

        Of two installed plugins with a pass of one name, one keeps it; the other is put into `broken`.
        """
        found = sorted(self._collected("rewriter_passes", Pass), key=lambda pair: (pair[1].name, pair[0]))
        kept: dict[str, str] = {}
        for owner, item in sorted(found, key=lambda pair: (self._origin(pair[0]).distribution != _OWN, pair[0])):
            if kept.setdefault(item.name, owner) != owner and self._origin(owner).distribution:
                self.broken[owner] = f"{kept[item.name]} has a pass '{item.name}' already"
        return [(owner, item) for owner, item in found if kept[item.name] == owner or owner not in self.broken]

    def _origin(self, name: str) -> Origin:
        return self.origins.get(name, Origin(""))

    def weight_passes(self) -> list[tuple[str, WeightPass]]:
        """Return (plugin name, weight pass) for every registered one, in a stable order."""
        from .weights import WeightPass  # NumPy is for those who ask for these

        found = self._collected("rewriter_weight_passes", WeightPass)
        return sorted(found, key=lambda pair: (pair[1].name, pair[0]))

    def dialects(self) -> tuple[Dialect, ...]:
        """Return the plugins' dialects, then the built-in ones."""
        return (*(dialect for _, dialect in self._collected("rewriter_dialects", Dialect)), *BUILTIN_DIALECTS)

    def model_adapters(self) -> tuple[ModelAdapter, ...]:
        """Return the plugins' model adapters."""
        return tuple(adapter for _, adapter in self._collected("rewriter_model_adapters", object))

    def hooks(self, name: str) -> list[str]:
        """Return the names of the hooks that a plugin has."""
        plugin = self.manager.get_plugin(name)
        return sorted(caller.name for caller in (self.manager.get_hookcallers(plugin) or []) if caller.has_spec())

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call `hook` of every plugin that has it; one that raises is put into `broken`."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except (Exception, SystemExit) as error:
                self._put_aside(implementation.plugin_name, hook, error)

    def _collected(self, hook: str, kind: type) -> list[tuple[str, Any]]:
        """Return (plugin name, item) of what every plugin returns from `hook`; one that raises is put into `broken`."""
        found: list[tuple[str, Any]] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                items = list(implementation.function())
                for item in items:
                    _require(item, kind)
            except (Exception, SystemExit) as error:  # a plugin must not take the tool down
                self._put_aside(implementation.plugin_name, hook, error)
            else:
                found.extend((implementation.plugin_name, item) for item in items)
        return found

    def _put_aside(self, plugin: str, hook: str, error: BaseException) -> None:
        self.broken[plugin] = f"{hook} raised {type(error).__name__}: {error}"


def _require(item: Any, kind: type) -> None:
    """Refuse what a plugin returns by mistake; the class in the place of an instance, mostly."""
    if not isinstance(item, kind):
        raise TypeError(f"{item!r} is no instance of {kind.__name__}")
    if kind is Pass and not isinstance(getattr(item, "name", None), str):
        raise TypeError(f"{type(item).__name__} has no name")


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
    host = PluginHost(manager, named, blocked)
    for name in blocked:
        manager.set_blocked(name)
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        _load_entry_point(host, entry)
    for text in dict.fromkeys(named):
        _load_named(host, text)
    _check(host)
    for name in blocked:
        if name not in host.origins:
            host.broken[name] = "there is no plugin of this name to leave out"
    return host


def _again(named: tuple[str, ...], blocked: tuple[str, ...]) -> PluginHost:
    """Return what another process has loaded: a function of its own, since a cache has no name to be pickled by."""
    return _load_once(named, blocked)


@functools.cache
def _load_once(named: tuple[str, ...], blocked: tuple[str, ...]) -> PluginHost:
    return load(named, blocked)


def _load_entry_point(host: PluginHost, entry: EntryPoint) -> None:
    """Load an installed plugin, unless it is not to be; one that fails is put into `broken`."""
    brought_by = getattr(entry, "dist", None)
    distribution, version = (brought_by.name, brought_by.version) if brought_by is not None else ("", "")
    name = entry.name
    if name in host.origins:
        name = f"{name}@{distribution}"  # two distributions with a plugin of one name
    blocked = name in host.blocked or entry.name in host.blocked
    why_not = "--no-plugin" if blocked else f"{AUTOLOAD_OFF} is set" if os.environ.get(AUTOLOAD_OFF) else ""
    host.origins[name] = Origin(getattr(entry, "value", ""), distribution, version, why_not)
    if why_not:
        return
    try:
        _register(host, entry.load(), name)
    except (Exception, SystemExit) as error:
        host.broken[name] = f"{type(error).__name__}: {error}"


def _load_named(host: PluginHost, text: str) -> None:
    try:
        module = _import_file(Path(text)) if text.endswith(".py") else importlib.import_module(text)
    except PluginError:
        raise
    except RewriterError as error:  # a pattern that cannot work
        raise PluginError(f"plugin {text}: {error.message}", hint=error.hint) from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"plugin {text} cannot be imported: {type(error).__name__}: {error}",
            hint="Run it with python to see where.",
        ) from error
    name = _name_of(text)
    if host.manager.is_registered(module):
        return
    if host.manager.has_plugin(name):
        name = text  # two files of one name in two folders
    blocked = host.manager.is_blocked(name)
    host.origins[name] = Origin(text, why_not="--no-plugin" if blocked else "")
    if blocked:
        return
    try:
        _register(host, module, name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin {text} cannot be used: {error}", hint="docs/hooks.md has the hooks.") from error


def _register(host: PluginHost, module: ModuleType, name: str) -> None:
    """Register a plugin as a whole or not at all: before 1.7, pluggy left what came before a hook that does not fit."""
    try:
        host.manager.register(module, name=name)
    except BaseException:
        if host.manager.has_plugin(name):
            host.manager.unregister(name=name)
        raise


def _name_of(text: str) -> str:
    return Path(text).stem if text.endswith(".py") else text


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
    """Report what would otherwise silently do nothing: a misspelt hook, a forgotten `hookimpl`."""
    for name, plugin in host.manager.list_name_plugin():
        if plugin is None or name in host.broken:
            continue
        callers = host.manager.get_hookcallers(plugin) or []
        unknown = [caller.name for caller in callers if not caller.has_spec()]
        if unknown:
            host.broken[name] = f"unknown hook {unknown[0]}"
        elif not callers:
            host.broken[name] = "it has no hook; mark its functions with rewriter.hookimpl"
