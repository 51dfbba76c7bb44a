"""From what the user names (a path, a folder, a dotted module) to the files to rewrite. Nothing is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from .errors import RewriterError

PATTERN = "modeling_*.py"


@dataclass(frozen=True)
class Input:
    """A modeling file to rewrite.

    Attributes:
        path: The file.
        folder: The folder or package that was named and in which it was found; None when it was named itself.
    """

    path: Path
    folder: Path | None = None

    def place(self, output: str | None) -> Path:
        """Return where the rewriting goes.

        Args:
            output: A `.py` file or a folder, in which what was found in a folder keeps its place; None for
                `<name>_rewritten.py` beside the input, or in the working directory for the file of an installed
                package.
        """
        if output is None:
            folder = Path.cwd() if is_installed(self.path) else self.path.parent
            return folder / f"{self.path.stem}_rewritten.py"
        target = Path(output)
        if output.endswith(".py") and not target.is_dir():
            return target
        return target / (self.path.name if self.folder is None else self.path.relative_to(self.folder))


def resolve(text: str, *, leave_out: Path | None = None) -> list[Input]:
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
            return [Input(path)]
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
    return _search(module.parent, leave_out) if module.name == "__init__.py" else [Input(module)]


def _search(folder: Path, leave_out: Path | None) -> list[Input]:
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
    return [Input(path, folder) for path in found]


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


def refuse_clashes(files: Sequence[Input], output: str | None) -> None:
    """Make sure that every result has a place of its own.

    Args:
        files: The inputs.
        output: As in `Input.place`.

    Raises:
        RewriterError: A result would take the place of an input, or of another result.
    """
    inputs = {item.path.resolve(): item.path for item in files}
    taken: dict[Path, Path] = {}
    for item in files:
        path, place = item.path, item.place(output)
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
