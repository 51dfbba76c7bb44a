"""Passes over one file: each is a transaction, and nothing of the file is executed."""

import random
import sys

import libcst as cst
import pytest
from sampling import slow_but

from rewriter import Kind, Outcome, Pass, RewriterError, Safety, pipeline, source
from rewriter.changes import changes, keep
from rewriter.dialects import MINDNLP_CORE, MINDSPORE, Dialect
from rewriter.errors import PassOrderError
from rewriter.passes import Evidence
from rewriter.pipeline import RolledBack
from rewriter.targets import Device, Target
from rewriter.tree import find, replace

FILE = """from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        return x + 1
"""


def make(name, rewrite, **attributes):
    return type(name, (Pass,), {"name": name, "rewrite": lambda self, context: rewrite(context), **attributes})()


def adding(name, text, **attributes):
    """A pass that appends a statement."""

    def rewrite(context):
        context.rewritten(context.tree.body[-1], name, "added a statement")
        return context.tree.with_changes(body=[*context.tree.body, cst.parse_statement(text)])

    return make(name, rewrite, **attributes)


def run(*passes, text=FILE, **options):
    return pipeline.run(source.parse(text.encode(), name="toy.py"), passes, Target(), **options)


class TestTransactions:
    def test_passes_see_each_others_work_in_order(self):
        result = run(adding("b", "y = x\n"), adding("a", "x = 1\n"))
        assert result.text == FILE + "x = 1\ny = x\n"
        assert [report.name for report in result.reports] == ["a", "b"]

    def test_a_pass_that_raises_is_dropped_alone(self):
        def broken(context):
            context.use("mindspore.mint.cat")
            context.rewritten(context.tree, "file", "never true")
            raise ValueError("no luck")

        result = run(adding("a", "x = 1\n"), make("b", broken), adding("c", "z = 1\n"))
        assert result.text == FILE + "x = 1\nz = 1\n"
        assert [(failure.pass_name, failure.error) for failure in result.failures] == [("b", "ValueError: no luck")]
        assert not [site for site in result.sites if site.pass_name == "b"]

    @pytest.mark.parametrize("answer", [None, 3, "text"])
    def test_a_pass_that_returns_no_tree_is_dropped_alone(self, answer):
        result = run(make("a", lambda context: answer), adding("b", "x = 1\n"))
        assert result.text == FILE + "x = 1\n"
        assert [failure.pass_name for failure in result.failures] == ["a"]
        assert "tree" in result.failures[0].error or "Module" in result.failures[0].error

    def test_a_pass_that_writes_nonsense_is_dropped_alone(self):
        def nonsense(context):
            name = next(node for node in find(context.tree, cst.Name) if node.value == "x")
            context.use("mindspore.mint.cat")
            return replace(context.tree, {name: cst.Name("not a name")})

        result = run(adding("a", "x = 1\n"), make("b", nonsense), adding("c", "z = 1\n"))
        assert result.text == FILE + "x = 1\nz = 1\n"
        assert [failure.pass_name for failure in result.failures] == ["b"]
        assert "mint" not in result.text

    def test_a_pass_that_does_nothing_leaves_the_bytes_alone(self):
        result = run(make("a", lambda context: context.tree))
        assert result.data is result.source.data
        assert not result.changed

    def test_an_equal_copy_of_the_tree_changes_no_byte(self):
        result = run(make("a", lambda context: context.tree.deep_clone()))
        assert not result.changed

    def test_a_pass_that_recurses_without_end_is_dropped_alone(self):
        def endless(context):
            return endless(context)

        result = run(make("a", endless), adding("b", "x = 1\n"))
        assert result.text == FILE + "x = 1\n"
        assert "RecursionError" in result.failures[0].error

    def test_the_original_tree_is_never_changed(self, rewrite):
        text = FILE + "\n\n# end\n"
        file = source.parse(text.encode())
        pipeline.run(file, [adding("a", "x = 1\n")], Target())
        assert file.tree.code == text


class TestGate:
    """What a gate says is done; it needs no model for that."""

    TEXT = FILE.replace("return x + 1", "y = x + 1\n        z = y + 2\n        return z")

    def pass_of(self, name="sums"):
        """Make `mint.add` of sums."""

        def rewrite(context):
            found = {}
            for node in find(context.tree, cst.BinaryOperation):
                function = context.use("mindspore.mint") + ".add" if node.right.value == "1" else "add_two"
                found[node] = cst.Call(cst.parse_expression(function), [cst.Arg(node.left), cst.Arg(node.right)])
                context.rewritten(node, "a sum", "a call")
            return replace(context.tree, found)

        return make(name, rewrite)

    def run(self, choose, *passes):
        """Roll back the changes that `choose` chooses."""
        steps = []

        def gate(step):
            steps.append(step)
            found = changes(step.before, step.after)
            gone = tuple(change for change in found if choose(change))
            kept = [change for change in found if change not in gone]
            if not gone:
                return step.after, ()
            return keep(step.before, step.after, kept), (RolledBack(gone, Evidence("A [0]", "off", "A/x", 0.5, 0.25)),)

        return run(*(passes or [self.pass_of()]), text=self.TEXT, gate=gate), steps

    def test_nothing_rolled_back(self):
        result, steps = self.run(lambda change: False)
        assert result.text == run(self.pass_of(), text=self.TEXT).text
        assert [step.item.name for step in steps] == ["sums"]
        assert steps[0].render(steps[0].after) == result.data
        assert steps[0].render(steps[0].before) == self.TEXT.encode()

    def test_the_sites_of_a_change_are_rolled_back_with_it(self):
        result, _ = self.run(lambda change: "add_two" in change.new)
        assert [(site.line, site.outcome.value) for site in result.sites] == [(6, "rewritten"), (7, "rolled back")]
        assert result.sites[1].evidence.maximum_absolute == 0.5
        assert "z = y + 2" in result.text
        assert "mint.add(x, 1)" in result.text

    def test_an_import_without_a_use_goes_too(self):
        result, _ = self.run(lambda change: "mint" in change.new)
        assert "mint" not in result.text
        assert "add_two(y, 2)" in result.text

    def test_a_later_pass_sees_what_is_left_and_may_import_it_again(self):
        result, steps = self.run(lambda change: "add_two" in change.new, self.pass_of("a"), self.pass_of("b"))
        assert [site.outcome.value for site in result.sites] == ["rewritten", "rolled back", "rolled back"]
        assert "mint.add(x, 1)" in result.text
        assert "from mindspore import mint" in result.text
        assert len(steps) == 2

    def test_everything_rolled_back_leaves_the_bytes(self):
        result, _ = self.run(lambda change: True)
        assert not result.changed
        assert {site.outcome for site in result.sites} == {Outcome.ROLLED_BACK}

    def test_a_change_without_a_site_gets_one(self):
        result, _ = self.run(lambda change: True, adding("a", "x = 1\n", kind=Kind.SOURCE))
        rolled_back = [site for site in result.sites if site.outcome is Outcome.ROLLED_BACK]
        assert [(site.pass_name, site.reason) for site in rolled_back] == [("a", "a change without a site of its own")]

    def test_finish_runs_the_graph_passes_that_are_to_come(self):
        graph, other = adding("g", "g = 1\n", kind=Kind.GRAPH), adding("h", "h = 1\n")
        _, steps = self.run(lambda change: False, adding("a", "x = 1\n"), graph, other)
        assert [step.finish(step.after).decode().removeprefix(self.TEXT) for step in steps] == [
            "x = 1\ng = 1\n",
            "x = 1\ng = 1\n",
            "x = 1\ng = 1\nh = 1\n",
        ]


class TestReports:
    def test_sites_and_counts(self):
        def look(context):
            for call in find(context.tree, cst.BinaryOperation):
                context.skipped(call, "x + 1", "because")
                context.rewritten(call, "x + 1", "well")
            return context.tree

        result = run(make("a", look))
        assert [(site.pass_name, site.line, site.what, site.outcome, site.reason) for site in result.sites] == [
            ("a", 6, "x + 1", Outcome.SKIPPED, "because"),
            ("a", 6, "x + 1", Outcome.REWRITTEN, "well"),
        ]
        assert result.count(Outcome.SKIPPED) == result.count(Outcome.REWRITTEN) == 1
        assert result.count(Outcome.ROLLED_BACK) == 0

    def test_the_line_of_a_made_node_is_that_of_its_first_old_part(self):
        def wrap(context):
            old = next(find(context.tree, cst.BinaryOperation))
            new = cst.Call(cst.Name("f"), [cst.Arg(old)])
            context.rewritten(new, "new", "made")
            context.rewritten(cst.Name("nowhere"), "new", "made of nothing")
            return replace(context.tree, {old: new})

        assert sorted(site.line for site in run(make("a", wrap)).sites) == [0, 6]

    def test_progress_and_done_are_called_in_order(self):
        seen = []
        run(
            adding("a", "x = 1\n"),
            adding("b", "y = 1\n"),
            progress=lambda name: seen.append(name),
            done=lambda report: seen.append((report.name, len(report.sites))),
        )
        assert [item for item in seen if isinstance(item, str)] == ["a", "b"]
        assert [item for item in seen if not isinstance(item, str)] == [("a", 1), ("b", 1)]

    def test_the_diff_names_both_files(self):
        result = run(adding("a", "x = 1\n"))
        assert result.diff(to_name="new.py").startswith("--- toy.py\n+++ new.py\n")
        assert "+x = 1\n" in result.diff()


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "empty"),
            (" \n\n", "empty"),
            ("x = 1\n", "not a MindSpore modeling file"),
            ("import numpy\n\n\nclass A:\n    def construct(self): pass\n", "not a MindSpore modeling file"),
            ("import mindspore_lite\n\n\nclass A:\n    def construct(self): pass\n", "not a MindSpore modeling file"),
            ("from mindspore import nn\n", "no class with a `construct` method"),
            ("from mindspore import nn\n\n\nclass A(nn.Cell):\n    def forward(self): pass\n", "`construct`"),
            ("from mindnlp.core import nn\n\n\nclass A(nn.Module):\n    def construct(self): pass\n", "`forward`"),
            ("from torch import nn\n\n\nclass A(nn.Module):\n    def forward(self): pass\n", "'torch' modeling file"),
        ],
    )
    def test_what_is_no_modeling_file(self, text, words):
        with pytest.raises(RewriterError) as error:
            run(adding("a", "x = 1\n"), text=text)
        assert words in str(error.value)
        assert "toy.py" in str(error.value)
        assert error.value.exit_code == 1

    def test_passes_that_cannot_be_ordered(self):
        with pytest.raises(PassOrderError):
            run(adding("a", "x = 1\n", after=("a",)))

    @pytest.mark.parametrize("terms", slow_but([300, 2000], 300))
    def test_a_deeply_nested_file_is_refused_or_rewritten_but_does_not_crash(self, terms):
        text = FILE + "y = " + "(" * 90 + "1" + ")" * 90 + "\nz = " + " + ".join(["x"] * terms) + "\n"
        try:
            result = run(adding("a", "x = 1\n"), text=text)
        except RewriterError:
            return
        assert result.text == text + "x = 1\n"


class TestDialects:
    @pytest.mark.parametrize(
        ("text", "dialect"),
        [
            (FILE, MINDSPORE),
            (
                "import mindspore as ms\nfrom mindnlp.core import nn\n\n\nclass A(nn.Module):\n"
                "    def forward(self): pass\n",
                MINDNLP_CORE,
            ),
            ("import mindspore.nn as nn\n\n\nclass A(nn.Cell):\n    def construct(self): pass\n", MINDSPORE),
            ("if c:\n    from mindspore import nn\n\n\nclass A(nn.Cell):\n    def construct(self): pass\n", MINDSPORE),
        ],
    )
    def test_it_is_read_from_the_imports(self, text, dialect):
        assert run(adding("a", "x = 1\n"), text=text).dialect == dialect

    def test_a_relative_import_counts_when_the_package_is_known(self):
        text = "from ...core import nn\n\n\nclass A(nn.Module):\n    def forward(self): pass\n"
        file = source.parse(text.encode(), package="mindnlp.transformers.models")
        assert pipeline.run(file, [], Target()).dialect == MINDNLP_CORE

    def test_a_plugin_s_dialect(self):
        own = Dialect("own", ("mynn",), "run", ("mynn.Thing",), ("mynn.Things",))
        text = "import mynn\n\n\nclass A(mynn.Thing):\n    def run(self): pass\n"
        assert run(adding("a", "x = 1\n"), text=text, dialects=(own,)).dialect == own


def test_the_same_input_gives_the_same_bytes_whatever_the_order_of_passes(rewrite, builtin_passes):
    text = FILE.replace("return x + 1", "for layer in self.layers:\n            x = layer(x)\n        return x")
    results = set()
    for seed in range(5):
        passes = list(builtin_passes)
        random.Random(seed).shuffle(passes)
        results.add(pipeline.run(source.parse(text.encode()), passes, Target()).data)
    assert len(results) == 1


def test_nothing_of_the_file_is_executed(rewrite):
    text = "import sys\nsys.modules['rewriter_was_here'] = 1\nraise SystemExit\n" + FILE
    result = rewrite(text.replace("return x + 1", "for y in self.a:\n            x = y(x)\n        return x"))
    assert result.changed
    assert "rewriter_was_here" not in sys.modules


def test_default_passes_leave_the_approximate_ones_out():
    passes = [adding("a", "x = 1\n", safety=Safety.APPROXIMATE), adding("b", "x = 1\n", kind=Kind.GRAPH)]
    assert [item.name for item in pipeline.default_passes(passes)] == ["b"]


def test_default_passes_leave_out_those_that_run_on_request():
    passes = [adding("a", "x = 1\n", on_request=True), adding("b", "x = 1\n")]
    assert [item.name for item in pipeline.default_passes(passes)] == ["b"]


def test_targets():
    assert Target.parse("ascend", "2.7").device is Device.ASCEND
    assert str(Target.parse("cpu", "2.9.0").mindspore) == "2.9.0"
    with pytest.raises(RewriterError, match="not a version"):
        Target.parse("cpu", "newest")
    with pytest.raises(RewriterError, match="'toaster': no such target") as caught:
        Target.parse("toaster", None)
    assert caught.value.hint == "Known targets: portable, cpu, gpu, ascend."
    with pytest.raises(RewriterError, match="'layer': no such scope"):
        Target.parse("cpu", None, "layer")
    assert Target.parse("cpu", "2.7", dynamic=True).dynamic
    assert not Target.parse("cpu", "2.6").dynamic
    with pytest.raises(RewriterError, match="has no graphs for tensors of any size"):
        Target.parse("cpu", "2.6.1", dynamic=True)


def test_the_text_side_does_not_import_mindspore(tmp_path):
    import subprocess

    file = tmp_path / "modeling_toy.py"
    file.write_text(FILE.replace("return x + 1", "for y in self.a:\n            x = y(x)\n        return x"))
    code = (
        "import sys, rewriter\n"
        f"result = rewriter.rewrite({str(file)!r})\n"
        "assert result.changed\n"
        "print(sorted(n for n in ('mindspore', 'mindnlp', 'torch', 'numpy') if n in sys.modules))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
