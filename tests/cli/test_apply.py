"""`rewriter apply`: what it writes, where, what it prints, and what it never does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sampling import slow_but

from rewriter.report import SCHEMA

from .conftest import IDLE, ROOT, TOY


def loops_are_flat(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return "_construct_flat" in text and "for layer in self.layers" not in text


class TestPlaces:
    def test_beside_the_input(self, cli, toy):
        run = cli("apply", toy)
        assert run.code == 0
        assert loops_are_flat(toy.with_name("modeling_toy_rewritten.py"))
        assert "modeling_toy_rewritten.py" in run.out
        assert toy.read_text() == TOY

    def test_a_file(self, cli, toy, workplace):
        assert cli("apply", toy, "-o", "result.py").code == 0
        assert loops_are_flat(workplace / "result.py")
        assert not toy.with_name("modeling_toy_rewritten.py").exists()

    def test_a_folder(self, cli, toy, workplace):
        (workplace / "out").mkdir()
        assert cli("apply", toy, "-o", "out").code == 0
        assert loops_are_flat(workplace / "out" / "modeling_toy.py")

    def test_a_folder_that_is_made(self, cli, toy, workplace):
        assert cli("apply", toy, "--output", "a/b/").code == 0
        assert loops_are_flat(workplace / "a" / "b" / "modeling_toy.py")

    def test_an_installed_module_goes_to_the_working_directory(self, cli, workplace, tmp_path, monkeypatch):
        package = tmp_path / "site-packages" / "toys_of_a_test"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
        (package / "modeling_toy.py").write_text(TOY, encoding="utf-8")
        monkeypatch.syspath_prepend(package.parent)
        before = sorted(package.iterdir())
        assert cli("apply", "toys_of_a_test.modeling_toy").code == 0
        assert loops_are_flat(workplace / "modeling_toy_rewritten.py")
        assert sorted(package.iterdir()) == before
        assert not [name for name in sys.modules if name.startswith("toys_of_a_test")]

    def test_a_package_stands_for_its_modeling_files(self, cli, workplace, tmp_path, monkeypatch):
        package = tmp_path / "site-packages" / "more_toys_of_a_test"
        (package / "deep").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "modeling_a.py").write_text(TOY, encoding="utf-8")
        (package / "deep" / "modeling_b.py").write_text(TOY, encoding="utf-8")
        monkeypatch.syspath_prepend(package.parent)
        assert cli("apply", "more_toys_of_a_test", "-o", "out").code == 0
        written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.py"))
        assert written == ["deep/modeling_b.py", "modeling_a.py"]

    def test_a_module_of_the_working_directory_without_its_ending(self, cli, toy):
        assert cli("apply", "modeling_toy").code == 0
        assert toy.with_name("modeling_toy_rewritten.py").exists()

    def test_a_folder_as_input_is_searched(self, cli, toy, workplace):
        (workplace / "deep").mkdir()
        shutil.copy(toy, workplace / "deep" / "modeling_other.py")
        (workplace / "deep" / "other.py").write_text("nothing", encoding="utf-8")
        assert cli("apply", ".").code == 0
        assert (workplace / "modeling_toy_rewritten.py").exists()
        assert (workplace / "deep" / "modeling_other_rewritten.py").exists()
        assert not (workplace / "deep" / "other_rewritten.py").exists()

    def test_a_folder_twice_takes_no_result_for_an_input(self, cli, toy, workplace):
        for _ in range(2):
            assert cli("apply", ".").code == 0
            assert cli("apply", ".", "-o", "out").code == 0
        names = sorted(path.name for path in workplace.rglob("*.py"))
        assert names == ["modeling_toy.py", "modeling_toy.py", "modeling_toy_rewritten.py"]

    def test_an_input_named_twice_is_rewritten_once(self, cli, toy):
        run = cli("apply", toy, "modeling_toy.py", ".", "--json")
        assert run.code == 0
        assert len(json.loads(run.out)["files"]) == 1

    def test_the_mode_of_a_file_stays(self, cli, toy):
        toy.chmod(0o750)
        assert cli("apply", toy, "--in-place").code == 0
        assert toy.stat().st_mode & 0o777 == 0o750


class TestNothingIsLost:
    """Promise 1: every way to overwrite something by accident is refused before anything is written."""

    @pytest.mark.parametrize("output", ["modeling_toy.py", ".", "./", "../work/modeling_toy.py"])
    def test_the_input_as_output(self, cli, toy, output):
        run = cli("apply", toy, "-o", output)
        assert run.code == 2
        assert "--in-place" in run.err
        assert toy.read_text() == TOY

    def test_the_input_as_output_through_a_link(self, cli, toy, workplace):
        (workplace / "link.py").symlink_to(toy)
        assert cli("apply", toy, "-o", "link.py").code == 2
        assert toy.read_text() == TOY

    def test_another_input_as_output(self, cli, toy, workplace):
        other = workplace / "modeling_toy_rewritten.py"
        other.write_text(TOY, encoding="utf-8")
        run = cli("apply", toy, other)
        assert run.code == 2
        assert "modeling_toy_rewritten.py" in run.err
        assert other.read_text() == TOY

    def test_two_results_in_one_place(self, cli, workplace):
        for folder in ("a", "b"):
            (workplace / folder).mkdir()
            (workplace / folder / "modeling_toy.py").write_text(TOY, encoding="utf-8")
        run = cli("apply", "a", "b", "-o", "out")
        assert run.code == 2
        assert str(Path("a/modeling_toy.py")) in run.err
        assert str(Path("b/modeling_toy.py")) in run.err
        assert not (workplace / "out").exists()

    def test_one_file_for_two_results(self, cli, toy, workplace):
        shutil.copy(toy, workplace / "modeling_other.py")
        run = cli("apply", toy, "modeling_other.py", "-o", "result.py")
        assert run.code == 2
        assert not (workplace / "result.py").exists()

    @pytest.mark.parametrize(
        "options",
        [
            ("--in-place", "-o", "out"),
            ("--in-place", "--bench"),  # the original would be gone
            ("--strict",),
            ("--check", "--verify"),
            ("--check", "--bench"),
            ("--stand-ins",),
            ("--stand-ins", "--verify", "--bench"),
            ("--stand-ins", "--measure"),
        ],
    )
    def test_options_that_contradict_each_other(self, cli, toy, options):
        run = cli("apply", toy, *options)
        assert run.code == 2
        assert all(option in run.err for option in options if option.startswith("--"))
        assert toy.read_text() == TOY


class TestTwice:
    def test_two_runs_give_the_same_bytes(self, cli, toy):
        result = toy.with_name("modeling_toy_rewritten.py")
        assert cli("apply", toy).code == 0
        first = result.read_bytes()
        result.unlink()
        assert cli("apply", toy).code == 0
        assert result.read_bytes() == first

    def test_in_place_twice_is_a_no_op(self, cli, toy):
        cli("apply", toy, "--in-place")
        first = toy.read_bytes()
        run = cli("apply", toy, "--in-place")
        assert run.code == 0
        assert "already rewritten" in run.out
        assert "wrote" not in run.out
        assert toy.read_bytes() == first

    def test_a_result_as_input_is_a_no_op(self, cli, toy, workplace):
        cli("apply", toy)
        run = cli("apply", "modeling_toy_rewritten.py")
        assert run.code == 0
        assert "already rewritten" in run.out
        assert sorted(path.name for path in workplace.glob("*.py")) == ["modeling_toy.py", "modeling_toy_rewritten.py"]

    def test_a_result_as_input_is_copied_where_one_asks_for_it(self, cli, toy, workplace):
        cli("apply", toy)
        assert cli("apply", "modeling_toy_rewritten.py", "-o", "again.py").code == 0
        assert (workplace / "again.py").read_bytes() == (workplace / "modeling_toy_rewritten.py").read_bytes()

    def test_in_place_twice_by_a_pass_that_leaves_no_mark(self, cli, toy):
        assert cli("apply", toy, "--in-place", "--passes", "module-loops").code == 0
        run = cli("apply", toy, "--in-place", "--passes", "module-loops")
        assert run.code == 0
        assert "already rewritten" in run.out

    def test_check_of_a_result(self, cli, toy):
        cli("apply", toy)
        assert cli("apply", "modeling_toy_rewritten.py", "--check").code == 0


class TestCheckAndDiff:
    def test_check_writes_nothing(self, cli, toy, workplace):
        before = sorted(workplace.rglob("*"))
        for options in ((), ("--in-place",), ("-o", "out")):
            run = cli("apply", toy, "--check", *options)
            assert run.code == 1
            assert "would be rewritten" in run.out
        assert sorted(workplace.rglob("*")) == before
        assert toy.read_text() == TOY

    def test_the_diff_is_a_patch(self, cli, toy, workplace):
        run = cli("apply", toy, "--diff", "-o", "result.py")
        assert run.code == 0
        assert "-        for layer in self.layers:  # one after the other\n" in run.out
        patched = workplace / "patched.py"
        done = subprocess.run(
            ["patch", str(toy), "-o", str(patched)], input=run.out, text=True, capture_output=True, timeout=20
        )
        assert done.returncode == 0, done.stdout
        assert patched.read_bytes() == (workplace / "result.py").read_bytes()

    def test_the_diff_is_printed_as_it_is(self, cli, toy):
        """Tabs, form feeds, square brackets and words between colons mean something to a renderer."""
        strange = '        y = "[bold]:key:\t[/bold]\x0c\\\\"\n'
        toy.write_text(TOY.replace("        for layer in", f"{strange}        for layer in"), encoding="utf-8")
        run = cli("apply", toy, "--diff")
        assert run.code == 0
        assert strange in run.out

    def test_the_count_of_lines_is_that_of_the_diff(self, cli, toy):
        run = cli("apply", toy, "--diff")
        lines = run.out.split("\n")
        start = next(index for index, line in enumerate(lines) if line.startswith("@@"))
        added = sum(line.startswith("+") for line in lines[start:])
        removed = sum(line.startswith("-") for line in lines[start:])
        assert f"(+{added} -{removed} lines)" in run.out


class TestJson:
    def test_one_document_alone(self, cli, toy):
        run = cli("apply", toy, "--json", "--diff")
        document = json.loads(run.out)
        assert run.code == 0
        assert document["schema"] == SCHEMA
        assert document["exit_code"] == 0
        (file,) = document["files"]
        assert file["source"] == str(toy)
        assert file["output"] == str(toy.with_name("modeling_toy_rewritten.py"))
        assert file["changed"] is True
        assert file["dialect"] == "mindspore"
        assert {site["pass_name"] for site in file["sites"]} >= {"flatten", "jit"}
        assert {site["outcome"] for site in file["sites"]} <= {"rewritten", "skipped", "rolled back"}
        assert "+    @_compiled" in file["diff"]

    def test_errors_are_in_the_document(self, cli, toy, workplace):
        (workplace / "modeling_bad.py").write_text("def f(:\n", encoding="utf-8")
        run = cli("apply", "modeling_bad.py", toy, "--json")
        document = json.loads(run.out)
        assert run.code == document["exit_code"] == 2
        assert [file["source"] for file in document["files"]] == [str(toy)]
        (error,) = document["errors"]
        assert error["source"] == "modeling_bad.py"
        assert "syntax error" in error["message"]

    def test_so_are_mistakes_of_usage(self, cli, toy):
        run = cli("apply", toy, "--json", "--passes", "nothing-of-the-kind")
        assert run.code == 2
        assert "nothing-of-the-kind" in json.loads(run.out)["errors"][0]["message"]

    def test_what_a_plugin_prints_is_not_in_the_document(self, cli, toy, workplace):
        (workplace / "loud.py").write_text(
            "from rewriter import hookimpl\nprint('loud')\n\n\n@hookimpl\ndef rewriter_passes():\n    print('louder')\n"
            "    return []\n",
            encoding="utf-8",
        )
        run = cli("apply", toy, "--json", "--plugin", "loud.py")
        assert json.loads(run.out)["exit_code"] == 0
        assert "louder" in run.err


class TestChoices:
    def test_passes(self, cli, toy):
        run = cli("apply", toy, "--passes", "module-loops", "-o", "result.py")
        text = Path("result.py").read_text(encoding="utf-8")
        assert run.code == 0
        assert "range(len(self.layers))" in text
        assert "_compiled" not in text

    def test_passes_with_spaces_and_an_extra_comma(self, cli, toy):
        assert cli("apply", toy, "--passes", " module-loops , ").code == 0

    def test_target_and_version_are_named(self, cli, toy):
        run = cli("apply", toy, "--target", "ascend", "--mindspore", "2.7.1", "--json")
        assert json.loads(run.out)["files"][0]["target"] == {"device": "ascend", "mindspore": "2.7.1"}

    @pytest.mark.parametrize(
        ("version", "spelling", "other"),
        [
            ("2.6", 'jit_syntax_level="STRICT"', "fullgraph=True"),
            ("2.7", "fullgraph=True", "JitConfig"),
        ],
    )
    def test_the_spelling_of_strict_is_that_of_the_version(self, cli, toy, version, spelling, other):
        assert cli("apply", toy, "--mindspore", version, "-o", "result.py").code == 0
        text = Path("result.py").read_text(encoding="utf-8")
        assert spelling in text
        assert other not in text

    def test_dynamic(self, cli, toy, workplace):
        def applied(*options):
            assert cli("apply", toy, "-o", "result.py", *options).code == 0
            return "fullgraph=True, dynamic=1" in (workplace / "result.py").read_text(encoding="utf-8")

        assert applied("--dynamic")
        assert not applied()
        (workplace / "pyproject.toml").write_text("[tool.rewriter]\ndynamic = true\n", encoding="utf-8")
        assert applied()
        assert not applied("--no-dynamic")
        run = cli("apply", toy, "--mindspore", "2.6")
        assert run.code == 2
        assert "MindSpore 2.6 has no graphs for tensors of any size" in run.err

    def test_verbose_lists_every_site_with_its_line(self, cli, toy):
        run = cli("apply", toy, "-v")
        line = next(n for n, text in enumerate(TOY.splitlines(), start=1) if "for layer in" in text)
        assert any(text.split()[:3] == [str(line), "rewritten", "module-loops:"] for text in run.out.splitlines())

    def test_a_pass_asked_for_must_find_something(self, cli, toy, workplace):
        run = cli("apply", toy, "--passes", "einsum", "-o", "result.py")
        assert run.code == 1
        assert "nothing matched" in run.out
        assert "einsum" in run.out
        assert not (workplace / "result.py").exists()

    def test_each_of_the_passes_asked_for_must(self, cli, toy, workplace):
        """What the others did is written all the same."""
        run = cli("apply", toy, "--passes", "einsum,module-loops", "-o", "result.py")
        assert run.code == 1
        assert "einsum found no place" in run.out
        assert "range(len(" in (workplace / "result.py").read_text(encoding="utf-8")

    def test_nothing_at_all_to_rewrite(self, cli, workplace):
        (workplace / "modeling_idle.py").write_text(IDLE, encoding="utf-8")
        run = cli("apply", "modeling_idle.py")
        assert run.code == 1
        assert "nothing matched" in run.out
        assert not (workplace / "modeling_idle_rewritten.py").exists()


PLUGIN = '''\
import libcst as cst

from rewriter import Pass, hookimpl


class Hello(Pass):
    """Greets."""

    name = "hello"

    def rewrite(self, context):
        context.rewritten(context.tree.body[0], "the file", "greeted")
        return context.tree.with_changes(footer=[cst.EmptyLine(comment=cst.Comment("# hello"))])


@hookimpl
def rewriter_passes():
    return [Hello()]
'''


class TestPlugins:
    @pytest.fixture
    def plugin(self, workplace) -> Path:
        path = workplace / "my_pass.py"
        path.write_text(PLUGIN, encoding="utf-8")
        return path

    def test_a_file(self, cli, toy, plugin):
        run = cli("apply", toy, "--plugin", plugin, "-o", "result.py")
        assert run.code == 0
        text = Path("result.py").read_text(encoding="utf-8")
        assert text.endswith("# hello\n")
        assert "_construct_flat" in text

    def test_without_the_built_in_ones(self, cli, toy, plugin):
        assert cli("apply", toy, "--plugin", plugin, "--no-plugin", "builtin", "-o", "result.py").code == 0
        assert Path("result.py").read_text(encoding="utf-8") == TOY + "# hello\n"

    def test_without_autoload(self, cli, toy, plugin, monkeypatch):
        monkeypatch.setenv("REWRITER_DISABLE_PLUGIN_AUTOLOAD", "1")
        assert cli("apply", toy, "--plugin", plugin, "-o", "result.py").code == 0
        assert Path("result.py").read_text(encoding="utf-8") == TOY + "# hello\n"

    def test_without_any(self, cli, toy):
        run = cli("apply", toy, "--no-plugin", "builtin")
        assert run.code == 1
        assert "nothing matched" in run.out

    def test_a_misspelt_name_to_leave_out_is_reported(self, cli, toy):
        run = cli("apply", toy, "--no-plugin", "bultin")
        assert run.code == 0
        assert "bultin" in run.err

    def test_hooks_around_passes(self, cli, toy, plugin):
        plugin.write_text(
            PLUGIN
            + "\n\n@hookimpl\ndef rewriter_before_pass(name):\n    print('before', name)\n"
            + "\n\n@hookimpl\ndef rewriter_after_pass(report, filename):\n"
            + "    print('after', report.name, len(report.sites), filename)\n",
            encoding="utf-8",
        )
        run = cli("apply", toy, "--plugin", plugin, "--no-plugin", "builtin")
        assert "before hello\n" in run.out
        assert f"after hello 1 {toy}\n" in run.out

    def test_a_hook_around_passes_that_raises_is_reported_and_the_pass_runs(self, cli, toy, plugin):
        plugin.write_text(
            PLUGIN + "\n\n@hookimpl\ndef rewriter_before_pass(name, filename):\n    raise OSError('no luck')\n",
            encoding="utf-8",
        )
        run = cli("apply", toy, "--plugin", plugin, "-o", "result.py")
        assert run.code == 0
        assert "no luck" in run.err
        assert Path("result.py").read_text(encoding="utf-8").endswith("# hello\n")


class TestSettings:
    def test_of_the_working_directory(self, cli, toy, workplace):
        (workplace / "tools").mkdir()
        (workplace / "tools" / "my_pass.py").write_text(PLUGIN, encoding="utf-8")
        (workplace / "pyproject.toml").write_text(
            '[tool.rewriter]\npasses = ["hello"]\nplugins = ["tools/my_pass.py"]\n'
            'target = "cpu"\nmindspore = "2.8.0"\n',
            encoding="utf-8",
        )
        run = cli("apply", toy, "--json", "-o", "result.py")
        assert run.code == 0
        assert json.loads(run.out)["files"][0]["target"] == {"device": "cpu", "mindspore": "2.8.0"}
        assert (workplace / "result.py").read_text(encoding="utf-8") == TOY + "# hello\n"

    def test_the_command_line_wins(self, cli, toy, workplace):
        (workplace / "pyproject.toml").write_text('[tool.rewriter]\npasses = ["jit"]\ntarget = "cpu"\n')
        run = cli("apply", toy, "--json", "--passes", "module-loops", "--target", "gpu")
        (file,) = json.loads(run.out)["files"]
        assert file["target"]["device"] == "gpu"
        assert {site["pass_name"] for site in file["sites"]} == {"module-loops"}

    def test_passes_of_the_settings_need_not_all_match(self, cli, toy, workplace):
        """They are defaults for every file; only what a command names is asked for."""
        (workplace / "pyproject.toml").write_text('[tool.rewriter]\npasses = ["einsum", "module-loops"]\n')
        assert cli("apply", toy).code == 0

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('[tool.rewriter]\npases = ["mint"]', "pases"),
            ('[tool.rewriter]\npasses = "mint"', "passes"),
            ("[tool.rewriter]\nmindspore = 2.7", "mindspore"),
            ('[tool.rewriter]\ntarget = "tpu"', "target"),
            ("[tool]\nrewriter = 3", "[tool.rewriter]"),
            ("[tool.rewriter", "pyproject.toml"),
            ('[tool.rewriter]\npasses = ["nothing-of-the-kind"]', "nothing-of-the-kind"),
        ],
    )
    def test_mistakes(self, cli, toy, workplace, text, words):
        (workplace / "pyproject.toml").write_text(text, encoding="utf-8")
        run = cli("apply", toy)
        assert run.code == 2
        assert words in run.err
        assert "\n" in run.err.strip() or "pyproject.toml" in run.err


class TestNeverExecuted:
    def test_the_input_is_not_executed(self, cli, toy, workplace):
        for options in ((), ("--check",), ("--in-place",), ("--diff", "-v", "--json")):
            cli("apply", toy, *options)
        cli("undo", toy)
        assert not (workplace / "executed").exists()

    def test_the_toy_would_leave_a_trace(self, toy, workplace, process):
        process(toy, prelude="import sys, types; sys.modules['mindspore'] = types.SimpleNamespace(nn=None)")
        assert (workplace / "executed").exists()

    def test_mindspore_is_not_imported(self, toy, process, without):
        """It looks as if it were not installed; nor are the libraries that come with it."""
        run = process(
            "-m", "rewriter", "apply", toy, "--diff", prelude=without("mindspore", "mindnlp", "numpy", "transformers")
        )
        assert run.code == 0, run.err
        assert "+    @_compiled" in run.out


class TestOutput:
    def test_no_colours_without_a_terminal(self, cli, toy):
        run = cli("apply", toy, "--diff", "-v")
        assert "\x1b" not in run.out + run.err

    def test_colours_where_they_are_forced(self, cli, toy, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b[32m+" in cli("apply", toy, "--diff").out

    def test_no_color_wins(self, cli, toy, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        run = cli("apply", toy, "--diff")
        assert "\x1b[3" not in run.out  # bold is no colour

    def test_an_output_that_knows_only_ascii(self, toy, process):
        toy.write_text(TOY.replace("one after the other", "eins nach dem anderen: ü → ∑"), encoding="utf-8")
        run = process("-m", "rewriter", "apply", toy, "--diff", "-v", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert run.code == 0, run.err
        assert "\\u2192" in run.out

    # Less and more than a buffer.
    @pytest.mark.parametrize(
        "options", slow_but([("--json",), ("--json", "--diff"), ("--diff",)], ("--json",), ("--diff",))
    )
    def test_a_reader_who_goes_away(self, toy, workplace, options):
        command = [sys.executable, "-m", "rewriter", "apply", str(toy), *options]
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            done = subprocess.run(
                command,
                stdout=pipe,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "PYTHONUNBUFFERED": "",
                },
            )
        assert done.returncode == 1
        assert done.stderr == ""
        assert (workplace / "modeling_toy_rewritten.py").exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="needs file names that are not text")
    def test_a_name_that_is_no_text(self, cli, toy, workplace):
        strange = workplace / os.fsdecode(b"modeling_\xff.py")
        toy.rename(strange)
        assert cli("apply", strange, "--json").code == 0
        assert cli("apply", strange).code == 0


def test_a_real_file_there_and_back(cli, workplace):
    """Our own BERT, in its package."""
    shutil.copytree(ROOT / "models", "models", ignore=shutil.ignore_patterns("*_rewritten.py"))
    bert = workplace / "models" / "bert" / "modeling_bert.py"
    before = bert.read_bytes()
    assert cli("apply", bert, "--in-place").code == 0
    after = bert.read_bytes()
    assert after != before
    compile(after, str(bert), "exec")
    assert cli("undo", bert).code == 0
    assert bert.read_bytes() == before
