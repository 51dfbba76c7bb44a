"""`rewriter.rewrite` and the names of the package."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import rewriter
from rewriter import RewriterError, api, plugins

TOY = """\
from pathlib import Path

from mindspore import nn

from .other import SOMETHING

Path(__file__).with_name("executed").touch()


class Encoder(nn.Cell):
    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([SOMETHING for _ in range(2)])
"""

PLUGIN = '''\
from pathlib import Path

import libcst as cst

from rewriter import Pass, Safety, hookimpl


class Mine(Pass):
    """Adds a comment."""

    name = "mine"
    safety = Safety.APPROXIMATE
    requires = ("module-loops",)

    def rewrite(self, context):
        return context.tree.with_changes(footer=[cst.EmptyLine(comment=cst.Comment("# mine"))])


@hookimpl
def rewriter_passes():
    return [Mine()]


@hookimpl
def rewriter_after_pass(report, filename):
    with Path(__file__).with_name("told").open("a") as file:
        print(report.name, filename, file=file)
'''


@pytest.fixture
def toy(tmp_path):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").touch()
    path = package / "modeling_toy.py"
    path.write_text(TOY, encoding="utf-8")
    return path


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return str(path)


def test_every_public_name_is_there_and_documented():
    for name in rewriter.__all__:
        value = getattr(rewriter, name)
        assert name == "__version__" or name == "hookimpl" or value.__doc__
    with pytest.raises(AttributeError):
        rewriter.nothing  # noqa: B018


def test_every_home_is_right():
    for name, home in rewriter._HOME.items():
        assert getattr(importlib.import_module(home, "rewriter"), name) is getattr(rewriter, name)
    assert set(rewriter._HOME) | {"__version__"} == set(rewriter.__all__)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file(toy, kind):
    result = rewriter.rewrite(kind(toy))
    assert result.changed
    assert "_construct_flat" in result.text
    assert "from pack.other import SOMETHING" in result.text
    assert result.diff().startswith(f"--- {toy}\n+++ {toy}\n@@")
    assert {site.pass_name for site in result.sites} >= {"flatten", "jit"}
    assert toy.read_text(encoding="utf-8") == TOY
    assert not toy.with_name("executed").exists()


def test_a_result_for_the_same_folder_keeps_relative_imports(toy):
    assert "from .other import SOMETHING" in rewriter.rewrite(toy, standalone=False).text


def test_text():
    result = rewriter.rewrite(TOY.replace("from .other", "from other"))
    assert "_construct_flat" in result.text


def test_a_dotted_name(toy, monkeypatch):
    monkeypatch.syspath_prepend(toy.parent.parent)
    assert rewriter.rewrite("pack.modeling_toy").changed


def test_a_folder_with_one_file_and_with_two(toy):
    assert rewriter.rewrite(toy.parent).changed
    (toy.parent / "modeling_two.py").write_text(TOY, encoding="utf-8")
    with pytest.raises(RewriterError, match="holds 2 modeling files"):
        rewriter.rewrite(toy.parent)


def test_target_and_version(toy):
    result = rewriter.rewrite(toy, target="ascend", mindspore="2.6")
    assert (result.target.device, str(result.target.mindspore)) == (rewriter.Device.ASCEND, "2.6")
    assert "JitConfig" in result.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "tpu"}, "target 'tpu': no such target"),
        ({"scope": "layer"}, "scope 'layer': no such scope"),
        ({"mindspore": "two"}, "two"),
        ({"passes": ["flaten"]}, "flaten"),
        ({"plugin_files": ["missing.py"]}, "missing.py"),
    ],
)
def test_mistakes(toy, options, words):
    with pytest.raises(RewriterError, match=words):
        rewriter.rewrite(toy, **options)


@pytest.mark.parametrize("text", ["", "def f(:\n", "import torch\n", "x = 1\n"])
def test_files_that_cannot_be_rewritten(tmp_path, text):
    (tmp_path / "modeling_bad.py").write_text(text, encoding="utf-8")
    with pytest.raises(RewriterError):
        rewriter.rewrite(tmp_path / "modeling_bad.py")


def test_an_error_reads_as_one_text():
    assert str(RewriterError("what", hint="do")) == "what\ndo"
    assert str(RewriterError("what")) == "what"
    assert RewriterError("what").exit_code == 2


class TestSelect:
    def test_the_default_ones_are_not_approximate(self, plugin):
        names = [item.name for item in api.select(plugins.load((plugin,)))]
        assert "flatten" in names
        assert "mine" not in names

    def test_by_name_with_what_they_require(self, plugin):
        names = [item.name for item in api.select(plugins.load((plugin,)), ["mine", "mine"])]
        assert names == ["mine", "module-loops"]


def test_a_plugin_runs_and_is_told(toy, plugin):
    result = rewriter.rewrite(toy, passes=["mine"], plugin_files=[plugin])
    assert result.text.endswith("# mine\n")
    assert "range(len(" in result.text
    told = Path(plugin).with_name("told").read_text(encoding="utf-8").splitlines()
    assert sorted(told) == [f"mine {toy}", f"module-loops {toy}"]
