"""Every example of every pass is a test: before becomes after, twins stay, and a second run changes nothing."""

import pytest

from rewriter import pipeline, plugins, source
from rewriter.examples import check
from rewriter.ordering import ordered
from rewriter.targets import Target


def all_examples():
    found = []
    for plugin, item in plugins.load().passes():
        if plugin == "builtin":
            found += [pytest.param(item, example, id=f"{item.name}: {example.title}") for example in item.examples]
    return found


@pytest.mark.parametrize(("item", "example"), all_examples())
def test_example(item, example):
    """By the code that `rewriter.testing.pass_examples` runs for everybody's passes."""
    check(item, example)


@pytest.mark.parametrize(("item", "example"), all_examples())
def test_all_passes_together_take_it(item, example, builtin_passes):
    """No pass stumbles over another one's example, and together they settle in one run."""
    target = Target.parse(example.device, example.mindspore, capture=example.capture)
    first = pipeline.run(source.parse(example.before.encode()), builtin_passes, target)
    assert not first.failures
    compile(first.data, "example", "exec", dont_inherit=True)
    second = pipeline.run(source.parse(first.data), builtin_passes, target)
    assert second.diff() == ""


def test_every_pass_has_a_name_a_summary_and_both_kinds_of_examples(builtin_passes):
    for item in ordered(builtin_passes):
        assert item.name == item.name.lower().strip()
        assert len(item.summary) > 20, item.name
        assert item.examples, item.name


def test_constraints_name_passes_that_exist(builtin_passes):
    """A misspelt name in `after` or `before` would be ignored in silence."""
    known = {item.name for item in builtin_passes}
    for item in builtin_passes:
        assert {*item.after, *item.before, *item.requires} <= known, item.name
