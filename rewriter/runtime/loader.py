"""Importing modeling files, by path or by dotted name, so that MindSpore's graph compiler can read them.

`verify`, `bench` and `optimize` run the files that they are given; they load them through `load`. The graph compiler
finds a function's source through its module, so every file that is loaded here is in `sys.modules` and lies on disk.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import os
import sys
import tokenize
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import MissingDependency, RewriterError
from ..source import package_of

NO_COMPAT = "REWRITER_NO_COMPAT"
"""Set this environment variable to 1 to load mindnlp files without `mindnlp_compat`."""

_AUTO_MODULES = "mindnlp.transformers.models.auto."

_aliases: dict[str, str] = {}
"""Name that a package got because its own was taken → its own."""

_contents: dict[str, str] = {}
"""Module name → digest of the file it was loaded from, for members of packages."""


def load(spec: str | Path, *, twin_of: ModuleType | None = None) -> ModuleType:
    """Import a modeling file, which executes it.

    A file inside a package (an `__init__.py` lies beside it) is imported as a member of that package, so its relative
    imports work. A file outside gets a module name of its own, so that files of one name do not clash. A file that did
    not change since it was loaded is not executed again.

    Args:
        spec: A path (`path/modeling_bert.py`) or a dotted module (`mindnlp.transformers.models.bert.modeling_bert`).
        twin_of: The original of which `spec` is the rewritten twin. A twin outside any package is loaded as if it lay
            beside its original. What it registers in mindnlp's auto classes is undone: those keep the original.

    Raises:
        MissingDependency: MindSpore is not installed, or mindnlp is not and the file imports it.
        RewriterError: There is no such file, or executing it fails; the message has the line that fails.
    """
    _require("mindspore", "mindspore==2.10.0")
    if _is_path(spec):
        return _load_path(Path(spec).resolve(), twin_of)
    return _load_dotted(str(spec))


def source_path(spec: str | Path) -> Path | None:
    """Return the file that `spec` names, without importing a modeling file; None where it cannot be found."""
    if _is_path(spec):
        return Path(spec).resolve()
    root, _, rest = str(spec).partition(".")
    with _searched(Path.cwd(), last=True):
        found = importlib.util.find_spec(root)
    if found is None or found.origin is None:
        return None
    if not rest:
        return Path(found.origin)
    base = Path(found.origin).parent.joinpath(*rest.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _is_path(spec: str | Path) -> bool:
    return isinstance(spec, Path) or spec.endswith(".py") or os.sep in spec or "/" in spec


def _load_dotted(name: str) -> ModuleType:
    path = source_path(name)
    if path is None:
        raise RewriterError(
            f"{name}: no such module", hint="Give an importable dotted name, or the path of a .py file."
        )
    _prepare(path, name)
    with _explained(path, name), _searched(Path.cwd(), last=True):
        return importlib.import_module(name)


def _load_path(path: Path, twin_of: ModuleType | None) -> ModuleType:
    if not path.is_file():
        raise RewriterError(f"{path}: no such file")
    package = package_of(path)
    _prepare(path, package)
    if package:
        return _load_member(path, package)
    return _load_alone(path, "" if twin_of is None else str(twin_of.__package__ or ""))


def _load_member(path: Path, package: str) -> ModuleType:
    """Import `path` as a member of its package; of an alias of it where another package has taken the name."""
    top, _, rest = package.partition(".")
    root = path.parents[len(package.split(".")) - 1]
    with _explained(path, str(path)), _searched(root.parent):
        known = sys.modules.get(top)
        if known is None:
            known = importlib.import_module(top)
        if not _is_at(known, root):
            top = _alias(top, root)
        package = f"{top}.{rest}" if rest else top
        name = f"{package}.{path.stem}"
        digest = _digest(path.read_bytes())
        if _contents.setdefault(name, digest) != digest:
            importlib.import_module(package)
            return _load_alone(path, package)
        return importlib.import_module(name)


def _is_at(package: ModuleType, folder: Path) -> bool:
    return any(Path(entry).resolve() == folder for entry in getattr(package, "__path__", ()))


def _alias(top: str, root: Path) -> str:
    """Import the package in the folder `root` under a name of its own, and return that."""
    name = f"{top}_{_digest(str(root).encode())}"
    _aliases[name] = top
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, root / "__init__.py", submodule_search_locations=[str(root)]
        )
        _execute(spec)
    return name


@contextlib.contextmanager
def _under_its_own_name(package: str) -> Iterator[None]:
    """Let the imports of a twin that name its original's package find that one, where another has taken the name.

    The rewriting of a relative import names the package as it is called on disk, and knows of no alias.
    """
    alias, _, _ = package.partition(".")
    top = _aliases.get(alias)
    if top is None:
        yield
        return
    others = _members(top)
    for name in others:
        del sys.modules[name]
    sys.modules.update((top + name[len(alias) :], module) for name, module in _members(alias).items())
    try:
        yield
    finally:
        for name in _members(top):
            sys.modules.setdefault(alias + name[len(top) :], sys.modules.pop(name))
        sys.modules.update(others)


def _members(top: str) -> dict[str, ModuleType]:
    """Return a package and all of it that is imported, by name."""
    return {name: module for name, module in list(sys.modules.items()) if name == top or name.startswith(f"{top}.")}


def _load_alone(path: Path, package: str) -> ModuleType:
    """Import a file that is in no package; with `package`, as if it lay there."""
    name = f"{path.stem}_{_digest(str(path).encode(), path.read_bytes(), package.encode())}"
    name = f"{package}.{name}" if package else f"rewriter_loaded_{name}"
    if name in sys.modules:
        return sys.modules[name]
    with _explained(path, str(path)), _unregistered(), _under_its_own_name(package):
        return _execute(importlib.util.spec_from_file_location(name, path))


def _execute(spec: Any) -> ModuleType:
    """Execute the module of an import spec; it is in `sys.modules` from before its first line."""
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:10]


@contextlib.contextmanager
def _searched(folder: Path, *, last: bool = False) -> Iterator[None]:
    """Put `folder` first, or last, on the import path meanwhile."""
    sys.path.insert(len(sys.path) if last else 0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


@contextlib.contextmanager
def _unregistered() -> Iterator[None]:
    """Undo what is registered in mindnlp's auto classes meanwhile.

    A file that lies outside its package is a copy: `AutoModel` must not answer with the copy's classes afterwards.
    """
    before = {id(registry): (registry, dict(registry._extra_content)) for registry in _registries()}
    try:
        yield
    finally:
        for registry in _registries():
            kept = before.get(id(registry), (registry, {}))[1]
            registry._extra_content.clear()
            registry._extra_content.update(kept)


def _registries() -> list[Any]:
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(_AUTO_MODULES)]
    found = [value for module in modules for value in list(vars(module).values())]
    return [value for value in found if isinstance(getattr(value, "_extra_content", None), dict)]


def _prepare(path: Path, package: str) -> None:
    """Make mindnlp importable where the file needs it."""
    if "mindnlp" not in _imported_roots(path) and package.partition(".")[0] != "mindnlp":
        return
    _require("mindnlp", "mindnlp==0.4.1 datasets==3.1.0 pyarrow==18.1.0 pandas==2.2.3 numpy==1.26.4")
    if os.environ.get(NO_COMPAT) == "1":
        return
    from . import mindnlp_compat

    mindnlp_compat.apply()


def _imported_roots(path: Path) -> set[str]:
    """Return the top-level names of the packages that a file imports anywhere; of none if it does not parse."""
    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
    except (SyntaxError, UnicodeDecodeError):
        return set()
    roots: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            roots.add(node.module.partition(".")[0])
    return roots


def require_mindspore() -> None:
    """Make sure that there is a MindSpore.

    Raises:
        MissingDependency: There is none.
    """
    _require("mindspore", "mindspore")


def _require(module: str, install: str) -> None:
    if module not in sys.modules and importlib.util.find_spec(module) is None:
        raise MissingDependency(
            f"{module} is not installed, and this command runs models", hint=f"Install it: pip install {install}"
        )


@contextlib.contextmanager
def _explained(path: Path, name: str) -> Iterator[None]:
    """Turn whatever the import raises into a message with the line of the file that failed."""
    try:
        yield
    except RewriterError:
        raise
    except (Exception, SystemExit) as error:
        line = _failing_line(error, path)
        last = traceback.format_exception_only(type(error), error)[-1].strip()
        where = f"{name}:{line}" if line else name
        raise RewriterError(f"{where}: cannot be imported: {last}", hint=_hint(error)) from None


def _failing_line(error: BaseException, path: Path) -> int:
    """Return the line of `path` whose execution raised; 0 when the failure lies elsewhere."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == path:
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if Path(frame.filename) == path), 0)


def _hint(error: BaseException) -> str:
    if isinstance(error, ImportError) and "relative import" in str(error):
        return "The file lies outside its package. Put it beside its original, or rewrite its imports to absolute ones."
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Is the package that holds {error.name} installed, or on PYTHONPATH?"
    return ""
