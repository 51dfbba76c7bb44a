"""`rewriter plugins`: what is there, from where, and what is not used; one that fails stops nobody."""

from __future__ import annotations

import json
import re

import pytest

from rewriter import plugins

from .conftest import PASS

GOOD = PASS.format(name="mine", old="mindspore.ops.square(x)", new="x * x", after=())


@pytest.fixture
def listed(cli):
    """Return what `rewriter plugins --json` says, by name."""

    def run(*options):
        done = cli("plugins", "--json", *options)
        assert done.code == 0
        return {row["name"]: row for row in json.loads(done.out)["plugins"]}

    return run


def test_the_built_in_passes_and_an_installed_plugin(listed, installed):
    installed("their-passes", "theirs", "their_module", GOOD)
    found = listed()
    assert found["builtin"]["distribution"] == "mindspore-rewriter"
    assert found["builtin"]["state"] == "loaded"
    assert "mint" in found["builtin"]["passes"]
    assert found["theirs"] == {
        "name": "theirs",
        "distribution": "their-passes",
        "version": "1.2",
        "source": "their_module",
        "hooks": ["rewriter_passes"],
        "passes": ["mine"],
        "state": "loaded",
        "reason": "",
    }


def test_a_named_file(listed, workplace):
    (workplace / "mine.py").write_text(GOOD, encoding="utf-8")
    row = listed("--plugin", "mine.py")["mine"]
    assert (row["source"], row["distribution"], row["passes"]) == ("mine.py", "", ["mine"])


def test_the_table(cli, installed):
    installed("their-passes", "theirs", "their_module", GOOD)
    lines = cli("plugins").out.splitlines()
    assert lines[0].split() == ["name", "from", "brings", "state"]
    assert re.fullmatch(r"theirs +their-passes 1\.2 +1 pass +loaded *", lines[-1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_this_name\n", "nothing_of_this_name"),
        ("raise SystemExit(3)\n", "SystemExit"),
        (GOOD.replace("rewriter_passes", "rewriter_pases"), "unknown hook rewriter_pases"),
        (GOOD.replace("return [Mine()]", "return 1 / 0"), "ZeroDivisionError"),
        (GOOD.replace("def rewriter_passes()", "def rewriter_passes(nonsense)"), "nonsense"),
        (GOOD.replace("x * x", "mindspore.ops.square(x)"), "fits the pattern"),
    ],
    ids=["import", "exit", "unknown hook", "raises", "arguments", "pattern"],
)
def test_a_broken_sibling_is_reported_and_stops_nobody(cli, listed, installed, model, text, words):
    installed("good-passes", "good", "good_module", GOOD)
    installed("broken-passes", "broken", "broken_module", text)
    found = listed()
    assert found["broken"]["state"] == "broken"
    assert words in found["broken"]["reason"]
    assert found["good"]["state"] == "loaded"
    run = cli("apply", model, "--passes", "mine")
    assert run.code == 0
    assert "plugin broken is not used" in run.err
    assert "x * x" in model.with_name("modeling_small_rewritten.py").read_text()


def test_of_a_plugin_with_a_hook_that_does_not_fit_nothing_is_used(installed):
    """Older versions of pluggy register what comes before the hook that does not fit."""
    text = GOOD + "\n\n@hookimpl\ndef rewriter_weight_passes(nonsense):\n    return\n"
    installed("broken-passes", "broken", "broken_module", text)
    host = plugins.load()
    assert "nonsense" in host.broken["broken"]
    assert not [owner for owner, _ in host.passes() if owner == "broken"]
    assert host.passes()


def test_a_named_plugin_with_a_hook_that_does_not_fit_is_an_error(cli, model):
    (model.parent / "mine.py").write_text(GOOD.replace("rewriter_passes()", "rewriter_passes(a)"), encoding="utf-8")
    run = cli("apply", model, "--plugin", "mine.py")
    assert run.code == 2
    assert "mine.py cannot be used" in run.err


def test_two_distributions_with_a_plugin_of_one_name(listed, installed):
    installed("a-passes", "same", "a_module", GOOD)
    installed("b-passes", "same", "b_module", GOOD.replace('"mine"', '"other"'))
    found = listed()
    rows = [row for name, row in found.items() if name.startswith("same")]
    assert sorted(row["passes"] for row in rows) == [["mine"], ["other"]]
    assert {row["state"] for row in rows} == {"loaded"}


def test_an_installed_plugin_with_a_built_in_name_leaves_it_to_us(cli, listed, installed, model):
    """Whichever comes first by name; a plugin that the user names is refused instead (tests/cli/test_bad_input.py)."""
    for entry in ("aaa", "zzz"):
        installed(f"{entry}-passes", entry, f"{entry}_module", GOOD.replace('"mine"', '"mint"'))
    found = listed()
    for entry in ("aaa", "zzz"):
        assert "builtin has a pass 'mint' already" in found[entry]["reason"]
        assert found[entry]["passes"] == []
    assert "mint" in found["builtin"]["passes"]
    run = cli("apply", model, "--passes", "mint")
    assert run.code == 0
    assert "plugin aaa is not used, or in part" in run.err


def test_left_out_by_name_or_altogether(listed, installed, monkeypatch):
    installed("their-passes", "theirs", "their_module", GOOD)
    row = listed("--no-plugin", "theirs")["theirs"]
    assert (row["state"], row["reason"], row["passes"]) == ("left out", "--no-plugin", [])
    monkeypatch.setenv(plugins.AUTOLOAD_OFF, "1")
    assert {row["state"] for row in listed().values()} == {"left out"}


def test_leaving_out_what_is_not_there_is_reported(cli):
    run = cli("plugins", "--no-plugin", "nobody")
    assert run.code == 0
    assert "no plugin of this name" in run.err
