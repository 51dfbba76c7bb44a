"""`rewriter.inputs`: from a name to files, and from files to the places of their results."""

from __future__ import annotations

import sys
from dataclasses import astuple
from pathlib import Path

import pytest

from rewriter import inputs
from rewriter.errors import RewriterError
from rewriter.inputs import Input


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(text: str, **options) -> list[str]:
    return [item.path.as_posix() for item in inputs.resolve(text, **options)]


class TestResolve:
    def test_a_file_whatever_its_name(self):
        touch("any name.txt")
        assert found("any name.txt") == ["any name.txt"]

    def test_a_folder_in_a_stable_order(self):
        touch("m/b/modeling_b.py", "m/modeling_z.py", "m/a/modeling_a.py", "m/a/other.py", "m/modeling_z.pyi")
        assert found("m") == ["m/a/modeling_a.py", "m/b/modeling_b.py", "m/modeling_z.py"]

    def test_a_folder_without_results_and_hidden_folders(self):
        touch("m/modeling_a.py", "m/modeling_a_rewritten.py", "m/.venv/modeling_b.py", "m/.modeling_c.py")
        assert found("m") == ["m/modeling_a.py"]

    def test_a_hidden_folder_that_is_named(self):
        touch(".m/modeling_a.py")
        assert found(".m") == [".m/modeling_a.py"]

    def test_the_folder_of_results_is_left_out(self):
        touch("m/modeling_a.py", "m/out/modeling_a.py")
        assert found("m", leave_out=Path("m/out")) == ["m/modeling_a.py"]
        assert found("m/out", leave_out=Path("m/out")) == ["m/out/modeling_a.py"]

    def test_a_folder_called_like_a_file(self):
        touch("modeling_a.py/modeling_b.py")
        assert found("modeling_a.py") == ["modeling_a.py/modeling_b.py"]
        assert found(".") == ["modeling_a.py/modeling_b.py"]

    @pytest.mark.parametrize("text", ["", "missing.py", "a/b", "a\\b", "a.b.c", "not-a-name", "1", "a..b", ".", "\0"])
    def test_nothing(self, text):
        with pytest.raises(RewriterError) as caught:
            inputs.resolve(text)
        assert caught.value.exit_code == 2

    def test_modules_are_found_and_not_imported(self):
        touch("pack/__init__.py", "pack/deep/modeling_a.py", "pack/deep/__init__.py", "pack/other.py")
        for path in Path("pack").rglob("__init__.py"):
            path.write_text("raise RuntimeError", encoding="utf-8")
        here = Path.cwd().as_posix()
        assert found("pack.deep.modeling_a") == [f"{here}/pack/deep/modeling_a.py"]
        assert found("pack.other") == [f"{here}/pack/other.py"]
        assert "pack" not in sys.modules

    def test_a_package_is_searched(self):
        touch("pack/__init__.py", "pack/deep/modeling_a.py")
        # "pack" itself would be the folder of that name.
        touch("lib/pack2/__init__.py", "lib/pack2/deep/modeling_a.py")
        sys.path.insert(0, str(Path("lib").resolve()))
        try:
            assert [item.path.name for item in inputs.resolve("pack2")] == ["modeling_a.py"]
        finally:
            sys.path.pop(0)

    @pytest.mark.parametrize("name", ["sys", "itertools", "libcst.native", "json.nothing", "json.decoder.nothing"])
    def test_modules_without_a_source(self, name):
        with pytest.raises(RewriterError):
            inputs.resolve(name)

    def test_the_real_mindnlp(self):
        ((path, _),) = map(astuple, inputs.resolve("mindnlp.transformers.models.bert.modeling_bert"))
        assert path.as_posix().endswith("mindnlp/transformers/models/bert/modeling_bert.py")
        assert inputs.is_installed(path)


class TestPlaces:
    @pytest.mark.parametrize(
        ("source", "output", "place"),
        [
            ("a/modeling_x.py", None, "a/modeling_x_rewritten.py"),
            ("/venv/lib/python3.11/site-packages/a/modeling_x.py", None, "modeling_x_rewritten.py"),
            ("/usr/lib/python3/dist-packages/a/modeling_x.py", None, "modeling_x_rewritten.py"),
            ("a/modeling_x.py", "out.py", "out.py"),
            ("a/modeling_x.py", "out", "out/modeling_x.py"),
            ("a/modeling_x.py", "out/", "out/modeling_x.py"),
            ("a/modeling_x.py", "folder.py", "folder.py/modeling_x.py"),
        ],
    )
    def test_output_path(self, here, source, output, place):
        (here / "folder.py").mkdir()
        assert here / Input(Path(source)).place(output) == here / place

    def test_what_is_found_in_a_folder_keeps_its_place_there(self, here):
        for folder in ("tree/a", "tree/b"):
            touch(f"{folder}/modeling_x.py")
        places = [item.place("out").as_posix() for item in inputs.resolve("tree")]
        assert places == ["out/a/modeling_x.py", "out/b/modeling_x.py"]
        inputs.refuse_clashes(inputs.resolve("tree"), "out")

    def test_no_clash(self):
        inputs.refuse_clashes([Input(Path("a/modeling_x.py")), Input(Path("b/modeling_x.py"))], None)
        inputs.refuse_clashes([Input(Path("a/modeling_x.py")), Input(Path("b/modeling_y.py"))], "out")

    @pytest.mark.parametrize(
        ("sources", "output"),
        [
            (["a/modeling_x.py", "b/modeling_x.py"], "out"),
            (["a/modeling_x.py"], "a"),
            (["a/modeling_x.py"], "a/../a/modeling_x.py"),
            (["a/modeling_x.py", "a/modeling_x_rewritten.py"], None),
            (["a/modeling_x.py", "b/modeling_y.py", "out/modeling_y.py"], "out"),
        ],
    )
    def test_clashes(self, sources, output):
        with pytest.raises(RewriterError) as caught:
            inputs.refuse_clashes([Input(Path(source)) for source in sources], output)
        assert caught.value.exit_code == 2
