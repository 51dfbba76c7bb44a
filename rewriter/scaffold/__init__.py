"""What `rewriter new-pass` writes: a working pass with examples, alone or in a package of its own."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from ..errors import RewriterError


class Template(str, Enum):
    """What a new pass starts from."""

    PATTERN = "pattern"
    """An expression, and what to write in its place."""
    VISITOR = "visitor"
    """Any rewriting of the syntax tree."""
    GRAPH = "graph"
    """A rewriting of the tree for the compiler's sake; its examples are executed too."""
    WEIGHTS = "weights"
    """A checkpoint becomes another one."""


@dataclass(frozen=True)
class Names:
    """A pass's name, as it is spelled in each place.

    Attributes:
        pass_name: In `rewriter passes`: `my-pass`.
        module: As a Python module: `my_pass`.
        class_name: As a class: `MyPass`.
        package: The module of the package that brings it: `rewriter_my_pass`.
        distribution: What is installed: `rewriter-my-pass`.
    """

    pass_name: str
    module: str
    class_name: str
    package: str
    distribution: str


_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = {"rewriter", "rewriter_passes", "mindspore", "mindnlp", "numpy", "libcst", "pytest"}


def names(text: str) -> Names:
    """Return the spellings of a pass's name.

    Args:
        text: Like `my-pass` or `my_pass`.

    Raises:
        RewriterError: It is no name for a pass, or its file would hide a module that others import.
    """
    name = text.replace("_", "-")
    if not _NAME.fullmatch(name):
        raise RewriterError(f"'{text}' is no name for a pass", hint="Write it like my-pass: small letters and dashes.")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in _TAKEN:
        raise RewriterError(f"a file {module}.py would hide Python's own `{module}`", hint="Choose another name.")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    return Names(name, module, class_name, f"rewriter_{module}", f"rewriter-{name}")


def files(template: Template, spelled: Names, *, package: bool = False) -> dict[PurePosixPath, str]:
    """Return the files of a new pass, path → text.

    Args:
        template: What it starts from.
        spelled: Its name.
        package: Whether it comes in a package of its own, in a folder of the distribution's name.
    """
    source = _rendered(f"{template.value}.py", spelled)
    if not package:
        test = _rendered("test_file.py", spelled, plugin=f"{spelled.module}.py")
        return {PurePosixPath(f"{spelled.module}.py"): source, PurePosixPath(f"test_{spelled.module}.py"): test}
    folder = PurePosixPath(spelled.distribution)
    return {
        folder / "pyproject.toml": _rendered("pyproject.toml", spelled),
        folder / "README.md": _rendered("README.md", spelled),
        folder / "src" / spelled.package / "__init__.py": source,
        folder / "src" / spelled.package / "py.typed": "",
        folder / "tests" / "test_passes.py": _rendered("test_package.py", spelled, plugin=spelled.package),
        folder / ".github" / "workflows" / "tests.yml": _rendered("tests.yml", spelled),
    }


def _rendered(name: str, spelled: Names, **values: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from .._version import __version__

    # Its own brackets, for those of GitHub's workflows are Jinja's.
    environment = Environment(
        loader=PackageLoader("rewriter.scaffold"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        variable_start_string="<<",
        variable_end_string=">>",
        autoescape=False,
    )
    return environment.get_template(f"{name}.jinja").render(**vars(spelled), version=__version__, **values)
