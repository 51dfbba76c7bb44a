"""`rewriter passes`: what there is, in running order."""

from __future__ import annotations

import json

from rewriter import plugins
from rewriter.ordering import ordered
from rewriter.report import SCHEMA


def test_every_pass_in_running_order(cli):
    expected = [item.name for item in ordered([item for _, item in plugins.load().passes()])]
    assert expected.index("flatten") < expected.index("jit")
    run = cli("passes")
    assert run.code == 0
    found = [line.split()[0] for line in run.out.splitlines() if line and line.split()[0] in expected]
    assert found == expected


def test_every_pass_says_what_it_is(cli):
    rows = json.loads(cli("passes", "--json").out)["passes"]
    for row in rows:
        assert row["plugin"] == "builtin"
        assert row["kind"] in ("source", "graph", "weights")
        assert row["safety"] in ("exact", "rounding", "approximate")
        assert row["summary"].endswith(".")


def test_the_document(cli):
    document = json.loads(cli("passes", "--json").out)
    assert document["schema"] == SCHEMA
    assert document["exit_code"] == 0
    assert document["broken_plugins"] == {}


def test_a_plugin_s_pass_is_listed_where_it_runs(cli, workplace):
    (workplace / "my_pass.py").write_text(
        'from rewriter import Pass, hookimpl\n\n\nclass Mine(Pass):\n    """Does nothing [much]."""\n\n'
        '    name = "aaa"\n    after = ("jit",)\n\n    def rewrite(self, context):\n        return context.tree\n\n\n'
        "@hookimpl\ndef rewriter_passes():\n    return [Mine()]\n",
        encoding="utf-8",
    )
    rows = json.loads(cli("passes", "--json", "--plugin", "my_pass.py").out)["passes"]
    names = [row["name"] for row in rows]
    assert names.index("aaa") > names.index("jit")
    assert rows[names.index("aaa")]["plugin"] == "my_pass"
    assert "[much]" in cli("passes", "--plugin", "my_pass.py").out


def test_none(cli):
    run = cli("passes", "--no-plugin", "builtin", "--json")
    assert run.code == 0
    assert json.loads(run.out)["passes"] == []
