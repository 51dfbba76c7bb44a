"""Input that nobody wants, and plugins that fail: a message, the right exit code, no traceback, nothing lost.

2 means that an input could not be read, a result could not be written, or the command made no sense; 1, that a file was
read and what was asked for did not happen.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sampling import slow_but

from rewriter import job, pipeline
from rewriter.report import Report

from .conftest import IDLE, ROOT, TOY


def hidden(folder: Path) -> list[str]:
    """Names of what a writer may have left behind."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


class TestUnreadable:
    def test_a_syntax_error_has_file_line_and_caret(self, cli, workplace):
        path = workplace / "modeling_bad.py"
        path.write_text("from mindspore import nn\n\nx = (1 +\n\ty = = 2)\n", encoding="utf-8")
        run = cli("apply", path)
        assert run.code == 2
        lines = run.err.splitlines()
        assert f"{path}:4:" in lines[0]
        assert lines[1].endswith("\ty = = 2)")
        column = int(lines[0].split(":4:")[1].split(":")[0])
        assert lines[2].index("^") == lines[1].index("\t") + column - 1
        assert path.read_text(encoding="utf-8").startswith("from mindspore")
        assert not list(workplace.glob("*_rewritten.py"))

    @pytest.mark.parametrize(
        "text", ["if x:\n", "'''open", "  indented", "x = 1\n\ty = 2\n", "print 'two'", "x = 0777"]
    )
    def test_other_things_that_are_not_python(self, cli, workplace, text):
        (workplace / "modeling_bad.py").write_text(text, encoding="utf-8")
        run = cli("apply", "modeling_bad.py")
        assert run.code == 2
        assert "modeling_bad.py:" in run.err
        assert "^" in run.err

    def test_not_utf_8(self, cli, workplace):
        (workplace / "modeling_bad.py").write_bytes(b"import mindspore\n\n# M\xfcnchen\nx = 1\n")
        run = cli("apply", "modeling_bad.py")
        assert run.code == 2
        assert "cannot be decoded" in run.err
        assert "UTF-8" in run.err

    def test_not_utf_8_in_the_first_line(self, cli, workplace):
        (workplace / "modeling_bad.py").write_bytes(b"x = '\xdc'\n")
        run = cli("apply", "modeling_bad.py")
        assert run.code == 2
        assert "UTF-8" in run.err

    @pytest.mark.parametrize(
        "data", [b"\x00\x01\x02", b"x = 1\n\x00\n", b"\xff\xfex\x00", b"# coding: nonsense\nx = 1\n"]
    )
    def test_bytes_that_are_no_text(self, cli, workplace, data):
        (workplace / "modeling_bad.py").write_bytes(data)
        assert cli("apply", "modeling_bad.py").code == 2
        assert (workplace / "modeling_bad.py").read_bytes() == data

    @pytest.mark.parametrize(
        "name", ["missing.py", "no/such/folder/", "./modeling_missing", "nothing.of.this.name", ""]
    )
    def test_not_there(self, cli, name):
        run = cli("apply", name)
        assert run.code == 2
        assert name in run.err

    def test_a_name_too_long(self, cli):
        run = cli("apply", "x" * 5000 + ".py")
        assert run.code == 2
        assert "too long" in run.err

    def test_a_link_to_itself(self, cli, workplace):
        (workplace / "modeling_loop.py").symlink_to("modeling_loop.py")
        assert cli("apply", "modeling_loop.py").code == 2
        assert cli("apply", ".").code == 2

    def test_a_working_directory_that_is_gone(self, cli, toy, tmp_path, monkeypatch):
        folder = tmp_path / "gone"
        folder.mkdir()
        monkeypatch.chdir(folder)
        folder.rmdir()
        run = cli("apply", toy)
        assert run.code == 2
        assert "working directory" in run.err

    def test_a_compiled_module(self, cli):
        assert cli("apply", "libcst.native").code == 2

    def test_a_folder_without_modeling_files(self, cli, workplace):
        (workplace / "empty").mkdir()
        (workplace / "empty" / "other.py").write_text(TOY, encoding="utf-8")
        (workplace / "empty" / ".venv").mkdir()
        (workplace / "empty" / ".venv" / "modeling_hidden.py").write_text(TOY, encoding="utf-8")
        run = cli("apply", "empty")
        assert run.code == 2
        assert "no modeling file" in run.err
        assert "modeling_*.py" in run.err

    def test_a_file_that_goes_away_meanwhile(self, cli, toy, monkeypatch):
        def read(path):
            raise FileNotFoundError(2, "No such file or directory")

        monkeypatch.setattr(Path, "read_bytes", read)
        run = cli("apply", toy)
        assert run.code == 2
        assert "cannot be read" in run.err


class TestNothingToRewrite:
    """The file can be read; there is nothing in it for us. Each says why."""

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "empty"),
            ("\n  \n", "empty"),
            ("x = 1\n", "not a MindSpore modeling file"),
            ("from torch import nn\n\n\nclass A(nn.Module):\n    def forward(self, x):\n        return x\n", "torch"),
            ("from mindspore import nn\n\n\nclass A(nn.Cell):\n    pass\n", "construct"),
            ("from mindnlp.core import nn\n\n\nclass A(nn.Module):\n    pass\n", "forward"),
            (IDLE, "nothing matched"),
        ],
    )  # fmt: skip
    def test_exit_code_1(self, cli, workplace, text, words):
        (workplace / "modeling_idle.py").write_text(text, encoding="utf-8")
        run = cli("apply", "modeling_idle.py")
        assert run.code == 1
        assert words in run.out + run.err
        assert (workplace / "modeling_idle.py").read_text(encoding="utf-8") == text
        assert not (workplace / "modeling_idle_rewritten.py").exists()

    def test_a_torch_file_is_told_so(self, cli, workplace):
        (workplace / "modeling_torch.py").write_text(
            "import torch.nn as nn\n\nclass A(nn.Module): ...\n", encoding="utf-8"
        )
        run = cli("apply", "modeling_torch.py")
        assert run.code == 1
        assert "'torch'" in run.err
        assert "not supported yet" in run.err
        assert "mindnlp.core" in run.err  # what is


class TestSeveralInputs:
    def test_one_bad_file_does_not_stop_the_others(self, cli, toy, workplace):
        (workplace / "modeling_bad.py").write_text("def f(:\n", encoding="utf-8")
        (workplace / "modeling_idle.py").write_text(IDLE, encoding="utf-8")
        run = cli("apply", "missing.py", "modeling_bad.py", "modeling_idle.py", toy)
        assert run.code == 2
        assert "missing.py" in run.err
        assert "modeling_bad.py:1" in run.err
        assert "modeling_idle.py" in run.out
        assert toy.with_name("modeling_toy_rewritten.py").exists()

    def test_the_worst_exit_code_counts_whatever_the_order(self, cli, toy, workplace):
        (workplace / "modeling_idle.py").write_text(IDLE, encoding="utf-8")
        assert cli("apply", toy, "modeling_idle.py").code == 1
        assert cli("apply", "modeling_idle.py", toy).code == 1
        assert cli("apply", "missing.py", "modeling_idle.py").code == 2

    def test_a_bug_of_ours_stops_neither(self, cli, toy, workplace, monkeypatch):
        real = pipeline.run

        def broken(source, *arguments, **options):
            if Path(source.name).stem == "modeling_bug":
                raise KeyError("of ours")
            return real(source, *arguments, **options)

        (workplace / "modeling_bug.py").write_text(TOY, encoding="utf-8")
        monkeypatch.setattr(job.pipeline, "run", broken)
        run = cli("apply", "modeling_bug.py", toy)
        assert run.code == 1
        assert "internal error, KeyError: 'of ours'" in run.err
        assert toy.with_name("modeling_toy_rewritten.py").exists()
        assert not (workplace / "modeling_bug_rewritten.py").exists()

    def test_a_depth_of_nesting_that_nobody_writes(self, cli, toy, workplace):
        deep = " + ".join(["x"] * 900)
        limit = sys.getrecursionlimit()  # MindSpore, imported by another test, raises it
        sys.setrecursionlimit(1000)
        text = TOY.replace("        return x\n", f"        y = {deep}\n        return x\n")
        (workplace / "modeling_deep.py").write_text(text, encoding="utf-8")
        try:
            run = cli("apply", "modeling_deep.py", toy)
        finally:
            sys.setrecursionlimit(limit)
        assert run.code == 2
        assert "modeling_deep.py: an expression or block is nested too deeply" in run.err
        assert toy.with_name("modeling_toy_rewritten.py").exists()


class TestUnwritable:
    """The tests may run as root, whom no mode stops: so a folder, a file and the kernel stand in the way."""

    def test_a_folder_in_the_place_of_the_result(self, cli, toy, workplace):
        (workplace / "modeling_toy_rewritten.py").mkdir()
        run = cli("apply", toy)
        assert run.code == 2
        assert "cannot be written" in run.err
        assert hidden(workplace) == []

    def test_a_file_in_the_place_of_a_folder(self, cli, toy, workplace):
        (workplace / "file").touch()
        for output in ("file/result.py", "file/deep/result.py", "file"):
            run = cli("apply", toy, "-o", output)
            assert run.code == 2
            assert "cannot be written" in run.err
        assert (workplace / "file").read_bytes() == b""

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses even root")
    def test_a_file_system_that_refuses(self, cli, toy):
        run = cli("apply", toy, "-o", "/proc/result.py")
        assert run.code == 2
        assert "/proc/result.py" in run.err

    def test_a_file_that_may_not_be_written(self, cli, toy, monkeypatch):
        real = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
        run = cli("apply", toy, "--in-place")
        assert run.code == 2
        assert "Permission denied" in run.err
        assert toy.read_text(encoding="utf-8") == TOY

    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_a_full_disk(self, cli, toy, workplace, monkeypatch, call):
        def full(*arguments, **options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, call, full)
        for options in ((), ("--in-place",)):
            run = cli("apply", toy, *options)
            assert run.code == 2
            assert "No space left on device" in run.err
        assert toy.read_text(encoding="utf-8") == TOY
        assert not (workplace / "modeling_toy_rewritten.py").exists()
        assert hidden(workplace) == []

    def test_one_result_that_cannot_be_written_does_not_stop_the_others(self, cli, toy, workplace):
        (workplace / "modeling_a.py").write_text(TOY, encoding="utf-8")
        (workplace / "modeling_a_rewritten.py").mkdir()
        assert cli("apply", "modeling_a.py", toy).code == 2
        assert toy.with_name("modeling_toy_rewritten.py").exists()


STOP = """\
import os, signal, time

real = os.{call}


def stopped(*arguments, **options):
    {before}
    real(*arguments, **options)
    {after}


os.{call} = stopped
"""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"


class TestInterrupted:
    """Stopped at the worst moment: the original or the whole result is there, never a part."""

    def test_an_interrupt_ends_with_a_word_and_130(self, cli, toy, monkeypatch):
        def interrupted(self, *_):
            raise KeyboardInterrupt

        monkeypatch.setattr(job.Job, "run", interrupted)
        run = cli("apply", toy, "--json")
        assert run.code == 130
        assert run.err == "interrupted; nothing was left half written\n"
        assert run.out == ""  # no document that looks like a success

    def test_also_after_the_work_was_done(self, cli, toy, monkeypatch):
        """Not 1, which says that a promise failed."""

        def interrupted(self):
            raise KeyboardInterrupt

        monkeypatch.setattr(Report, "close", interrupted)
        run = cli("apply", toy)
        assert (run.code, run.err) == (130, "interrupted; nothing was left half written\n")

    @pytest.mark.parametrize("options", [(), ("--in-place",)])
    def test_interrupted_while_writing(self, toy, workplace, process, options):
        prelude = STOP.format(call="fsync", before=INTERRUPT, after="pass")
        run = process("-m", "rewriter", "apply", toy, *options, prelude=prelude)
        assert run.code == 130, run.err
        assert "Traceback" not in run.err
        assert toy.read_text(encoding="utf-8") == TOY
        assert not (workplace / "modeling_toy_rewritten.py").exists()
        assert hidden(workplace) == []

    def test_interrupted_from_outside(self, toy, workplace, tmp_path):
        """As Ctrl-C does, while a plugin takes its time."""
        (workplace / "slow.py").write_text(
            "import time\nfrom pathlib import Path\nPath('started').touch()\ntime.sleep(60)\n", encoding="utf-8"
        )
        command = [sys.executable, "-m", "rewriter", "apply", str(toy), "--plugin", "slow.py"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(600):
            if (workplace / "started").exists() or running.poll() is not None:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "interrupted" in error
        assert "Traceback" not in error

    @pytest.mark.parametrize(
        ("call", "before", "after", "written"),
        [
            ("fsync", DIE, "pass", False),
            ("replace", DIE, "pass", False),
            ("replace", "pass", DIE, True),
        ],
    )
    def test_killed_while_writing(self, process, workplace, call, before, after, written):
        (workplace / "file.py").write_bytes(b"old")
        (workplace / "write.py").write_text(
            "from pathlib import Path\nfrom rewriter import files\nfiles.write(Path('file.py'), b'new' * 100_000)\n"
        )
        run = process("write.py", prelude=STOP.format(call=call, before=before, after=after))
        assert run.code == -signal.SIGKILL
        assert (workplace / "file.py").read_bytes() == (b"new" * 100_000 if written else b"old")

    @pytest.mark.parametrize("number", slow_but([1, 2, 3], 3))
    def test_killed_in_place_can_be_undone_and_done_again(self, process, cli, toy, number):
        """`--in-place` writes three files: the original's copy, the record, the result. It dies before each of them."""
        before = f"globals().__setitem__('n', globals().get('n', 0) + 1)\n    if n == {number}: {DIE}"
        prelude = STOP.format(call="replace", before=before, after="pass")
        run = process("-m", "rewriter", "apply", toy, "--in-place", prelude=prelude)
        assert run.code == -signal.SIGKILL, run.err
        assert toy.read_text(encoding="utf-8") == TOY
        assert cli("apply", toy, "--in-place").code == 0
        assert toy.read_text(encoding="utf-8") != TOY
        assert cli("undo", toy).code == 0
        assert toy.read_text(encoding="utf-8") == TOY


PLUGIN = '''
import libcst as cst

from rewriter import Pass, hookimpl


class Mine(Pass):
    """Does something."""

    name = "mine"
    {attributes}

    def rewrite(self, context):
        {body}
        return context.tree


@hookimpl
def rewriter_passes():
    {hook}
    return [Mine()]
'''


class TestPlugins:
    @pytest.fixture
    def plugin(self, workplace):
        def write(text: str = PLUGIN, attributes: str = "", body: str = "pass", hook: str = "pass") -> Path:
            path = workplace / "my_pass.py"
            path.write_text(text.format(attributes=attributes, body=body, hook=hook), encoding="utf-8")
            return path

        return write

    @pytest.mark.parametrize(
        "text", ["import nothing_of_this_name", "def f(:", "raise RuntimeError", "import sys; sys.exit(0)"]
    )
    def test_one_that_does_not_import(self, cli, toy, plugin, text):
        """It was named, so going on without it is not what was asked for."""
        path = plugin(text)
        for command in (("apply", toy), ("passes",), ("verify", toy, toy)):
            run = cli(*command, "--plugin", path)
            assert run.code == 2
            assert "my_pass.py cannot be imported" in run.err
        assert not toy.with_name("modeling_toy_rewritten.py").exists()

    @pytest.mark.parametrize("name", ["missing.py", "no_module_of_this_name", "."])
    def test_one_that_is_not_there(self, cli, toy, name):
        run = cli("apply", toy, "--plugin", name)
        assert run.code == 2
        assert name in run.err

    @pytest.mark.parametrize(
        ("hook", "words"),
        [("1 / 0", "ZeroDivisionError"), ("return None", "TypeError"), ("return [Mine]", "no instance of Pass")],
    )
    def test_one_whose_hook_fails_is_left_out(self, cli, toy, plugin, hook, words):
        run = cli("apply", toy, "--plugin", plugin(hook=hook))
        assert run.code == 0
        assert "plugin my_pass" in run.err
        assert words in run.err
        assert toy.with_name("modeling_toy_rewritten.py").exists()

    def test_the_document_names_it(self, cli, toy, plugin):
        run = cli("apply", toy, "--json", "--plugin", plugin(hook="1 / 0"))
        assert "ZeroDivisionError" in json.loads(run.out)["broken_plugins"]["my_pass"]

    def test_a_pass_that_raises_is_left_out(self, cli, toy, plugin):
        run = cli("apply", toy, "--plugin", plugin(body="raise OSError('no luck')"), "-o", "result.py")
        assert run.code == 0  # it was not asked for by name
        assert "pass mine failed and was left out: OSError: no luck" in run.out
        without = cli("apply", toy, "-o", "other.py")
        assert without.code == 0
        assert Path("result.py").read_bytes() == Path("other.py").read_bytes()

    def test_a_pass_that_raises_and_was_asked_for(self, cli, toy, plugin):
        path = plugin(body="raise OSError('no luck')")
        run = cli("apply", toy, "--plugin", path, "--passes", "mine")
        assert run.code == 1
        assert "OSError: no luck" in run.out
        assert not toy.with_name("modeling_toy_rewritten.py").exists()
        run = cli("apply", toy, "--plugin", path, "--passes", "mine,module-loops")
        assert run.code == 1
        assert "OSError: no luck" in run.out
        assert toy.with_name("modeling_toy_rewritten.py").exists()  # the other one's work is good

    def test_a_pass_whose_name_looks_like_markup(self, cli, toy, plugin):
        path = plugin(attributes="name = '[/nonsense]'", body="context.rewritten(context.tree.body[0], '[x]', '[/y]')")
        run = cli("apply", toy, "-v", "--plugin", path)
        assert run.code == 0
        assert "[/nonsense]: [x]: [/y]" in run.out

    def test_a_pass_that_writes_no_python_is_left_out(self, cli, toy, plugin):
        body = "return context.tree.with_changes(header=[cst.EmptyLine(comment=cst.Comment('# coding: nonsense'))])"
        run = cli("apply", toy, "--plugin", plugin(body=body), "-o", "result.py")
        assert run.code == 0
        assert "pass mine failed" in run.out
        compile(Path("result.py").read_bytes(), "result.py", "exec")

    def test_a_cycle_is_named(self, cli, toy, plugin):
        path = plugin(attributes="after = ('jit',); before = ('flatten',)")
        for command in (("apply", toy), ("passes",)):
            run = cli(*command, "--plugin", path)
            assert run.code == 2
            assert "cycle" in run.err
            assert "mine → " in run.err
            assert "→ mine" in run.err
        assert not toy.with_name("modeling_toy_rewritten.py").exists()

    def test_two_passes_of_one_name(self, cli, toy, plugin):
        run = cli("apply", toy, "--plugin", plugin(attributes="name = 'flatten'"))
        assert run.code == 2
        assert "two passes are called 'flatten'" in run.err

    def test_an_unknown_pass(self, cli, toy):
        run = cli("apply", toy, "missing.py", "--passes", "flaten")
        assert run.code == 2
        assert "no pass is called 'flaten'" in run.err
        assert "flatten" in run.err  # the known ones
        assert "missing.py" not in run.err  # said once, before any file

    @pytest.mark.parametrize("names", ["", ",", " "])
    def test_no_pass_at_all(self, cli, toy, names):
        run = cli("apply", toy, "--passes", names)
        assert run.code == 2
        assert "--passes" in run.err

    def test_a_required_pass_that_is_not_there(self, cli, toy, plugin):
        run = cli("apply", toy, "--plugin", plugin(attributes="requires = ('nothing',)"))
        assert run.code == 2
        assert "'nothing'" in run.err

    def test_an_unknown_hook_is_reported(self, cli, toy, plugin):
        text = PLUGIN.replace("def rewriter_passes", "def rewriter_pases")
        run = cli("apply", toy, "--plugin", plugin(text))
        assert run.code == 0
        assert "rewriter_pases" in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply",),
        ("apply", "x.py", "--nonsense"),
        ("apply", "x.py", "--target", "tpu"),
        ("apply", "x.py", "--mindspore", "two"),
        ("nonsense",),
        ("undo",),
        ("verify", "x.py"),
        ("bench", "x.py", "x.py", "--rounds", "0"),
        ("verify", "x.py", "x.py", "--seed", "none"),
        ("run",),
        ("run", "missing.py"),
    ],
)
def test_usage(cli, arguments):
    run = cli(*arguments)
    assert run.code == 2
    assert run.err
    assert run.out == ""
