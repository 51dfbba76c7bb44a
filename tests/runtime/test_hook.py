"""The import hook: rewritten source under the original's name."""

from __future__ import annotations

import importlib
import inspect
import logging
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import rewriter
from rewriter import pipeline
from rewriter.errors import RewriterError
from rewriter.runtime import hook

WRONG_PASS = """\
import libcst as cst
from rewriter import Pass, hookimpl


class Wrong(Pass):
    \"\"\"Write a file that is Python and does not import.\"\"\"

    name = "wrong"

    def rewrite(self, context):
        context.rewritten(context.tree, "file", "broken")
        statement = cst.parse_statement("STATE.append(mindspore.no_such_thing())")
        return context.tree.with_changes(body=[*context.tree.body, statement])


@hookimpl
def rewriter_passes():
    return [Wrong()]
"""


def run_toy(encoder, start: float = 1.0, layers: int = 3, shift: float = 1.0) -> None:
    """Run an encoder and compare with what it means; the numbers are small integers, so there is no rounding."""
    import mindspore

    expected = start
    for _ in range(layers):
        expected = expected * 2 + shift
    result = encoder(mindspore.Tensor([start], mindspore.float32))
    assert result.asnumpy().tolist() == [expected]


@pytest.fixture
def no_rewriting(monkeypatch):
    """Make any rewriting fail."""

    def forbidden(*args, **kwargs):
        raise AssertionError("rewritten again")

    return lambda: monkeypatch.setattr(pipeline, "run", forbidden)


def test_a_hooked_module_is_its_rewritten_source_under_its_own_name(toy, cache_folder, no_rewriting):
    name = toy(shift=3.0)
    finder = hook.install([name])
    module = importlib.import_module(f"{name}.modeling_toy")
    original = Path(sys.modules[name].__file__).with_name("modeling_toy.py")

    assert module.__name__ == f"{name}.modeling_toy"
    assert module.__package__ == name
    assert sys.modules[module.__name__] is module
    assert getattr(sys.modules[name], "modeling_toy") is module  # noqa: B009
    assert module.SHIFT == 3.0  # by a relative import
    assert cache_folder in Path(module.__file__).parents
    assert module.__loader__.original.origin == str(original)
    assert "_construct_flat" in inspect.getsource(module.ToyEncoder)
    assert "_construct_flat" not in original.read_text(encoding="utf-8")
    assert finder.outcomes[module.__name__].path == Path(module.__file__)
    assert hook.is_rewritten(module)
    assert not hook.is_rewritten(sys.modules[f"{name}.shared"])

    encoder = module.ToyEncoder()
    run_toy(encoder, shift=3.0)
    assert len(vars(encoder)["_graphs"]) == 1
    assert vars(encoder)["_graphs"].refused == ""
    assert pickle.loads(pickle.dumps(module.ToyOutput)) is module.ToyOutput

    no_rewriting()  # in the next process, say: the file is in the cache
    del sys.modules[module.__name__]
    again = importlib.import_module(module.__name__)
    assert again is not module
    assert again.__file__ == module.__file__


def test_a_module_may_be_named_itself_whatever_it_is_called(toy):
    name = toy(module="network")
    with hook.install([f"{name}.network"]) as finder:
        module = importlib.import_module(f"{name}.network")
    assert hook.is_rewritten(module)
    assert list(finder.outcomes) == [f"{name}.network"]


def test_only_modeling_modules_of_a_package_are_rewritten(toy, toy_text):
    name = toy(network=toy_text, modeling_other="VALUE = 1\n")
    hook.install([name])
    network = importlib.import_module(f"{name}.network")
    assert not hook.is_rewritten(network)


def test_a_refused_module_is_imported_as_it_is_and_the_reason_is_kept(toy, caplog):
    name = toy(modeling_plain="VALUE = 7\n")
    finder = hook.install([name, f"{name}.modeling_plain"])
    with caplog.at_level(logging.WARNING, logger="rewriter"):
        module = importlib.import_module(f"{name}.modeling_plain")
    assert module.VALUE == 7
    assert not hook.is_rewritten(module)
    assert Path(module.__file__).parent.name == name
    assert finder.outcomes[module.__name__].path is None
    assert "not a MindSpore modeling file" in caplog.text


def test_a_rewriting_that_does_not_import_gives_way_to_the_original(toy, toy_text, tmp_path, caplog):
    plugin = tmp_path / "wrong.py"
    plugin.write_text(WRONG_PASS, encoding="utf-8")
    name = toy("import mindspore\nfrom mindspore import nn\nSTATE = []\n" + toy_text)
    hook.install([name], plugin_files=[plugin])
    module = importlib.import_module(f"{name}.modeling_toy")
    assert "no_such_thing" in caplog.text
    assert module.STATE == []
    assert not hasattr(module, "_compiled")  # of the rewritten file, which got that far
    assert not hook.is_rewritten(module)
    assert Path(module.__file__).parent.name == name
    assert module.__spec__.origin == module.__file__
    assert "_construct_flat" not in inspect.getsource(module.ToyEncoder)


def test_an_error_of_the_original_stays_that_error(toy, toy_text):
    name = toy(toy_text + "\nraise KeyError('mine')\n")
    hook.install([name])
    with pytest.raises(KeyError, match="mine"):
        importlib.import_module(f"{name}.modeling_toy")
    assert f"{name}.modeling_toy" not in sys.modules


def test_what_is_imported_already_cannot_be_exchanged(toy):
    name = toy()
    importlib.import_module(f"{name}.modeling_toy")
    before = list(sys.meta_path)
    with pytest.raises(RewriterError, match=f"{name}.modeling_toy was imported before") as caught:
        hook.install([name])
    assert "before anything imports it" in caught.value.hint
    assert sys.meta_path == before


def test_a_package_without_its_modeling_modules_may_be_imported_already(toy):
    name = toy()
    importlib.import_module(f"{name}.shared")
    hook.install([name])
    assert hook.is_rewritten(importlib.import_module(f"{name}.modeling_toy"))


@pytest.mark.parametrize(
    "name", ["rewriter_no_such_package", "json.no_such_module", "json.decoder.x", "not a name", ""]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(RewriterError, match="no such module or package"):
        hook.install([name])


def test_a_package_without_modeling_modules_is_refused():
    with pytest.raises(RewriterError, match="holds no modeling_"):
        hook.install(["json"])


def test_installing_twice_is_installing_once(toy):
    name = toy()
    before = len(sys.meta_path)
    first = hook.install([name])
    assert hook.install([name]) is first
    importlib.import_module(f"{name}.modeling_toy")
    assert hook.install([name]) is first
    assert len(sys.meta_path) == before + 2  # ours, and the one for mindnlp


def test_uninstall_and_the_context_manager_leave_nothing_behind(toy):
    name = toy()
    before = list(sys.meta_path)
    with hook.install([name]):
        assert sys.meta_path != before
    assert sys.meta_path == before
    hook.install([name])
    hook.uninstall()
    assert sys.meta_path == before
    assert not hook.is_rewritten(importlib.import_module(f"{name}.modeling_toy"))


def test_the_public_name_installs(toy):
    name = toy()
    rewriter.install([name], target="cpu")
    assert hook.is_rewritten(importlib.import_module(f"{name}.modeling_toy"))


def test_numbers_are_those_of_the_original(toy):
    """The same file without and with the hook, with weights that are no round numbers."""
    import mindspore

    outputs = []
    for hooked in (False, True):
        name = toy(shift=0.1)
        if hooked:
            hook.install([name])
        module = importlib.import_module(f"{name}.modeling_toy")
        assert hook.is_rewritten(module) is hooked
        outputs.append(module.ToyModel()(mindspore.Tensor([0.3, -1.7], mindspore.float32)).value.asnumpy())
    np.testing.assert_array_equal(*outputs)


def test_mindnlp_is_imported_through_its_patches_unless_the_environment_says_no(monkeypatch):
    finder = hook._CompatFinder()
    monkeypatch.delenv("REWRITER_NO_COMPAT", raising=False)
    assert isinstance(finder.find_spec("mindnlp", None).loader, hook._CompatLoader)
    assert finder.find_spec("mindnlp.core", None) is None
    assert finder.find_spec("json", None) is None
    monkeypatch.setenv("REWRITER_NO_COMPAT", "1")
    assert finder.find_spec("mindnlp", None) is None
