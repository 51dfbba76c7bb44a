"""Which commands of the documentation the tests do not run, and why. The parser reads them all the same."""

from __future__ import annotations

import re

NOT_RUN: tuple[tuple[str, str], ...] = (
    (r"^(python3 -m venv|pip install)", "changes the environment; .ci/run installs the package into a fresh one"),
    (r"^rewriter apply models/bert/modeling_bert.py --verify --bench$", ".ci/run and tests/test_readme.py run it"),
    (r"^pytest( -m ('not slow'|breadth))?$", "the tests themselves; .ci/run runs them"),
    (r"^(ruff|mypy)\b", "the linters; .ci/run runs them"),
    (r"^rewriter --(install|show)-completion", "changes the shell's settings; tests/authoring looks at the script"),
    (r"--measure\b", "times a model of base size for minutes; tests/cli/test_measure.py runs it on a tiny one"),
    (
        r"^rewriter bench (?!.*--size tiny)",
        "times a model of base size for minutes; tests/cli/test_bench.py has tiny ones",
    ),
    (
        r"^rewriter apply mindnlp\.transformers\.models( |$)",
        "a tree of 300 files; tests/cli/test_many_files.py has a small one",
    ),
    (
        r"^rewriter apply modeling_bert\.py --in-place --verify$",
        "the line without --in-place is run; tests/cli/test_gate.py",
    ),
    (r"^rewriter apply mindone\.", "needs mindone's environment; tests/with_mindone runs it there"),
    (r"^rewriter survey", "minutes for each package; tests/survey runs a small one"),
    (r"--backend (dask|ray)", "needs a cluster; tests/cli/test_many_files.py has one of Dask"),
    (r"^rewriter explain", "compiles ten classes and more; tests/cli/test_explain.py has small ones"),
    (r"^python rewriter-failures/", "there is no failing case; tests/equivalence/test_reproducer.py makes one"),
    (r"^python examples/", "tests/examples runs every example"),
)
"""Pattern of a command → the reason."""

SLOW = (
    r"^rewriter (verify (?!bert-small/)|bisect|run|bench)",
    r"^rewriter apply .*--verify",
    r"^rewriter apply models/",
    r"^rewriter test\b.*graph",
)
"""Commands that run models or start processes."""

ENDS_WITH_ONE = (
    r"^rewriter apply .*--check\b",
    r"-o \w+\.py --passes einsum,expand,",  # it names all passes, and some find nothing, which is told
    r"^rewriter apply models/ ",  # among the bundled files are two that only help, and are left
)
"""Commands that are to find something, which their exit code says."""


def reason(text: str) -> str:
    """Return why a command is not run; empty when it is."""
    return next((why for pattern, why in NOT_RUN if re.search(pattern, text)), "")


def is_slow(text: str) -> bool:
    """Whether a command takes more than a second or two."""
    return any(re.search(pattern, text) for pattern in SLOW)


def exit_code(text: str) -> int:
    """Return how a command is to end."""
    return int(any(re.search(pattern, text) for pattern in ENDS_WITH_ONE))
