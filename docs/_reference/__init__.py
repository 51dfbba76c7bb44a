"""The reference pages of the site, written from the code when the site is built: none of them can be out of date.

`pages()` is all of it. What a page lists comes from the code alone, so a command, an option or a pass without words of
its own would leave a hole; `tests/docs` looks for those.
"""

from __future__ import annotations

from .pages import pages

__all__ = ["pages"]
