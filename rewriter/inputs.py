"""From what the user names (a path, a folder, a dotted module) to the files to rewrite. Nothing is imported."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

from .errors import RewriterError

PATTERN = "modeling_*.py"


def resolve(text: str) -> list[Path]:
    """Return the modeling files that `text` stands for.

    Args:
        text: The path of a file or of a folder (searched for `modeling_*.py`), or a dotted module name.

    Raises:
        RewriterError: There is no such file, folder or module, or the folder holds no modeling file.
    """
    path = Path(text)
    if path.is_dir():
        found = sorted(p for p in path.rglob(PATTERN) if p.is_file() and not p.stem.endswith("_rewritten"))
        if not found:
            raise RewriterError(f"{text}: no modeling file in this folder", hint=f"Looked for {PATTERN}, at any depth.")
        return found
    if path.is_file():
        return [path]
    if text.endswith(".py") or "/" in text or "\\" in text:
        raise RewriterError(f"{text}: no such file")
    module = find_module(text)
    if module is None:
        raise RewriterError(
            f"{text}: neither a file nor an installed module",
            hint="A dotted module looks like mindnlp.transformers.models.bert.modeling_bert.",
        )
    return [module]


def find_module(dotted: str) -> Path | None:
    """Return the source file of an installed module, found without importing it or its packages."""
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    parts = dotted.split(".")
    for depth, part in enumerate(parts):
        if not part.isidentifier():
            return None
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        if depth == len(parts) - 1:
            origin = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
            return origin
        if spec.submodule_search_locations is None:
            return None
        places = list(spec.submodule_search_locations)
    return None


def is_installed(path: Path) -> bool:
    """Tell whether `path` belongs to an installed package, beside which nothing should be written."""
    return any(part in ("site-packages", "dist-packages") for part in path.resolve().parts)


def output_path(source: Path, output: str | None) -> Path:
    """Return where the rewriting of `source` goes.

    Args:
        source: The input file.
        output: A `.py` file or a folder; None for `<name>_rewritten.py` beside the input, or in the working directory for
            the file of an installed package.
    """
    if output is None:
        folder = Path.cwd() if is_installed(source) else source.parent
        return folder / f"{source.stem}_rewritten.py"
    target = Path(output)
    return target if output.endswith(".py") and not target.is_dir() else target / source.name
