"""What all tests of passes share: eager operators without detours."""

import mindspore
import pytest


@pytest.fixture(scope="module", autouse=True)
def synchronous():
    """Run eager operators in the calling thread: what the tests compute is tiny, and handing it over is what costs."""
    before = mindspore.get_context("pynative_synchronize")
    mindspore.set_context(pynative_synchronize=True)
    yield
    mindspore.set_context(pynative_synchronize=before)
