"""Plugins are found, and one that fails takes nothing else down."""

import textwrap

import pytest

from rewriter import plugins
from rewriter.errors import PluginError

GOOD = '''
from rewriter import Pass, hookimpl


class Mine(Pass):
    """Does nothing."""

    name = "{name}"

    def rewrite(self, context):
        return context.tree


@hookimpl
def rewriter_passes():
    return [Mine()]
'''


@pytest.fixture
def write(tmp_path):
    def run(text, path="my_pass.py"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return str(file)

    return run


def names(host):
    return [(plugin, item.name) for plugin, item in host.passes()]


def test_the_built_in_passes_come_from_the_entry_point():
    host = plugins.load()
    assert not host.broken
    found = {name: plugin for plugin, name in names(host)}
    assert {"flatten", "module-loops", "jit"} <= set(found)
    assert set(found.values()) == {"builtin"}


def test_a_file(write):
    host = plugins.load((write(GOOD.format(name="mine")),))
    assert ("my_pass", "mine") in names(host)
    assert ("builtin", "flatten") in names(host)


def test_a_module(write, tmp_path, monkeypatch):
    write(GOOD.format(name="mine"), "some_module_of_passes.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert ("some_module_of_passes", "mine") in names(plugins.load(("some_module_of_passes",)))


def test_two_files_of_one_name_in_two_folders(write):
    one, two = write(GOOD.format(name="one"), "a/passes.py"), write(GOOD.format(name="two"), "b/passes.py")
    found = [name for _, name in names(plugins.load((one, two)))]
    assert "one" in found
    assert "two" in found


def test_the_same_file_twice_counts_once(write):
    file = write(GOOD.format(name="mine"))
    try:
        host = plugins.load((file, file))
    except PluginError as error:
        assert "my_pass" in str(error)
    else:
        assert [name for _, name in names(host)].count("mine") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("def f(:", "SyntaxError"),
        ("raise RuntimeError('no luck')", "no luck"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_named_plugin_that_cannot_be_imported_is_an_error(write, text, words):
    with pytest.raises(PluginError) as error:
        plugins.load((write(text),))
    assert words in str(error.value)
    assert "my_pass.py" in str(error.value)


@pytest.mark.parametrize("name", ["missing.py", "folder/missing.py", "no_module_of_this_name"])
def test_a_plugin_that_is_not_there(name):
    with pytest.raises(PluginError) as error:
        plugins.load((name,))
    assert name in str(error.value)


def test_a_plugin_without_any_hook_is_reported(write):
    """Somebody forgot `@hookimpl`: silence would look like success."""
    text = GOOD.format(name="mine").replace("@hookimpl\n", "")
    try:
        host = plugins.load((write(text),))
    except PluginError as error:
        assert "hook" in str(error)
    else:
        assert "hook" in host.broken["my_pass"]


def test_a_misspelt_hook_is_reported(write):
    text = GOOD.format(name="mine").replace("def rewriter_passes", "def rewriter_pases")
    host = plugins.load((write(text),))
    assert "rewriter_pases" in host.broken["my_pass"]


@pytest.mark.parametrize(
    "answer",
    [
        "None",
        "1 / 0",
        "[None]",
        "['flatten']",
        "[Mine]",
        "[Nameless()]",
        "3",
        "(1 / 0 for _ in [1])",
    ],
)
def test_a_hook_that_answers_nonsense_is_isolated(write, answer):
    text = GOOD.format(name="mine").replace("return [Mine()]", f"return {answer}")
    text = text.replace(
        "@hookimpl",
        "class Nameless(Pass):\n    def rewrite(self, context):\n        return context.tree\n\n\n@hookimpl",
    )
    host = plugins.load((write(text),))
    found = host.passes()
    assert ("builtin", "flatten") in [(plugin, item.name) for plugin, item in found]
    assert not [item for plugin, item in found if plugin == "my_pass"]
    assert "my_pass" in host.broken


def test_the_order_of_passes_does_not_depend_on_the_order_of_plugins(write):
    one, two = write(GOOD.format(name="zz"), "one.py"), write(GOOD.format(name="aa"), "two.py")
    assert names(plugins.load((one, two))) == names(plugins.load((two, one)))


def test_blocked_plugins_and_autoload_switched_off(write, monkeypatch):
    file = write(GOOD.format(name="mine"))
    assert names(plugins.load((file,), blocked=("my_pass", "builtin"))) == []
    assert names(plugins.load(blocked=("builtin",))) == []
    monkeypatch.setenv(plugins.AUTOLOAD_OFF, "1")
    assert names(plugins.load((file,))) == [("my_pass", "mine")]


def test_an_installed_plugin_that_fails_is_put_aside(monkeypatch):
    class Entry:
        def __init__(self, name, load):
            self.name, self.load = name, load

    def broken():
        raise ImportError("no luck")

    def leaving():
        raise SystemExit(1)

    real = plugins.entry_points(group=plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [*real, Entry("zz", broken), Entry("aa", leaving)])
    host = plugins.load()
    assert "no luck" in host.broken["zz"]
    assert "SystemExit" in host.broken["aa"]
    assert ("builtin", "flatten") in names(host)


def test_a_plugin_s_dialects_come_before_the_built_in_ones(write):
    text = """
    from rewriter import Dialect, hookimpl


    @hookimpl
    def rewriter_dialects():
        return [Dialect("own", ("mynn",), "run", ("mynn.Thing",), ())]
    """
    found = plugins.load((write(text),)).dialects()
    assert found[0].name == "own"
    assert {"mindnlp.core", "mindspore", "torch"} <= {dialect.name for dialect in found}
