"""The pytest plugin: the fixture `assert_equivalent`, and the cases of the tests that `rewriter.testing` makes.

pytest loads this file at every start, so it imports nothing that takes time before a test needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import AssertEquivalent

PARAMETER = "rewriter_check"
"""The argument of the tests that `rewriter.testing` makes; each value is one check."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each case, or of each example, of a test that `rewriter.testing` made."""
    plan = getattr(metafunc.function, "rewriter_plan", None)
    if plan is None:
        return
    checks = plan.checks(metafunc.module, metafunc.config)
    metafunc.parametrize(PARAMETER, [pytest.param(check, id=check.id) for check in checks])


@pytest.fixture
def assert_equivalent(request: pytest.FixtureRequest) -> AssertEquivalent:
    """Check that a rewritten file answers as the original does: `assert_equivalent("a.py", "b.py", level="quick")`.

    Runs both files as `rewriter verify` does, and fails with a report when they differ. Returns the verdict.
    """
    from .testing import AssertEquivalent

    return AssertEquivalent(request.path.parent)
