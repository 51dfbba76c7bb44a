"""`rewriter test`: each way in which an example may fail does fail, with what is wrong; the same under pytest."""

from __future__ import annotations

import json

import pytest

GOOD = '''\
from rewriter import PatternPass, hookimpl, snippet


class Mine(PatternPass):
    """Write `ops.square(x)` as `x * x`."""

    name = "mine"
    pattern = "mindspore.ops.square(x)"
    replacement = "x * x"
    examples = (snippet("ops.square(y)", "y * y"), snippet("ops.square(f(y))", reason="evaluated twice"))


@hookimpl
def rewriter_passes():
    return [Mine()]
'''
GRAPH = '''\
import libcst as cst
from rewriter import Example, Kind, Pass, hookimpl
from rewriter.tree import find, replace

BEFORE = """\\
from mindspore import nn


class Model(nn.Cell):
    def __init__(self{argument}):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8) for _ in range(2)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x) + 0.0
        return x
"""


class Mine(Pass):
    """Add another number."""

    name = "mine"
    kind = Kind.GRAPH
    before = ("flatten", "jit")
    examples = (Example("a sum", BEFORE, BEFORE.replace("0.0", "{new}")),)

    def rewrite(self, context):
        changes = {{node: cst.Float("{new}") for node in find(context.tree, cst.Float) if node.value == "0.0"}}
        for node in changes:
            context.rewritten(node, "0.0", "{new}")
        return replace(context.tree, changes)


@hookimpl
def rewriter_passes():
    return [Mine()]
'''


@pytest.fixture
def tested(cli, workplace):
    """Return the exit code, and what is said of each example, of a pass file with some text replaced."""

    def run(text, *edits, options=()):
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (workplace / "mine.py").write_text(text, encoding="utf-8")
        done = cli("test", "mine.py", "--json", *options)
        return done.code, json.loads(done.out)["examples"]

    return run


def test_what_holds(cli, tested):
    code, rows = tested(GOOD)
    assert code == 0
    assert [(row["example"], row["ok"], row["problem"]) for row in rows] == [
        ("ops.square(y)", True, ""),
        ("ops.square(f(y))", True, ""),
    ]
    assert rows[0]["checks"] == [
        "it runs and writes Python",
        "the result",
        "its sites",
        "a second run changes nothing",
    ]
    run = cli("test", "mine.py")
    assert run.code == 0
    assert run.out.splitlines()[-1] == "2 examples, all hold"


CST = ("from rewriter", "import libcst as cst\nfrom rewriter")
HASH = "[*context.tree.footer, cst.EmptyLine(comment=cst.Comment('#'))]"


def visitor(*body):
    """Return the edit that gives the pass a `rewrite` of its own."""
    lines = "".join(f"        {line}\n" for line in body)
    return "    replacement = ", f"    def rewrite(self, context):\n{lines}\n    replacement = "


@pytest.mark.parametrize(
    ("edits", "example", "words"),
    [
        ([('"y * y"', '"y*y"')], 0, "+        return y * y"),
        ([("evaluated twice", "another reason")], 1, "no skipped site gives the reason"),
        ([('"x * x"', '"mindspore.ops.exp(x)"')], 1, "an example that must stay as it is was rewritten"),
        ([("ops.square(y)", "torch.square(y)")], 0, "the result is not the example's `after`"),
        ([visitor("return 1 / 0")], 0, "ZeroDivisionError"),
        ([visitor("return None")], 0, "instead of a tree"),
        ([CST, visitor(f"return context.tree.with_changes(footer={HASH})"), ('"y * y"', "None")], 0, "must stay"),
    ],
    ids=["text", "reason", "twin", "nothing", "raises", "no tree", "silent"],
)
def test_what_fails(tested, edits, example, words):
    code, rows = tested(GOOD, *edits)
    assert code == 1
    assert not rows[example]["ok"]
    assert words in rows[example]["problem"]


TOLD = "context.rewritten(context.tree, 'x', 'y')"


def test_a_second_run_that_goes_on_fails(tested):
    code, rows = tested(
        GOOD,
        visitor(TOLD, f"return context.tree.with_changes(footer={HASH})"),
        CST,
        ('snippet("ops.square(y)", "y * y")', 'Example("a", FILE, FILE + "#\\n")'),
        ("import PatternPass", "import Example, PatternPass"),
        ("\n\n\nclass", '\n\nFILE = snippet("ops.square(y)").before\n\n\nclass'),
    )
    assert code == 1
    assert "a second run changes the result again" in rows[0]["problem"]


def test_sites_that_nobody_tells_of_fail(tested):
    lines = (
        "code = context.tree.code",
        "return cst.parse_module(code.replace('ops.square(y)', 'y * y').replace(', ops', ''))",
    )
    code, rows = tested(GOOD, visitor(*lines), CST)
    assert code == 1
    assert "call context.rewritten" in rows[0]["problem"]


def test_what_is_no_python_fails(tested):
    code, rows = tested(GOOD, visitor(TOLD, "return cst.parse_module(context.tree.code + 'break\\n')"), CST)
    assert code == 1
    assert "not Python" in rows[0]["problem"]


def test_an_example_that_is_no_modeling_file_fails(tested):
    code, rows = tested(
        GOOD,
        ('snippet("ops.square(y)", "y * y")', 'Example("a", "x = 1\\n", "x = 1\\n")'),
        ("import PatternPass", "import Example, PatternPass"),
    )
    assert code == 1
    assert "not a MindSpore modeling file" in rows[0]["problem"]


def test_a_pass_without_examples_fails(tested):
    code, rows = tested(GOOD, ("    examples = ", "    others = "))
    assert code == 1
    assert "no examples" in rows[0]["problem"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("@hookimpl\n", ""), "no hook"),
        (GOOD.replace("x * x", "x * y"), "has y, which the pattern"),
        ("import nothing_of_this_name\n", "cannot be imported"),
        (GOOD.replace("[Mine()]", "[]"), "registers no pass"),
    ],
    ids=["hookimpl", "pattern", "import", "empty"],
)
def test_a_plugin_that_cannot_be_tested(cli, workplace, text, words):
    (workplace / "mine.py").write_text(text, encoding="utf-8")
    run = cli("test", "mine.py")
    assert run.code == 2
    assert words in run.err


def test_the_difference_is_printed(cli, workplace):
    (workplace / "mine.py").write_text(GOOD.replace('"y * y"', '"y*y"'), encoding="utf-8")
    run = cli("test", "mine.py")
    assert run.code == 1
    lines = [line.strip() for line in run.out.splitlines()]
    assert "-        return y*y" in lines
    assert "+        return y * y" in lines
    assert lines[-1] == "2 examples, 1 failed"


def test_several_plugins(cli, workplace):
    (workplace / "mine.py").write_text(GOOD, encoding="utf-8")
    (workplace / "other.py").write_text(GOOD.replace('"y * y"', '"y*y"').replace('"mine"', '"other"'), encoding="utf-8")
    run = cli("test", "mine.py", "other.py", "--json")
    assert run.code == 1
    assert [(row["plugin"], row["ok"]) for row in json.loads(run.out)["examples"]] == [
        ("mine.py", True),
        ("mine.py", True),
        ("other.py", False),
        ("other.py", True),
    ]


@pytest.mark.slow
def test_a_graph_pass_that_changes_the_numbers_fails(tested):
    code, rows = tested(GRAPH.format(new="1e-4", argument=""))
    assert code == 1
    assert "elements differ" in rows[0]["problem"]
    code, rows = tested(GRAPH.format(new="1e-4", argument=""), options=("--no-run",))
    assert code == 0


@pytest.mark.slow
def test_a_graph_pass_that_keeps_the_numbers_holds(tested):
    """Adding 0 and adding -0.0 have the same bits here."""
    code, rows = tested(GRAPH.format(new="0.00", argument=""))
    assert (code, rows[0]["problem"], rows[0]["notes"]) == (0, "", [])


@pytest.mark.slow
def test_an_example_that_cannot_be_run_says_so(tested):
    code, rows = tested(GRAPH.format(new="0.00", argument=", size"))
    assert code == 0
    assert "not run" in rows[0]["notes"][0]


def test_weight_passes_are_tested_too(cli, workplace):
    cli("new-pass", "my-pass", "--kind", "weights")
    path = workplace / "my_pass.py"
    assert cli("test", "my_pass.py").code == 0
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("layer.1.output.dense.bias[4]", "layer.1.output.dense.bias[4] * 0.5"), "utf-8")
    run = cli("test", "my_pass.py")
    assert run.code == 1
    assert "and the example says" in run.out
