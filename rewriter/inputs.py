"""From what the user names (a path, a folder, a dotted module) to the files to rewrite. Nothing is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from .errors import RewriterError

PATTERN = "modeling_*.py"


def resolve(text: str, *, leave_out: Path | None = None) -> list[Path]:
    """Return the modeling files that `text` stands for.

    Args:
        text: The path of a file or of a folder, or a dotted module or package. Folders and packages are searched for
            `modeling_*.py`, but not their hidden folders.
        leave_out: A folder that is not searched: the one that results go to.

    Raises:
        RewriterError: There is no such file, folder or module, or the folder holds no modeling file.
    """
    path = Path(text)
    try:
        if text and path.is_dir():
            return _search(path, leave_out)
        if path.is_file():
            return [path]
    except (OSError, ValueError) as error:  # a name too long, or one that no file can have
        raise RewriterError(f"{text}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if text.endswith(".py") or "/" in text or "\\" in text:
        raise RewriterError(f"{text}: no such file")
    module = find_module(text)
    if module is None:
        raise RewriterError(
            f"{text or 'an empty name'}: neither a file nor an installed module",
            hint="A dotted module looks like mindnlp.transformers.models.bert.modeling_bert.",
        )
    return _search(module.parent, leave_out) if module.name == "__init__.py" else [module]


def _search(folder: Path, leave_out: Path | None) -> list[Path]:
    skipped = leave_out.resolve() if leave_out is not None else None
    if skipped is not None and folder.resolve().is_relative_to(skipped):
        skipped = None  # the folder was named itself
    found = sorted(
        path
        for path in folder.rglob(PATTERN)
        if path.is_file()
        and not path.stem.endswith("_rewritten")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (skipped is not None and path.resolve().is_relative_to(skipped))
    )
    if not found:
        raise RewriterError(f"{folder}: no modeling file in this folder", hint=f"Looked for {PATTERN}, at any depth.")
    return found


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
            return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
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
        output: A `.py` file or a folder; None for `<name>_rewritten.py` beside the input, or in the working directory
            for the file of an installed package.
    """
    if output is None:
        folder = Path.cwd() if is_installed(source) else source.parent
        return folder / f"{source.stem}_rewritten.py"
    target = Path(output)
    return target if output.endswith(".py") and not target.is_dir() else target / source.name


def refuse_clashes(files: Sequence[Path], output: str | None) -> None:
    """Make sure that every result has a place of its own.

    Args:
        files: The inputs.
        output: As in `output_path`.

    Raises:
        RewriterError: A result would take the place of an input, or of another result.
    """
    inputs = {path.resolve(): path for path in files}
    taken: dict[Path, Path] = {}
    for path in files:
        place = output_path(path, output)
        key = place.resolve()
        if key in inputs:
            raise RewriterError(
                f"{path}: its result would overwrite the input {inputs[key]}",
                hint="Name another place with -o; --in-place changes a file itself, and can be undone.",
            )
        if key in taken:
            raise RewriterError(
                f"the results of {taken[key]} and {path} would both go to {place}",
                hint="Apply them one by one, each with an -o of its own.",
            )
        taken[key] = path
