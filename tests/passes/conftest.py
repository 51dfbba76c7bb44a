"""What all tests of passes share: eager operators without detours."""

import pytest

from rewriter.equivalence.run import waiting_for_every_operator


@pytest.fixture(scope="module", autouse=True)
def synchronous():
    """Run eager operators in the calling thread: what the tests compute is tiny, and handing it over is what costs."""
    with waiting_for_every_operator():
        yield
