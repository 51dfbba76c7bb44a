"""`[tool.rewriter]` in pyproject.toml."""

from __future__ import annotations

import pytest

from rewriter import settings
from rewriter.errors import RewriterError
from rewriter.settings import Settings
from rewriter.targets import Device


@pytest.fixture
def load(tmp_path):
    def run(text: str) -> Settings:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        return settings.load(tmp_path)

    return run


def test_all_keys(load, tmp_path):
    found = load(
        """
        [tool.rewriter]
        passes = ["mint", "jit"]
        target = "ascend"
        mindspore = "2.8.0"
        plugins = ["tools/mine.py", "a.module", "/absolute/other.py"]
        no-plugins = ["builtin"]
        """
    )
    assert found == Settings(
        ("mint", "jit"),
        Device.ASCEND,
        "2.8.0",
        (str(tmp_path / "tools" / "mine.py"), "a.module", "/absolute/other.py"),
        ("builtin",),
    )


@pytest.mark.parametrize(
    "text", ["", "[project]\nname = 'x'\n", "[tool.other]\nx = 1\n", "[tool.rewriter]\n", "tool = 3"]
)
def test_without_settings_the_defaults_hold(load, text):
    assert load(text) == Settings()


def test_no_file(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()  # what lies above the test is none of its business
    assert settings.load(folder) == Settings()


def test_the_nearest_file_counts(load, tmp_path):
    load('[tool.rewriter]\ntarget = "cpu"\n')
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert settings.load(deep).target is Device.CPU
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    assert settings.load(deep).target is Device.PORTABLE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.rewriter]\nnothing = 1", "no key 'nothing'"),
        ("[tool.rewriter]\n'no-plugin' = []", "no key 'no_plugin'"),
        ("[tool.rewriter]\npasses = 'mint'", "passes"),
        ("[tool.rewriter]\npasses = [1]", "passes[0]"),
        ("[tool.rewriter]\ntarget = 'tpu'", "target"),
        ("[tool.rewriter]\ntarget = 3", "target"),
        ("[tool.rewriter]\nmindspore = 2.7", "mindspore"),
        ("[tool.rewriter]\nplugins = {}", "plugins"),
        ("[tool]\nrewriter = 3", "must be a table"),
        ("[[tool.rewriter]]\npasses = []", "must be a table"),
        ("[tool.rewriter", "pyproject.toml"),
    ],
)
def test_mistakes_are_named(load, text, words):
    with pytest.raises(RewriterError) as caught:
        load(text)
    assert words in caught.value.message
    assert "pyproject.toml" in caught.value.message
    assert caught.value.exit_code == 2


def test_the_known_keys_are_in_the_hint(load):
    with pytest.raises(RewriterError) as caught:
        load("[tool.rewriter]\npases = []")
    assert caught.value.hint == "Known keys: passes, target, mindspore, plugins, no-plugins, scope, dynamic, capture."


def test_not_utf_8(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.rewriter]\ntarget = '\xfc'\n")
    with pytest.raises(RewriterError, match="utf-8"):
        settings.load(tmp_path)
