"""The pytest plugin, run by pytest itself on small projects: the bundled BERT, its twins, and passes with examples."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import mindspore  # noqa: F401  the runs below share it; it cannot be imported twice
import pytest
from packaging.version import Version

import rewriter.testing
from rewriter import cli, pipeline, plugins, source
from rewriter.equivalence import list_cases, session, text_like  # noqa: F401  likewise
from rewriter.errors import RewriterError
from rewriter.targets import Device, Target

pytestmark = pytest.mark.slow  # many small models, most of them compiled

pytest_plugins = "pytester"

ROOT = Path(__file__).resolve().parents[1]
BERT = ROOT / "models" / "bert" / "modeling_bert.py"
EXAMPLE = ROOT / "examples" / "test_my_model.py"
CASE = "BertModel/mask=none/batch=3/seq=5"
LEFT = "BertModel/mask=left-padded/batch=3/seq=5"
MASKED = "BertForMaskedLM/mask=left-padded/batch=3/seq=5/labels"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"
FLAT = '"""The part of `construct` that only computes on tensors."""\n'


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """These tests may run on a worker of pytest-xdist; the runs that they start do not."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


@cache
def rewritten(*without):
    """The text of the BERT that the built-in passes make, all but those named."""
    passes = [item for owner, item in plugins.load().passes() if owner == "builtin" and item.name not in without]
    return pipeline.run(source.read(BERT), passes, Target(Device.CPU, Version("2.10.0"))).text


@pytest.fixture
def twin():
    """The text of the rewritten BERT, with pieces of it replaced.

    Without the pass "jit" nothing compiles; without the other two, formulas are as in the original, to be replaced.
    """

    def make(*edits, without=("jit", "scale", "query-scale")):
        text = rewritten(*without)
        for old, new in edits:
            assert old in text, f"the twin no longer has {old!r}: choose another place to break"
            text = text.replace(old, new)
        return text

    return make


@pytest.fixture
def project(pytester):
    """A folder with a twin `modeling_twin.py` and a test file beside it, below the folder that pytest runs in."""

    def make(twin_text, test):
        folder = pytester.mkdir("tests")
        (folder / "modeling_twin.py").write_text(twin_text, encoding="utf-8")
        head = "from rewriter.testing import equivalence_test, pass_examples\n"
        (folder / "test_it.py").write_text(head + test, encoding="utf-8")
        return pytester

    return make


def one_line(*cases, **options):
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return f"test_bert = equivalence_test({str(BERT)!r}, 'modeling_twin.py', cases={list(cases)!r}{given})\n"


def by_fixture(*cases, **options):
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    call = f"assert_equivalent({str(BERT)!r}, 'modeling_twin.py', cases={list(cases)!r}{given})"
    return f"def test_bert(assert_equivalent):\n    verdict = {call}\n    assert verdict.ok\n"


def text_of(run):
    return "\n".join(run.outlines)


def test_a_good_twin_passes(project, twin):
    run = project(twin(), one_line(CASE, MASKED) + by_fixture(CASE).replace("test_bert", "test_fixture")).runpytest(
        "-rs"
    )
    run.assert_outcomes(passed=4, skipped=1)
    assert "the rewritten file compiles nothing" in text_of(run)


@pytest.mark.parametrize("test", [one_line, by_fixture], ids=["one line", "fixture"])
def test_a_wrong_twin_fails_with_the_output_the_error_and_the_command(project, twin, test):
    text = twin((SCALE, f"{SCALE} * 1.0001"))
    run = project(text, test(CASE, seed=3)).runpytest("-k", "not surface and not compiled")
    run.assert_outcomes(failed=1)
    printed = text_of(run)
    row = next(line for line in run.outlines if line.split()[:1] == ["BertModel"])
    assert row.split()[1:4] == ["last_hidden_state", "eager", "different"]
    assert 1e-6 < float(row.split()[4]) < 1e-2
    assert "Traceback" not in printed and "rewriter/testing.py" not in printed
    command = next(line.strip() for line in run.outlines if line.strip().startswith("rewriter verify"))
    assert shlex.split(command)[-4:] == ["--case", CASE, "--seed", "3"]


@pytest.mark.slow
def test_the_command_of_a_report_shows_the_same(project, twin, monkeypatch, capsys):
    run = project(twin((SCALE, f"{SCALE} * 1.0001")), one_line(CASE)).runpytest("-k", "mask")
    command = next(line.strip() for line in run.outlines if line.strip().startswith("rewriter verify"))
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert f"worst case: {CASE}" in capsys.readouterr().out


def collected(run):
    return [line.partition("::")[2] for line in run.outlines if "::" in line]


def test_ids_are_those_of_the_cases_and_the_same_every_time(project, twin):
    project = project(twin(), f"test_bert = equivalence_test({str(BERT)!r}, 'modeling_twin.py')\n")
    one, other = (collected(project.runpytest("--collect-only", "-q")) for _ in range(2))
    known = [case.id for case in list_cases(BERT)]
    assert one == other == [f"test_bert[{name}]" for name in ("surface", *known, "compiled")]
    assert len(known) > 50


def test_one_case_can_be_chosen_by_its_id(project, twin):
    run = project(twin(), one_line(CASE, LEFT)).runpytest(f"tests/test_it.py::test_bert[{LEFT}]")
    run.assert_outcomes(passed=1)


def test_a_changed_name_fails_the_test_of_the_surface_alone(project, twin):
    text = twin(("past_key_values_length: int = 0,\n", "*, past_key_values_length: int = 0,\n"))
    run = project(text, one_line(CASE)).runpytest()
    run.assert_outcomes(failed=1, passed=1, skipped=1)
    assert "test_bert[surface]" in text_of(run)
    assert "BertEmbeddings.construct(" in text_of(run)


def test_a_renamed_weight_fails_surface_and_leaves_the_cases_unverified(project, twin):
    run = project(twin(("self.LayerNorm", "self.norm")), one_line(CASE)).runpytest()
    run.assert_outcomes(failed=2, skipped=1)
    assert "state-dict key embeddings.LayerNorm.weight is gone" in text_of(run)
    assert "unverified: the weights of the original do not fit" in text_of(run)


UNCOMPILED = (FLAT, FLAT + "        try:\n            pass\n        except KeyError:\n            pass\n")


def test_what_runs_uncompiled_fails_a_test_of_its_own(project, twin):
    run = project(twin(UNCOMPILED, without=()), one_line(LEFT)).runpytest()
    run.assert_outcomes(failed=1, passed=2)
    assert "test_bert[compiled]" in text_of(run)
    assert "BertEncoder._construct_flat ran uncompiled in 1 of 1 calls: Unsupported statement 'Try'" in text_of(run)


@pytest.mark.slow
def test_compiled_runs_what_it_needs_when_it_runs_alone(project, twin):
    run = project(twin(UNCOMPILED, without=()), one_line(LEFT)).runpytest("-k", "compiled")
    run.assert_outcomes(failed=1, deselected=2)


def test_a_worker_cannot_leave_it_to_the_others(project, twin, monkeypatch):
    """Under pytest-xdist `compiled` may run elsewhere, so there the case fails itself."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    run = project(twin(UNCOMPILED, without=()), one_line(LEFT)).runpytest("-k", "mask")
    run.assert_outcomes(failed=1, deselected=2)
    assert "ran uncompiled" in text_of(run)


SILENT = """
from rewriter.equivalence.text_like import TextLike

class Shy(TextLike):
    def cases(self, model_class, level, seed):
        return list(super().cases(model_class, level, seed))[:1] if model_class.__name__ == "BertModel" else []

SHY = [Shy()]
"""


def test_what_could_not_be_compared_fails_unless_that_is_allowed(project, twin):
    """A model class that no case of the adapter checks: nothing is different, and not all is proven."""
    test = SILENT
    for name, allow in (("strict", False), ("lenient", True)):
        call = f"{str(BERT)!r}, 'modeling_twin.py', adapters=SHY, allow_unverified={allow}"
        test += f"test_{name} = equivalence_test({call})\n"
        test += f"def test_{name}_fixture(assert_equivalent):\n    assert_equivalent({call})\n"
    project = project(twin(), test)
    run = project.runpytest("-rs", "-k", "not surface and not compiled")
    run.assert_outcomes(failed=2, passed=3, skipped=1, deselected=4)
    printed = text_of(run)
    for title in ("test_strict[every-class-has-cases]", "test_strict_fixture"):
        assert re.search(rf"^_+ {re.escape(title)} _+$", printed, re.MULTILINE)
    reason = "BertForPreTraining: the adapter 'text' has no cases for it"
    assert any(line.startswith("SKIPPED") and reason in line for line in run.outlines)
    assert printed.count(reason) == 3


def test_a_class_that_is_gone_is_unverified_case_by_case(project, twin):
    text = twin(("class BertForMaskedLM(", "class BertForMasked("))
    tests = one_line(MASKED) + one_line(MASKED, allow_unverified=True).replace("test_bert", "test_lenient")
    run = project(text, tests).runpytest("-k", "mask", "-rs")
    run.assert_outcomes(failed=1, skipped=1, deselected=4)
    assert text_of(run).count("the rewritten file has no BertForMaskedLM") >= 2


BAD_LINES = {
    "no such file": ("equivalence_test('nowhere.py', 'modeling_twin.py')", "nowhere.py: no such file"),
    "no such case": (f"equivalence_test({str(BERT)!r}, 'modeling_twin.py', cases=['Nope'])", "no case Nope"),
    "no adapter": ("equivalence_test('modeling_twin.py', 'modeling_twin.py')", "no model adapter knows"),
    "no such plugin": ("pass_examples('nowhere.py')", "nowhere.py: no such file"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_mistake_is_one_sentence_at_collection(project, name):
    line, message = BAD_LINES[name]
    run = project("import mindspore\n", f"test_it = {line}\n").runpytest()
    run.assert_outcomes(errors=1)
    assert message in text_of(run)
    assert "Traceback" not in text_of(run) and "testing.py" not in text_of(run)


def test_a_twin_that_is_not_there_fails_each_test_in_one_sentence(project):
    test = f"test_it = equivalence_test({str(BERT)!r}, 'nowhere.py', cases=[{CASE!r}])\n" + by_fixture(CASE).replace(
        "modeling_twin", "nowhere"
    )
    run = project("", test).runpytest()
    run.assert_outcomes(failed=4)
    assert "nowhere.py: no such file" in text_of(run)
    assert "Traceback" not in text_of(run)


def test_one_of_file_and_fixture_is_needed():
    for wrong in ({}, {"rewritten": "b.py", "fixture": "b"}):
        with pytest.raises(RewriterError, match="either"):
            rewriter.testing.equivalence_test("a.py", **wrong)


def in_a_process(pytester, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pytester.path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(pytester.path), str(ROOT)]), **environment},
    )


BLOCKED = """
from importlib.machinery import PathFinder

real = PathFinder.find_spec.__func__
PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name.partition(".")[0] == "mindspore" else real(cls, name, *rest)
)
"""


def test_without_mindspore_it_says_what_to_install(project):
    project = project("", f"test_it = equivalence_test({str(BERT)!r}, 'modeling_twin.py')\n" + by_fixture(CASE))
    project.makepyfile(sitecustomize=BLOCKED)
    done = in_a_process(project)
    assert "mindspore is not installed" in done.stdout
    assert "pip install mindspore" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_plugin_costs_nothing_at_start(pytester):
    pytester.makepyfile(
        conftest="import atexit, sys\natexit.register(lambda: print('loaded', sorted(sys.modules)))\n",
        test_a="def test_a(): pass\n",
    )
    done = in_a_process(pytester, "-p", "no:hypothesispytest")
    assert "1 passed" in done.stdout
    modules = ast.literal_eval(done.stdout.rpartition("loaded ")[2])
    assert "rewriter.pytest_plugin" in modules
    heavy = {"libcst", "rich", "mindspore", "numpy", "typer", "rewriter.testing"}
    assert heavy.isdisjoint(modules)


PASS = '''
from rewriter import Example, Pass, hookimpl
from rewriter.tree import find, replace
import libcst as cst


class Rename(Pass):
    """Renames the function old."""

    name = "rename"
    examples = (
        Example("a call", "import mindspore\\n\\n\\nclass A:\\n    def construct(self, x):\\n        return old(x)\\n",
                after="import mindspore\\n\\n\\nclass A:\\n    def construct(self, x):\\n        return new(x)\\n"),
        Example("no call", "import mindspore\\n\\n\\nclass A:\\n    def construct(self, x):\\n        return old\\n",
                reason="not called"),
    )

    def rewrite(self, context):
        changes = {}
        called = [call.func for call in find(context.tree, cst.Call)]
        for name in find(context.tree, cst.Name):
            if name.value == "old" and name in called:
                changes[name] = cst.Name("new")
                context.rewritten(name, "old", "renamed")
            elif name.value == "old":
                context.skipped(name, "old", "it is not called")
        return replace(context.tree, changes)


@hookimpl
def rewriter_passes():
    return [Rename()]
'''

BROKEN_PASSES = {
    "another result": ('cst.Name("new")', 'cst.Name("newer")', "rename: a call", "return newer(x)"),
    "no site": ('context.rewritten(name, "old", "renamed")', "pass", "rename: a call", "no site is reported"),
    "a twin rewritten": ("and name in called", "", "rename: no call", "must stay as it is"),
    "another reason": ("it is not called", "who knows", "rename: no call", "gives the reason 'not called'"),
    "it raises": ("changes = {}", "changes = 1 / 0", "rename: a call", "ZeroDivisionError"),
    "never done": (
        'return new(x)\\n"',
        'return new(x)\\n# seen\\n"',
        "rename: a call",
        "a second run changes the result again",
    ),
    "no examples": ("examples = (", "samples = (", "rename: has examples", "has no examples"),
}


def test_each_example_of_each_pass_is_a_test(project):
    project = project("", "test_examples = pass_examples('my_pass.py')\n")
    Path(project.path, "tests", "my_pass.py").write_text(PASS, encoding="utf-8")
    run = project.runpytest("--collect-only", "-q")
    assert collected(run) == ["test_examples[rename: a call]", "test_examples[rename: no call]"]
    project.runpytest().assert_outcomes(passed=2)


@pytest.mark.parametrize("name", BROKEN_PASSES)
def test_a_broken_pass_fails_its_example(project, name):
    old, new, title, message = BROKEN_PASSES[name]
    assert old in PASS
    text = PASS.replace(old, new)
    if name == "never done":
        text = text.replace(
            "return replace(context.tree, changes)",
            "tree = replace(context.tree, changes)\n"
            "        return tree.with_changes(footer=[*tree.footer, cst.EmptyLine(comment=cst.Comment('# seen'))])",
        )
    project = project("", "test_examples = pass_examples('my_pass.py')\n")
    Path(project.path, "tests", "my_pass.py").write_text(text, encoding="utf-8")
    run = project.runpytest()
    assert f"test_examples[{title}]" in text_of(run)
    assert message in text_of(run)
    assert run.parseoutcomes()["failed"] >= 1
    assert "testing.py" not in text_of(run)


def test_the_examples_of_an_installed_plugin(project):
    run = project("", "test_examples = pass_examples('builtin')\n").runpytest("-k", "no-del or jit")
    assert run.parseoutcomes()["passed"] >= 2


@pytest.mark.slow
def test_two_workers_collect_the_same(project):
    project = project("", "test_examples = pass_examples('my_pass.py')\n")
    Path(project.path, "tests", "my_pass.py").write_text(PASS, encoding="utf-8")
    done = in_a_process(project, "-n", "2")
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_two_workers_share_the_matrix(project, twin):
    done = in_a_process(project(twin(), one_line(CASE, LEFT, MASKED)), "-n", "2")
    assert "4 passed, 1 skipped" in done.stdout, done.stdout


def test_the_example_is_short_and_collects(pytester):
    code = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(code) < 15
    names = collected(pytester.runpytest("--collect-only", "-q", "-p", "no:cacheprovider", str(EXAMPLE)))
    assert names[0] == "test_bert[surface]"
    assert f"test_bert[{LEFT}]" in names


@pytest.mark.slow
def test_the_example_passes(pytester):
    done = in_a_process(pytester, str(EXAMPLE), "-n", "0")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
