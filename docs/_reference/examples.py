"""The page with the programs of `examples/`, as they are."""

from __future__ import annotations

import re
from pathlib import Path

from . import markdown

FOLDER = Path(__file__).resolve().parents[2] / "examples"
LANGUAGES = {".py": "py", ".toml": "toml", ".yml": "yaml", ".md": "markdown"}


def page() -> str:
    """Return the page: the README of the folder, then every file under its name."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    head = re.sub(r"\]\(([^):#]+)\)", lambda link: f"](#{markdown.anchor(link[1])})", text)
    return markdown.join([head, *(part for path in files() for part in _section(path))])


def files() -> list[Path]:
    """Return the files of the examples, those of the packages last."""
    found = {path for path in FOLDER.rglob("*") if path.suffix in LANGUAGES} - {FOLDER / "README.md"}
    return sorted(found, key=lambda path: (len(path.relative_to(FOLDER).parts), path))


def _section(path: Path) -> list[str]:
    name = path.relative_to(FOLDER).as_posix()
    return [f"## {name}", markdown.code(path.read_text(encoding="utf-8"), LANGUAGES[path.suffix])]
