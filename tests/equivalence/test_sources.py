"""Sources kept while a pair of files is checked: read once, each function's its own, and nothing left behind."""

from __future__ import annotations

import inspect
import sys
import types

import mindspore
import numpy as np
import pytest
from mindspore import Tensor, nn

from rewriter.equivalence.sources import PARSERS, Sources

MODULE = """\
import mindspore


def {name}(x):
    return x {sign} 2  # {comment}


@mindspore.jit
def entry(x):
    return {name}(x) + 1
"""


@pytest.fixture
def read(monkeypatch):
    """The names of functions whose source is read from its file, in the order in which that happens."""
    names = []
    native = inspect.getsourcelines
    monkeypatch.setattr(inspect, "getsourcelines", lambda item: (names.append(item.__qualname__), native(item))[1])
    return names


@pytest.fixture
def parser():
    (found,) = [sys.modules[name] for name in PARSERS if name in sys.modules]
    return found


class Doubles(nn.Cell):
    @mindspore.jit
    def construct(self, x):
        return inner(x) * 2


def inner(x):
    return x + 1


def test_each_function_is_read_once_for_all_graphs(read):
    with Sources().at_hand():
        for size in (2, 3):
            model, value = Doubles(), np.arange(size, dtype=np.float32)
            np.testing.assert_array_equal(model(Tensor(value)).asnumpy(), (value + 1) * 2)
    assert read.count("inner") == read.count("Doubles.construct") == 1


def test_without_them_it_is_read_for_each_graph(read):
    for size in (4, 5):
        Doubles()(Tensor(np.ones(size, np.float32)))
    assert read.count("inner") > 1  # or there is nothing to keep


def test_they_serve_from_one_time_to_the_next(read):
    sources = Sources()
    for size in (6, 7):
        with sources.at_hand():
            Doubles()(Tensor(np.ones(size, np.float32)))
    assert read.count("inner") == 1


def test_nothing_is_left_behind(parser):
    with pytest.raises(ZeroDivisionError), Sources().at_hand():
        assert parser.inspect is not inspect
        assert parser.inspect.unwrap is inspect.unwrap
        raise ZeroDivisionError
    assert parser.inspect is inspect


def test_another_function_of_the_same_place_and_name_is_another(import_file):
    one = import_file(MODULE.format(name="inner", sign="+", comment="one"), "one")
    sources, x = Sources(), Tensor(np.array([1.0, 5.0], np.float32))
    with sources.at_hand():
        np.testing.assert_array_equal(one.entry(x).asnumpy(), [4, 8])
        other = import_file(MODULE.format(name="inner", sign="*", comment="two"), "other")
        np.testing.assert_array_equal(other.entry(x).asnumpy(), [3, 11])


def test_equal_code_of_another_file_keeps_its_own_text(import_file):
    modules = [import_file(MODULE.format(name="inner", sign="+", comment=text), text) for text in ("one", "two")]
    assert modules[0].inner.__code__ == modules[1].inner.__code__  # file names do not count
    sources = Sources()
    texts = ["".join(sources.lines(inspect, module.inner)[0]) for module in modules]
    assert ["# one" in texts[0], "# two" in texts[1]] == [True, True]


def test_who_changes_the_lines_changes_a_copy():
    sources = Sources()
    sources.lines(inspect, inner)[0].clear()
    assert sources.lines(inspect, inner) == inspect.getsourcelines(inner)


def test_what_is_no_function_is_passed_on():
    assert Sources().lines(inspect, Doubles) == inspect.getsourcelines(Doubles)
    with pytest.raises(TypeError):
        Sources().lines(inspect, 1)


@pytest.mark.parametrize("name", PARSERS)
def test_a_mindspore_whose_parser_is_elsewhere_is_left_alone(name, monkeypatch):
    for known in PARSERS:
        monkeypatch.delitem(sys.modules, known, raising=False)
    with Sources().at_hand():
        pass
    bare = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, bare)
    with Sources().at_hand():
        assert not hasattr(bare, "inspect")
