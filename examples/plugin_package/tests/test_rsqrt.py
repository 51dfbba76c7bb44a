"""The examples of the pass are its tests."""

from rewriter.testing import pass_examples

test_examples = pass_examples("rewriter_house")
