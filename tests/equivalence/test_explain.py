"""`explain`: each kind of refusal at its line, in plain words, with the pass that mends it, found by compiling."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rewriter import plugins
from rewriter.equivalence import refusals
from rewriter.equivalence.explain import State, explain
from rewriter.errors import RewriterError

pytestmark = pytest.mark.slow  # many small models, most of them compiled

HERE = Path(__file__).parent
TOY = HERE / "toy_refusals.py"
ADAPTER = str(HERE / "toy_adapter.py")
BERT = HERE.parents[1] / "models" / "bert" / "modeling_bert.py"


@pytest.fixture(scope="module")
def host():
    return plugins.load((ADAPTER,))


@pytest.fixture(scope="module")
def toy(host, tmp_path_factory):
    """The classes of the toy file; all of them are compiled once for this module."""
    folder, seen = tmp_path_factory.mktemp("cwd"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = explain(TOY, host=host, progress=seen.append)
    assert list(folder.iterdir()) == [], "a refusal left a file in the working directory"
    return found, seen


def result_of(found, name):
    (item,) = [item for item in found.classes if item.name == name]
    return item


def marked(name, mark="# here"):
    """The line with the mark in a class of the toy file."""
    lines = TOY.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"class {name}("))
    return next(number for number, line in enumerate(lines, 1) if number > start and mark in line)


KINDS = {
    "Undefined": ("`y` has a value on some paths only", "define-names"),
    "Deletes": ("cannot hold `del`", "no-del"),
    "Tries": ("cannot hold `try`", ""),
    "Walrus": (":=", ""),
    "Imports": ("cannot hold `import`", ""),
    "LooksAtValues": ("`.asnumpy()` takes values out of the graph", ""),
    "SetsAttribute": ("`last` is an attribute that the module does not have", ""),
    "TextMethod": ("`.startswith` of a String", ""),
    "Pops": ("`.pop` of a Dictionary", ""),
    "Einsum": ("no kernel for Einsum", "einsum"),
    "Encoder": ("cannot build this object", "flatten"),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_refusal_has_its_line_its_words_and_its_pass(toy, name):
    words, mender = KINDS[name]
    item = result_of(toy[0], name)
    (blocker,) = item.blockers
    assert (Path(blocker.refusal.file), blocker.refusal.line) == (TOY, marked(name))
    assert "# here" in blocker.refusal.source
    assert words in blocker.refusal.why
    assert blocker.mended_by == ((mender,) if mender else ())
    assert item.state is (State.MENDED if mender else State.REFUSED)


def test_what_compiles_is_said_to(toy):
    for name in ("Fine", "SoftmaxInside", "FineModel"):
        assert result_of(toy[0], name).state is State.COMPILES
        assert not result_of(toy[0], name).blockers


def test_one_refusal_behind_the_other(toy):
    item = result_of(toy[0], "TwoReasons")
    assert item.state is State.MENDED
    assert [blocker.refusal.line for blocker in item.blockers] == [
        marked("TwoReasons"),
        marked("TwoReasons", "# here too"),
    ]
    assert [blocker.mended_by for blocker in item.blockers] == [("no-del",), ("einsum",)]


def test_the_part_that_a_pass_took_out_is_what_compiles(toy):
    assert result_of(toy[0], "Encoder").parts == ("_construct_flat",)


def test_what_comes_from_inside_says_from_where(toy):
    item = result_of(toy[0], "ToyModel")
    assert item.state is State.REFUSED
    assert [blocker.like for blocker in item.blockers] == ["Undefined", "Deletes", "Tries"]
    assert item.blockers[-1].mended_by == ()
    assert set(item.around) == {"Undefined", "Deletes", "TwoReasons", "Einsum", "Encoder"}
    assert not any(other.around for other in toy[0].classes if other.name != "ToyModel")


def test_the_innermost_come_first_and_each_once(toy):
    found, seen = toy
    names = [item.name for item in found.classes]
    assert len(names) == len(set(names))
    assert names.index("Encoder") < names.index("ToyModel")
    assert result_of(found, "Encoder").called_by == "ToyModel.encoder"
    assert found.uncalled == ("Unused",)
    assert f"{len(names)} of {len(names)}: {names[-1]}" in seen


def test_it_is_not_ok_and_plain_json(toy):
    assert not toy[0].ok
    document = json.loads(json.dumps(toy[0].to_json()))
    assert document["ok"] is False
    states = {item["name"]: item["state"] for item in document["classes"]}
    assert (states["Fine"], states["Einsum"], states["Tries"]) == ("compiles", "compiles after the passes", "refused")


def test_one_model_alone(host):
    found = explain(TOY, models=["FineModel"], host=host)
    assert found.ok
    assert [item.name for item in found.classes] == ["Fine", "FineModel"]
    assert not found.uncalled
    with pytest.raises(RewriterError, match="no model Nobody") as caught:
        explain(TOY, models=["Nobody"], host=host)
    assert "ToyModel" in caught.value.hint


def edited(tmp_path, *edits):
    text = TOY.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "modeling_toy.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_model_that_does_not_run_is_a_problem_and_the_others_go_on(host, tmp_path):
    path = edited(tmp_path, ("return self.encoder(x)", 'raise ValueError("no such luck")'))
    found = explain(path, models=["ToyModel", "FineModel"], host=host)
    assert found.problems == {"ToyModel": "ValueError: no such luck"}
    assert not found.ok
    assert result_of(found, "FineModel").state is State.COMPILES


BREAKING = '''
import libcst as cst
from rewriter import Pass, hookimpl
from rewriter.tree import find, replace


class Breaking(Pass):
    """Deletes what it should not: the file runs no more."""

    name = "breaking"

    def rewrite(self, context):
        changes = {}
        for name in find(context.tree, cst.Name):
            if name.value == "Fine":
                changes[name] = cst.Name("Gone")
                context.rewritten(name, "Fine", "gone")
                break
        return replace(context.tree, changes)


@hookimpl
def rewriter_passes():
    return [Breaking()]
'''


def test_a_pass_that_breaks_the_file_mends_nothing(tmp_path):
    plugin = tmp_path / "breaking.py"
    plugin.write_text(BREAKING, encoding="utf-8")
    path = edited(tmp_path, ("    def construct(self, x):\n        return x + 1", DELETING))
    host = plugins.load((ADAPTER, str(plugin)))
    found = explain(path, models=["FineModel"], host=host, passes=["breaking", "no-del"])
    item = result_of(found, "Fine")
    assert item.state is State.REFUSED
    assert [blocker.mended_by for blocker in item.blockers] == [()]
    assert explain(path, models=["FineModel"], host=host, passes=["no-del"]).ok


DELETING = "    def construct(self, x):\n        y = x\n        del y\n        return x + 1"


def test_the_environment_is_as_it_was(toy):
    assert "MS_OM_PATH" not in os.environ


MESSAGES = {
    "Unsupported statement 'Delete'.": "a graph cannot hold `del`",
    "Unsupported statement 'Match'.": "a graph cannot hold this (`Match`)",
    "Failed to compile because the method or function 'mindspore.log.warning' is not supported in 'construct'": (
        "a graph cannot call `mindspore.log.warning`"
    ),
    "something nobody has seen before\nand more of it": "something nobody has seen before",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_known_messages_get_words_and_unknown_ones_stay(text):
    assert refusals.explain(text) == MESSAGES[text]


def test_a_long_message_is_cut():
    words = refusals.explain("a word " * 100)
    assert len(words) == refusals.LONGEST + 1
    assert words.endswith("…")


def test_lines_of_libraries_are_never_the_cause():
    text = (
        "no such thing\n\nIn file /lib/mindspore/ops/a.py:5, 1~2\n"
        "# 0 In file /home/me/modeling.py:7, 1~2\n# 1 In file /home/me/inner.py:9, 1~2\n"
        "# 2 In file /lib/mindspore/ops/a.py:5, 1~2\n"
    )
    found = refusals.read(ValueError(text), [], ("/lib/mindspore/",))
    assert (found.file, found.line) == ("/home/me/inner.py", 9)


@pytest.mark.slow
def test_the_bundled_bert():
    found = explain(BERT, models=["BertModel"], host=plugins.load())
    states = {item.name: item.state for item in found.classes}
    assert states.pop("BertEncoder") is State.MENDED
    assert states.pop("BertModel") is State.REFUSED
    assert set(states.values()) == {State.COMPILES}
    (blocker,) = result_of(found, "BertEncoder").blockers
    assert blocker.mended_by == ("flatten",)
    assert "asnumpy" in result_of(found, "BertModel").blockers[0].refusal.source
