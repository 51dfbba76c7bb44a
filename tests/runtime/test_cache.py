"""The cache of rewritten files: what an entry depends on, damage, and several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from rewriter import pipeline, targets
from rewriter.errors import RewriterError
from rewriter.runtime import cache

MODEL = """\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(2, 2)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""

PLUGIN = """\
import libcst as cst
from rewriter import Pass, hookimpl


class Mark(Pass):
    \"\"\"Put a statement at the end.\"\"\"

    name = "mark"

    def rewrite(self, context):
        context.rewritten(context.tree, "file", "marked")
        return context.tree.with_changes(body=[*context.tree.body, cst.parse_statement("MARK = 1")])


@hookimpl
def rewriter_passes():
    return [Mark()]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "modeling_x.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """The names of the files that were really rewritten."""
    names = []
    run = pipeline.run

    def counted(source, *args, **kwargs):
        names.append(source.name)
        return run(source, *args, **kwargs)

    monkeypatch.setattr(pipeline, "run", counted)
    return names


def test_a_file_is_rewritten_once(folder, model, runs):
    first = cache.rewritten(model, "", cache.Recipe())
    second = cache.rewritten(model, "", cache.Recipe())
    assert first == second
    assert first.path is not None
    assert first.path.name == "modeling_x.py"
    assert folder in first.path.parents
    assert "fullgraph=True" in first.path.read_text(encoding="utf-8")
    assert runs == [str(model)]
    assert model.read_text(encoding="utf-8") == MODEL


def test_that_nothing_can_be_rewritten_is_remembered_with_the_reason(folder, tmp_path, runs):
    plain = tmp_path / "plain.py"
    plain.write_text("x = 1\n", encoding="utf-8")
    entries = [cache.rewritten(plain, "", cache.Recipe()) for _ in range(2)]
    assert entries[0] == entries[1]
    assert entries[0].path is None
    assert "not a MindSpore modeling file" in entries[0].reason
    assert len(runs) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text(path.read_text() + "\n# edited\n"),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: (path.parent / "record.json").write_text('{"digest": '),
        lambda path: (path.parent / "record.json").write_text("[]"),
        lambda path: (path.parent / "record.json").unlink(),
    ],
    ids=["edited", "empty", "file gone", "record cut off", "record of another form", "record gone"],
)
def test_a_damaged_entry_is_made_anew(folder, model, runs, damage):
    path = cache.rewritten(model, "", cache.Recipe()).path
    whole = path.read_bytes()
    damage(path)
    assert cache.rewritten(model, "", cache.Recipe()).path == path
    assert path.read_bytes() == whole
    assert len(runs) == 2
    cache.rewritten(model, "", cache.Recipe())
    assert len(runs) == 2


def test_an_entry_depends_on_all_that_decides_the_text(folder, model, tmp_path, monkeypatch):
    def key(package: str = "", **options) -> str:
        return cache.rewritten(model, package, cache.Recipe(**options)).path.parent.name

    keys = [
        key(),
        key("some.package"),
        key(target="cpu"),
        key(mindspore="2.7.0"),
        key(passes=("flatten", "jit")),
    ]
    plugin = tmp_path / "mark.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    keys.append(key(plugin_files=(str(plugin),)))
    plugin.write_text(PLUGIN.replace("MARK = 1", "MARK = 2"), encoding="utf-8")
    keys.append(key(plugin_files=(str(plugin),)))
    model.write_text(MODEL + "\n# a word\n", encoding="utf-8")
    keys.append(key())
    monkeypatch.setattr(cache, "__version__", "999")
    keys.append(key())
    monkeypatch.setattr(targets, "installed_mindspore", lambda: Version("2.8.0"))
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_the_code_of_installed_plugins_counts(folder, model, monkeypatch):
    def key() -> str:
        cache._digest_of_installed.cache_clear()
        return cache._key(model, b"", "", cache.Recipe())

    monkeypatch.delenv(cache.AUTOLOAD_OFF, raising=False)
    before = key()
    assert key() == before
    digest = cache._digest_of_plugin
    monkeypatch.setattr(
        cache, "_digest_of_plugin", lambda text: digest(text) + ("!" if text == "rewriter_passes" else "")
    )
    assert key() != before
    monkeypatch.undo()
    cache._digest_of_installed.cache_clear()


def test_the_data_of_a_plugin_package_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "some_passes"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    before = cache._digest_of_plugin("some_passes")
    (package / "apis.toml").write_text("a = 1\n", encoding="utf-8")
    between = cache._digest_of_plugin("some_passes")
    (package / "apis.toml").write_text("a = 2\n", encoding="utf-8")
    assert len({before, between, cache._digest_of_plugin("some_passes")}) == 3


def test_a_folder_that_cannot_be_written_is_said_so(model, tmp_path, monkeypatch):
    occupied = tmp_path / "file"
    occupied.write_text("", encoding="utf-8")
    monkeypatch.setenv(cache.FOLDER, str(occupied))
    with pytest.raises(RewriterError, match="cannot be written") as caught:
        cache.rewritten(model, "", cache.Recipe())
    assert cache.FOLDER in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "toaster"}, "no such target"),
        ({"mindspore": "new"}, "not a version number"),
        ({"passes": ["flaten"]}, "no pass is called 'flaten'"),
        ({"plugin_files": ["nowhere.py"]}, "no such file"),
        ({"mindspore": "2.6", "dynamic": True}, "no graphs for tensors of any size"),
    ],
)
def test_options_are_checked(options, message):
    given = {"passes": (), "target": "portable", "mindspore": None, "plugin_files": (), **options}
    with pytest.raises(RewriterError, match=message):
        cache.Recipe.of(**given)


def test_dynamic_is_an_entry_of_its_own(folder, model):
    closed, opened = (cache.rewritten(model, "", cache.Recipe(dynamic=dynamic)) for dynamic in (False, True))
    assert "dynamic=1" not in closed.path.read_text(encoding="utf-8")
    assert "dynamic=1" in opened.path.read_text(encoding="utf-8")


def test_a_missing_file_is_said_so(folder, tmp_path):
    with pytest.raises(RewriterError, match="cannot be read"):
        cache.rewritten(tmp_path / "modeling_none.py", "", cache.Recipe())


def test_processes_that_make_the_same_entry_do_not_disturb_each_other(folder, model):
    code = (
        "import sys; from pathlib import Path; from rewriter.runtime import cache\n"
        "for _ in range(5):\n"
        "    path = cache.rewritten(Path(sys.argv[1]), '', cache.Recipe()).path\n"
        "    compile(path.read_bytes(), str(path), 'exec')\n"
        "    (path.parent / 'record.json').unlink(missing_ok=True)\n"
        "print(cache.rewritten(Path(sys.argv[1]), '', cache.Recipe()).path)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(model)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    printed = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(printed) == 1
    path = Path(printed.pop().strip())
    assert sorted(child.name for child in path.parent.iterdir()) == ["modeling_x.py", "record.json"]
    assert json.loads((path.parent / "record.json").read_text())["original"] == str(model)


def test_a_hit_runs_no_pass_and_needs_no_mindspore(folder, model):
    cache.rewritten(model, "", cache.Recipe())
    code = (
        "import sys; from pathlib import Path; from rewriter.runtime import cache\n"
        "assert cache.rewritten(Path(sys.argv[1]), '', cache.Recipe()).path\n"
        "print([name for name in ('mindspore', 'rewriter_passes') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
