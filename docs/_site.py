"""What `mkdocs build` does beside rendering the pages of this folder: it adds those that come from elsewhere.

The reference is written from the code (`_reference`); the start page is the README, and CONTRIBUTING and CHANGELOG are
pages too. Links between them lead to files of the repository, as they must on a code host; here they lead to pages.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from _reference import pages
from _reference.markdown import anchor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
FROM_THE_ROOT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
EXAMPLES = "reference/examples.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of this folder."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Have links to files of the repository lead to the pages that show them."""
    return relinked(markdown, f"docs/{page.file.src_uri}")


def generated() -> dict[str, str]:
    """Return path below docs/ → text."""
    ours = {new: relinked((ROOT / old).read_text(encoding="utf-8"), old) for old, new in FROM_THE_ROOT.items()}
    return ours | pages()


def relinked(text: str, place: str) -> str:
    """Return the text of a page with links that hold on the site.

    Args:
        text: Markdown whose links start where the file lies in the repository.
        place: Where that is, from the root: `README.md`, `docs/testing.md`.
    """

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place), found["path"]))
        page = _on_the_site(target, place) or found["path"]
        return f"]({page})" if "#" in page else f"]({page}{found['anchor']})"

    return re.sub(r"\]\((?![a-z]+:|#)(?P<path>[^)#\s]+)(?P<anchor>(?:#[^)]*)?)\)", link, text)


def _on_the_site(target: str, place: str) -> str:
    """Return the link from the page of `place` to what shows `target`; empty where it stays as it is."""
    here = FROM_THE_ROOT.get(place, place.removeprefix("docs/"))
    if target == "examples/README.md":
        return _relative(EXAMPLES, here)
    if target.startswith("examples/"):
        return f"{_relative(EXAMPLES, here)}#{anchor(target.removeprefix('examples/'))}"
    if target in FROM_THE_ROOT:
        return _relative(FROM_THE_ROOT[target], here)
    return target.removeprefix("docs/") if place in FROM_THE_ROOT and target.startswith("docs/") else ""


def _relative(page: str, here: str) -> str:
    return posixpath.relpath(page, posixpath.dirname(here) or ".")
