"""Rewritten modeling files, kept on disk so that each is rewritten once.

MindSpore's graph compiler reads source from real files, so the code that `optimize` and the import hook run must lie in
one. It lies in the user's cache folder, which may be deleted at any time while nothing runs from it.

An entry is a folder named by everything that the rewritten text depends on: the original bytes and their package, the
code of Rewriter and of the plugins, the passes asked for, and the target. So nothing has to be invalidated. It holds
the rewritten file under the original's name, and a record with the digest of that file, written last: an entry that
was damaged or left half done is noticed and made anew. Processes that make the same entry write the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path

from .. import files
from .._version import __version__
from ..errors import PassOrderError, RewriterError
from ..plugins import AUTOLOAD_OFF, GROUP
from ..targets import Scope, Target
from .loader import source_path

FOLDER = "REWRITER_CACHE"
"""Set this environment variable to a folder to keep the rewritten files there."""

_CODE_AND_DATA = {".py", ".toml", ".txt", ".json"}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How to rewrite: the options that `optimize`, `install` and `rewriter.rewrite` have in common.

    Attributes:
        passes: Names of the passes to run; the default ones when empty.
        target: `portable`, `cpu`, `gpu` or `ascend`.
        mindspore: Version the result is for; the installed one when None.
        plugin_files: Further plugins, as files or modules.
        scope: `model` or `encoder`.
        dynamic: Whether a graph is compiled for tensors of any size.
    """

    passes: tuple[str, ...] = ()
    target: str = "portable"
    mindspore: str | None = None
    plugin_files: tuple[str, ...] = ()
    scope: str = Scope.MODEL.value
    dynamic: bool = False

    @classmethod
    def of(
        cls,
        passes: Iterable[str],
        target: str,
        mindspore: str | None,
        plugin_files: Iterable[str | Path],
        scope: str = Scope.MODEL.value,
        dynamic: bool = False,
    ) -> Recipe:
        """Build a recipe from what a user passed, and check it.

        Raises:
            RewriterError: A pass, a target, a version or a plugin is unknown.
        """
        recipe = cls(tuple(passes), target, mindspore, tuple(map(str, plugin_files)), scope, dynamic)
        recipe.parsed_target()
        if recipe.passes or recipe.plugin_files:
            from .. import api, plugins

            api.select(plugins.load(recipe.plugin_files), recipe.passes)
        return recipe

    def parsed_target(self) -> Target:
        """Return the target.

        Raises:
            RewriterError: The device, the version or the scope is none, or the version has no dynamic graphs.
        """
        return Target.parse(self.target, self.mindspore, self.scope, self.dynamic)


@dataclass(frozen=True)
class Entry:
    """What rewriting one file came to.

    Attributes:
        path: The rewritten file; None when there is none and the original has to serve.
        reason: Why there is none.
    """

    path: Path | None
    reason: str = ""


@dataclass(frozen=True)
class _Record:
    """What is written beside a rewritten file: its digest, or why there is no file, and what it was made from."""

    digest: str
    reason: str
    original: str


def folder() -> Path:
    """Return where rewritten files are kept: `$REWRITER_CACHE`, or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get(FOLDER)
    return Path(chosen).absolute() if chosen else user_cache_path("rewriter", appauthor=False)


def rewritten(original: Path, package: str, recipe: Recipe) -> Entry:
    """Return the rewritten form of the file `original`, from the cache where it is there. Nothing is executed.

    Args:
        original: A Python file.
        package: The dotted package it belongs to; empty for none. The result is meant to be run in that package.
        recipe: How to rewrite it.

    Raises:
        RewriterError: The file cannot be read, the recipe is not usable, or the cache folder cannot be written.
    """
    try:
        data = original.read_bytes()
    except OSError as error:
        raise RewriterError(f"{original}: cannot be read ({error.strerror or error})") from None
    place = folder() / _key(original, data, package, recipe)
    found = _read(place, original)
    if found is not None:
        return found
    text, reason = _rewrite(data, original, package, recipe)
    _write(place, original, text, reason)
    return Entry(place / original.name if text else None, reason)


def _key(original: Path, data: bytes, package: str, recipe: Recipe) -> str:
    target = recipe.parsed_target()
    parts = [
        original.name,
        _digest(data),
        package,
        json.dumps(asdict(recipe)),
        str(target.mindspore),
        __version__,
        _digest_of_installed(not os.environ.get(AUTOLOAD_OFF)),
        *map(_digest_of_plugin, recipe.plugin_files),
    ]
    return _digest("\0".join(parts).encode())[:32]


def _read(place: Path, original: Path) -> Entry | None:
    """Return the entry in `place`; None when there is none, or not a whole one."""
    path = place / original.name
    try:
        record = _Record(**json.loads((place / "record.json").read_text(encoding="utf-8")))
        if not record.digest:
            return Entry(None, str(record.reason))
        return Entry(path) if _digest(path.read_bytes()) == record.digest else None
    except (OSError, ValueError, TypeError):
        return None


def _write(place: Path, original: Path, text: bytes, reason: str) -> None:
    record = _Record(_digest(text) if text else "", reason, str(original))
    try:
        if text:
            files.write(place / original.name, text)
        files.write(place / "record.json", json.dumps(asdict(record), indent=2).encode())
    except RewriterError as error:
        raise RewriterError(
            error.message, hint=f"Rewritten files are kept there; set {FOLDER} to a folder that can be written."
        ) from None


def _rewrite(data: bytes, original: Path, package: str, recipe: Recipe) -> tuple[bytes, str]:
    """Return the rewritten bytes, or none of them and the reason."""
    from .. import api, pipeline, plugins
    from .. import source as source_layer
    from ..job import lacking

    host = plugins.load(recipe.plugin_files)
    passes = api.select(host, recipe.passes)
    dialects = host.dialects()
    for name, problem in host.broken.items():
        _logger.warning("plugin %s is not used: %s", name, problem)
    try:
        source = source_layer.parse(data, name=str(original), package=package, path=original)
        result = pipeline.run(source, passes, recipe.parsed_target(), dialects=dialects, standalone=False)
    except PassOrderError:
        raise
    except RewriterError as error:
        return b"", error.message
    for failure in result.failures:
        _logger.warning("%s: pass '%s' failed and was left out: %s", original, failure.pass_name, failure.error)
    if refused := lacking(result, recipe.target):
        return b"", refused
    if result.changed:
        return result.data, ""
    if result.failures:
        return b"", f"pass '{result.failures[0].pass_name}' failed: {result.failures[0].error}"
    return b"", "no pass found a place to rewrite"


@functools.cache
def _digest_of_installed(autoload: bool) -> str:
    """Return a digest of the code of Rewriter and of the installed plugins. None of it is imported.

    Version numbers would miss a pass that its author is just working on.
    """
    parts = [_digest_of_files(Path(__file__).parents[1].glob("*.py"))]
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name) if autoload else ():
        parts += [entry.name, entry.value, entry.dist.version if entry.dist else "", _digest_of_plugin(entry.module)]
    return "\0".join(parts)


def _digest_of_plugin(text: str) -> str:
    """Return a digest of a plugin: of its package with the data in it, or of the one file of a plugin outside any."""
    origin = source_path(text)
    if origin is None or not origin.is_file():
        return ""
    if not (origin.parent / "__init__.py").is_file():
        return _digest_of_files([origin])
    inside = origin.parent.rglob("*")
    return _digest_of_files(path for path in inside if path.suffix in _CODE_AND_DATA and path.is_file())


def _digest_of_files(paths: Iterable[Path]) -> str:
    return _digest("\0".join(f"{path.name} {_digest(path.read_bytes())}" for path in sorted(paths)).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
