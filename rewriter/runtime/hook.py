"""The import hook: modules keep their names and packages, and run rewritten source.

::

    import rewriter

    rewriter.install(["mindnlp.transformers.models.bert"])
    from mindnlp.transformers import BertModel  # rewritten

A hooked module is the rewritten file of the cache (`rewriter.runtime.cache`) under the original's name. Its `__name__`
and `__package__` are the original's, so relative imports and pickles work; `__file__` is the rewritten file, so that
tracebacks, debuggers, `inspect.getsource` and MindSpore's graph compiler show and read the code that runs. Code that
looks for data beside `__file__` does not find it there; the original is `module.__loader__.original.origin`.

A module that cannot be rewritten, or whose rewritten file does not import, is imported as it is; the logger
`rewriter.runtime.hook` says why, as a warning for a module that was named and for every failure. The finder that
`install` returns has in `outcomes` what became of each module. Processes that are spawned do not inherit the hook.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from ..errors import RewriterError
from . import cache
from .loader import NO_COMPAT

PREFIX = "modeling_"
"""Of a package, the modules whose names begin so are rewritten, at any depth."""

_logger = logging.getLogger(__name__)


def install(
    modules: Iterable[str],
    *,
    passes: Iterable[str] = (),
    target: str = "portable",
    mindspore: str | None = None,
    scope: str = "model",
    dynamic: bool = False,
    plugin_files: Iterable[str | Path] = (),
) -> RewritingFinder:
    """Make `import` of the given modules or packages give their rewritten code, in this process.

    mindnlp, when something imports it, is imported through `mindnlp_compat.apply`, unless the environment says
    REWRITER_NO_COMPAT=1.

    Args:
        modules: Dotted names. A module is rewritten whatever its name; a package, all `modeling_*` modules in it.
        passes: Names of the passes to run; the default ones when empty.
        target: `portable`, `cpu`, `gpu` or `ascend`.
        mindspore: Version to rewrite for; the installed one when None.
        scope: How much of a model is one graph: `model` or `encoder`.
        dynamic: Whether a graph is compiled for tensors of any size, at most three times for one kind of call.
        plugin_files: Further plugins, as files or modules.

    Returns:
        The finder, which is a context manager too: `with install([...]):` uninstalls it at the end.

    Raises:
        RewriterError: A module is unknown, or was imported before; an option is not usable. Nothing is installed then.
    """
    names = tuple(dict.fromkeys([modules] if isinstance(modules, str) else modules))
    recipe = cache.Recipe.of(passes, target, mindspore, plugin_files, scope, dynamic)
    finder = RewritingFinder(names, recipe)
    for known in sys.meta_path:
        if isinstance(known, RewritingFinder) and (known.names, known.recipe) == (finder.names, finder.recipe):
            return known
    for name in names:
        _check(name)
    _refuse_imported(finder)
    if not any(isinstance(known, _CompatFinder) for known in sys.meta_path):
        sys.meta_path.insert(0, _CompatFinder())
    sys.meta_path.insert(0, finder)
    return finder


def uninstall() -> None:
    """Remove every finder that `install` put in place. Modules that are imported already stay as they are."""
    sys.meta_path[:] = [known for known in sys.meta_path if not isinstance(known, (RewritingFinder, _CompatFinder))]


def is_rewritten(module: ModuleType) -> bool:
    """Tell whether a module was imported through the hook and runs its rewritten source."""
    return isinstance(getattr(module, "__loader__", None), _RewrittenLoader)


class RewritingFinder(MetaPathFinder):
    """Finds modules where Python would, and loads them from their rewritten source.

    Attributes:
        names: The modules and packages it is for.
        recipe: How they are rewritten.
        outcomes: Module name → what rewriting it came to, for each module imported so far.
    """

    def __init__(self, names: tuple[str, ...], recipe: cache.Recipe) -> None:
        self.names = names
        self.recipe = recipe
        self.outcomes: dict[str, cache.Entry] = {}

    def __enter__(self) -> RewritingFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if not any(isinstance(known, RewritingFinder) for known in sys.meta_path):
            uninstall()

    def covers(self, name: str) -> bool:
        """Tell whether the module called `name` is to be rewritten, should it be a module and not a package."""
        if name in self.names:
            return True
        return name.rpartition(".")[2].startswith(PREFIX) and any(name.startswith(f"{one}.") for one in self.names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `fullname` from rewritten source; None for what is not covered or cannot be rewritten."""
        if not self.covers(fullname):
            return None
        spec = _found_by_others(self, fullname, path, target)
        if spec is None or spec.submodule_search_locations is not None:
            return None
        entry = self.outcomes[fullname] = self._rewritten(spec)
        if entry.path is None:
            named = fullname in self.names
            _logger.log(
                logging.WARNING if named else logging.INFO, "%s is imported as it is: %s", fullname, entry.reason
            )
            return spec
        loader = _RewrittenLoader(fullname, str(entry.path), spec)
        return importlib.util.spec_from_file_location(fullname, entry.path, loader=loader)

    def _rewritten(self, spec: ModuleSpec) -> cache.Entry:
        if type(spec.loader) is not SourceFileLoader or spec.origin is None:
            return cache.Entry(None, f"it is loaded by {type(spec.loader).__name__}, not from a source file")
        try:
            return cache.rewritten(Path(spec.origin), spec.parent or "", self.recipe)
        except Exception as error:  # an import that would have worked must not fail because of us
            reason = error.message if isinstance(error, RewriterError) else f"{type(error).__name__}: {error}"
            _logger.warning("rewriting %s failed: %s", spec.name, reason)
            return cache.Entry(None, reason)


class _RewrittenLoader(SourceFileLoader):
    """Loads a module from its rewritten file; from the original when that does not import."""

    def __init__(self, fullname: str, path: str, original: ModuleSpec) -> None:
        super().__init__(fullname, path)
        self.original = original

    def exec_module(self, module: ModuleType) -> None:
        """Execute the rewritten file in `module`, or else the original."""
        before = dict(vars(module))
        try:
            super().exec_module(module)
        except Exception as error:
            _logger.warning(
                "%s is imported as it is: its rewritten file %s does not import (%s: %s)",
                self.name,
                self.path,
                type(error).__name__,
                error,
            )
            vars(module).clear()
            vars(module).update(before, __file__=self.original.origin, __cached__=self.original.cached)
            vars(module).update(__loader__=self.original.loader, __spec__=self.original)
            assert self.original.loader is not None
            self.original.loader.exec_module(module)


class _CompatFinder(MetaPathFinder):
    """Imports mindnlp through `mindnlp_compat`, at its first import and not before."""

    def __init__(self) -> None:
        self.busy = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "mindnlp" or self.busy or os.environ.get(NO_COMPAT) == "1":
            return None
        spec = _found_by_others(self, fullname, path, target)
        if spec is None:
            return None
        return ModuleSpec(fullname, _CompatLoader(self), origin=spec.origin, is_package=True)


class _CompatLoader(Loader):
    """Hands out the mindnlp that `mindnlp_compat.apply` imported meanwhile."""

    def __init__(self, finder: _CompatFinder) -> None:
        self.finder = finder
        self.spec: Any = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        from . import mindnlp_compat

        self.finder.busy = True
        try:
            mindnlp_compat.apply()
            module = importlib.import_module("mindnlp")  # it is there by now, unless the patches are not for it
        finally:
            self.finder.busy = False
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put ours there, which would be used by a reload


def _found_by_others(
    finder: MetaPathFinder, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """Return what the finders after `finder` find."""
    here = sys.meta_path.index(finder) if finder in sys.meta_path else -1
    for other in sys.meta_path[here + 1 :]:
        find = getattr(other, "find_spec", None)
        spec: ModuleSpec | None = None if find is None else find(name, path, target)
        if spec is not None:
            return spec
    return None


def _check(name: str) -> None:
    """Refuse a name that no module or package has, and a package without modeling files. Nothing is imported."""
    top, *rest = name.split(".")
    spec = _top_level(top)
    for part in rest:
        inside = None if spec is None else spec.submodule_search_locations
        spec = PathFinder.find_spec(part, list(inside)) if inside else None
    if spec is None:
        raise RewriterError(
            f"{name}: no such module or package", hint="Give dotted names, like mindnlp.transformers.models.bert."
        )
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if places and not any(True for place in places for _ in place.rglob(f"{PREFIX}*.py")):
        raise RewriterError(f"{name}: this package holds no {PREFIX}*.py", hint="Name the module itself.")


def _top_level(name: str) -> ModuleSpec | None:
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    return importlib.util.find_spec(name) if name.isidentifier() else None


def _refuse_imported(finder: RewritingFinder) -> None:
    imported = [
        name
        for name, module in list(sys.modules.items())
        if finder.covers(name) and not hasattr(module, "__path__") and not is_rewritten(module)
    ]
    if imported:
        more = f" and {len(imported) - 1} more" if len(imported) > 1 else ""
        raise RewriterError(
            f"{imported[0]}{more} was imported before `install`, so its code cannot be exchanged any more",
            hint="Call rewriter.install before anything imports it, or use rewriter.optimize(model).",
        )
