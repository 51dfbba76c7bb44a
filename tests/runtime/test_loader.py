"""Importing modeling files: inside a package, outside, twice, and broken ones."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rewriter.errors import MissingDependency, RewriterError
from rewriter.runtime import loader

ROOT = Path(__file__).resolve().parents[2]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def make_package(folder: Path, name: str, value: int) -> Path:
    """A package with a subpackage whose file has relative imports of both kinds."""
    write(folder / name / "__init__.py", "")
    write(folder / name / "common.py", f"VALUE = {value}\n")
    write(folder / name / "sub" / "__init__.py", "")
    write(folder / name / "sub" / "config.py", f"SIZE = {value} * 2\n")
    return write(
        folder / name / "sub" / "modeling_x.py",
        "from ..common import VALUE\nfrom .config import SIZE\nANSWER = VALUE + SIZE\n",
    )


def test_a_file_in_a_package_is_imported_as_its_member(tmp_path):
    path = make_package(tmp_path, "loader_case_a", 7)
    module = loader.load(path)
    assert module.ANSWER == 21
    assert module.__name__ == "loader_case_a.sub.modeling_x"
    assert sys.modules[module.__name__] is module
    assert loader.load(str(path)) is module
    assert str(tmp_path) not in sys.path


def test_a_twin_with_absolute_imports_finds_its_originals_package(tmp_path):
    """Also where a package of the same name was there before, which stays what it is."""
    first = loader.load(make_package(tmp_path / "one", "loader_case_twin", 1))
    before = {name: module for name, module in sys.modules.items() if name.startswith("loader_case_twin.")}
    original = loader.load(make_package(tmp_path / "two", "loader_case_twin", 10))
    write(tmp_path / "two" / "loader_case_twin" / "late.py", "LATE = 5\n")
    text = """
        from loader_case_twin.common import VALUE
        from loader_case_twin.late import LATE
        from loader_case_twin.sub.config import SIZE
        ANSWER = VALUE + SIZE
    """
    twin = loader.load(write(tmp_path / "modeling_x_rewritten.py", text), twin_of=original)
    assert (first.ANSWER, original.ANSWER, twin.ANSWER, twin.LATE) == (3, 30, 30, 5)
    assert {name: sys.modules[name] for name in before} == before
    assert "loader_case_twin.late" not in sys.modules


def test_packages_of_one_name_in_two_folders_do_not_clash(tmp_path):
    first = loader.load(make_package(tmp_path / "one", "loader_case_b", 1))
    second = loader.load(make_package(tmp_path / "two", "loader_case_b", 10))
    assert (first.ANSWER, second.ANSWER) == (3, 30)
    assert sys.modules[second.__name__] is second
    assert loader.load(Path(str(second.__file__))) is second


def test_files_of_one_name_outside_any_package_do_not_clash(tmp_path):
    first = loader.load(write(tmp_path / "a" / "modeling_y.py", "WHO = 'a'\n"))
    second = loader.load(write(tmp_path / "b" / "modeling_y.py", "WHO = 'b'\n"))
    assert (first.WHO, second.WHO) == ("a", "b")
    assert sys.modules[first.__name__] is first


def test_a_file_is_executed_again_only_when_it_changed(tmp_path):
    path = write(tmp_path / "modeling_z.py", "TEXT = 'first'\n")
    module = loader.load(path)
    assert loader.load(path) is module
    path.write_text("TEXT = 'second'\n")
    assert loader.load(path).TEXT == "second"
    assert module.TEXT == "first"


def test_a_member_of_a_package_that_changed_is_loaded_anew(tmp_path):
    path = make_package(tmp_path, "loader_case_c", 2)
    before = loader.load(path)
    path.write_text(path.read_text() + "ANSWER = -ANSWER\n")
    assert (before.ANSWER, loader.load(path).ANSWER) == (6, -6)


def test_a_twin_outside_resolves_relative_imports_like_its_original(tmp_path):
    original = loader.load(make_package(tmp_path, "loader_case_d", 3))
    twin = loader.load(
        write(tmp_path / "elsewhere" / "modeling_x.py", "from ..common import VALUE\nANSWER = VALUE\n"),
        twin_of=original,
    )
    assert twin.ANSWER == 3
    assert twin is not original
    assert sys.modules["loader_case_d.sub.modeling_x"] is original


def test_relative_imports_outside_a_package_are_explained(tmp_path):
    path = write(tmp_path / "modeling_lost.py", "from ..common import VALUE\n")
    with pytest.raises(RewriterError, match=r"modeling_lost\.py:1: cannot be imported: ImportError") as caught:
        loader.load(path)
    assert "outside its package" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os\n\nx = [1][3]\n", r":3: cannot be imported: IndexError: list index out of range"),
        (
            "import os\nimport no_such_package_at_all\n",
            r":2: cannot be imported: ModuleNotFoundError: .*no_such_package",
        ),
        ("x = 1\ndef f(:\n", r":2: cannot be imported: SyntaxError: invalid syntax"),
        ("def f():\n    raise ValueError('deep')\n\n\nf()\n", r":2: cannot be imported: ValueError: deep"),
    ],
)
def test_a_file_that_fails_is_reported_with_its_line(tmp_path, text, expected):
    path = write(tmp_path / "modeling_broken.py", text)
    names = set(sys.modules)
    with pytest.raises(RewriterError, match=expected) as caught:
        loader.load(path)
    assert "Traceback" not in str(caught.value)
    assert not [name for name in set(sys.modules) - names if "modeling_broken" in name]


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(RewriterError, match="no such file"):
        loader.load(tmp_path / "absent.py")
    with pytest.raises(RewriterError, match="no such module"):
        loader.load("no_such_package_at_all.modeling")


def test_without_mindspore_it_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "modeling_w.py", "")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "mindspore" else find(name, *rest)
    )
    monkeypatch.delitem(sys.modules, "mindspore", raising=False)
    with pytest.raises(MissingDependency, match="mindspore is not installed") as caught:
        loader.load(path)
    assert "pip install mindspore==2.10.0" in caught.value.hint


def test_a_copy_leaves_no_trace_in_the_auto_classes(tmp_path):
    """Loaded twice, a file that registers its model registers nothing that outlives the load."""
    text = """\
        from mindnlp.transformers import BertConfig, BertModel
        from mindnlp.transformers.models.auto import AutoConfig, AutoModel


        class OwnConfig(BertConfig):
            model_type = "own-bert"


        class OwnModel(BertModel):
            config_class = OwnConfig


        AutoConfig.register("own-bert", OwnConfig)
        AutoModel.register(OwnConfig, OwnModel)
        """
    first = loader.load(write(tmp_path / "a" / "modeling_own.py", text))
    second = loader.load(write(tmp_path / "b" / "modeling_own.py", text))
    from mindnlp.transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from mindnlp.transformers.models.auto.modeling_auto import MODEL_MAPPING

    assert first.OwnModel is not second.OwnModel
    assert "own-bert" not in CONFIG_MAPPING
    assert first.OwnConfig not in MODEL_MAPPING
    assert second.OwnConfig not in MODEL_MAPPING


def test_mindnlp_is_left_alone_when_told_so():
    """In a process of its own: here mindnlp is imported already, through the compatibility module."""
    code = "from rewriter.runtime import loader\nloader.load('mindnlp.transformers.models.bert.modeling_bert')\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REWRITER_NO_COMPAT": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode != 0
    assert "cannot be imported" in ran.stderr
