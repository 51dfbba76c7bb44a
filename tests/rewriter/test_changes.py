"""`rewriter.changes`: differences as changes of statements, any of which can be made without the others."""

from __future__ import annotations

import random
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import blocks
from sampling import breadth_but

from rewriter import pipeline, source
from rewriter.changes import changes, consistent, keep
from rewriter.targets import Target

ROOT = Path(__file__).resolve().parents[2]
BEFORE = '''\
"""A file."""

import math


class Layer:
    """A layer."""

    def forward(self, x):
        # scaled
        y = x / math.sqrt(2)
        for item in self.items:
            y = item(y)
            y = y + 1
        if y is None:
            raise ValueError
        elif x is None:
            y = 0
        else:
            y = 1
        return y


def other():
    return 1
'''


def parsed(*edits: tuple[str, str]) -> tuple[cst.Module, cst.Module]:
    text = BEFORE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return cst.parse_module(BEFORE), cst.parse_module(text)


def compiles(tree: cst.Module) -> bool:
    compile(tree.code, "a candidate", "exec", dont_inherit=True)
    return True


class TestWhatIsAChange:
    def test_no_difference(self):
        assert changes(*parsed()) == []

    def test_a_statement(self):
        (change,) = changes(*parsed(("math.sqrt(2)", "2")))
        assert change.where == "Layer.forward"
        assert (change.old, change.new) == ("# scaled\ny = x / math.sqrt(2)\n", "# scaled\ny = x / 2\n")
        assert (change.first, change.last, change.line) == (11, 11, 11)
        assert not change.adds

    def test_statements_are_changes_of_their_own(self):
        found = changes(*parsed(("y = item(y)", "y = item(y, 1)"), ("y = y + 1", "y = y + 2"), ("y = 0", "y = 9")))
        assert [change.first for change in found] == [13, 14, 18]

    def test_a_header_is_a_change_and_its_body_another(self):
        found = changes(*parsed(("for item in self.items:", "for i in self.items:"), ("y = item(y)", "y = i(y)")))
        assert [(change.first, change.last) for change in found] == [(12, 12), (13, 13)]
        assert "for i in self.items" in found[0].new
        assert "y = i(y)" not in found[0].new

    def test_a_decorator_and_a_signature(self):
        found = changes(*parsed(("    def forward(self, x)", "    @staticmethod\n    def forward(x)")))
        assert [change.where for change in found] == ["Layer.forward"]
        assert found[0].line == 10

    def test_a_run_of_another_length_is_one_change(self):
        (change,) = changes(
            *parsed(
                ("        # scaled\n        y = x / math.sqrt(2)\n", "        z = 1\n        y = z\n        y += 1\n")
            )
        )
        assert change.new == "z = 1\ny = z\ny += 1\n"

    def test_what_comes_and_what_goes_is_one_change_each(self):
        found = changes(*parsed(("        return y\n", "        a = 1\n        b = 2\n        return y\n")))
        assert [(change.first, change.last, change.line) for change in found] == [(21, 20, 21), (21, 20, 22)]
        back = changes(*reversed(parsed(("        return y\n", "        a = 1\n        b = 2\n        return y\n"))))
        assert [(change.first, change.last) for change in back] == [(21, 21), (22, 22)]

    def test_a_one_line_suite_and_a_coroutine_are_not_entered(self):
        before = cst.parse_module("def f():\n    if a: b = 1\n\n\ndef g():\n    x = 1\n    y = 1\n")
        after = cst.parse_module("def f():\n    if a: b = 2\n\n\nasync def g():\n    await x\n    y = 1\n")
        assert [change.old.split("\n")[0] for change in changes(before, after)] == ["if a: b = 1", ""]
        assert len(changes(before, after)[1].before) == 1

    @pytest.mark.parametrize(
        ("old", "new", "adds"),
        [
            ("import math\n", "import math\nimport os\n", True),
            ("import math\n", "import math\nfrom a.b import c as d\n", True),
            ("import math\n", "import math\nLIMIT = 3\n", True),
            ("import math\n", "import math\nimport os as math\n", False),  # rebinds a name that is read
            ("import math\n", "import math\nfrom os import *\n", False),
            ("import math\n", "import math\nmath.pi = 3\n", False),
            ("import math\n", "import math\nprint(1)\n", False),
            ("def other", "def helper():\n    return 2\n\n\ndef other", True),
            ("    def forward", "    def _flat(self):\n        return 2\n\n    def forward", True),
            ("        # scaled\n", "        import os\n        # scaled\n", False),
        ],
    )
    def test_what_only_adds(self, old, new, adds):
        (change,) = changes(*parsed((old, new)))
        assert change.adds is adds

    def test_a_method_that_takes_the_place_of_another_does_not_only_add(self):
        found = changes(
            *parsed(("        return y\n", "        return y\n\n    def forward(self):\n        return 2\n"))
        )
        assert [change.adds for change in found] == [False]

    def test_another_indent_and_newline(self):
        before = cst.parse_module("def f():\n    x = 1\n")
        after = cst.parse_module("def f():\r\n  x = 1\r\n")
        assert keep(before, after, changes(before, after)).bytes == after.bytes


class TestNames:
    """Imports are taken apart, so that a reader of either side can stay."""

    BEFORE = "import math\nfrom a import b, c\n\n\ndef f():\n    x = b(1)\n    y = b(2)\n    return x\n"
    AFTER = "import math\nfrom a import c, d\n\n\ndef f():\n    x = d(1)\n    y = d(2)\n    return x\n"

    def test_a_changed_import_comes_and_goes_by_itself(self):
        found = changes(cst.parse_module(self.BEFORE), cst.parse_module(self.AFTER))
        assert [(change.old, change.new, change.adds) for change in found[:2]] == [
            ("from a import b, c\n", "", False),
            ("", "from a import c, d\n", True),
        ]

    def test_an_import_of_the_same_names_from_elsewhere_is_one_change(self):
        before, after = cst.parse_module("from .a import b\n"), cst.parse_module("from k.a import b\n")
        assert len(changes(before, after)) == 1

    def test_what_is_read_is_there(self):
        before, after = cst.parse_module(self.BEFORE), cst.parse_module(self.AFTER)
        gone, come, first, second = every = changes(before, after)
        assert consistent(every, [first]) == [come, first]
        assert consistent(every, [gone, first]) == [come, first]  # the other line still reads b
        assert consistent(every, [gone, first, second]) == every
        assert consistent(every, []) == []
        assert consistent(every, [gone]) == []


def check(before: cst.Module, after: cst.Module, choose: random.Random, tries: int = 6) -> None:
    found = changes(before, after)
    assert keep(before, after, found).bytes == after.bytes
    assert keep(before, after, []) is before
    assert [change.number for change in found] == list(range(len(found)))
    for _ in range(tries):
        some = [change for change in found if choose.random() < 0.5]
        tree = keep(before, after, some)
        assert compiles(tree)
        choose.shuffle(some)
        assert keep(before, after, some).bytes == tree.bytes
        left = changes(before, tree)
        assert keep(before, tree, left).bytes == tree.bytes


@st.composite
def pairs(draw):
    """A program, and one that was made of it by taking statements away, doubling and exchanging them."""
    lines = draw(blocks(size=5))
    other = draw(blocks(size=3))
    tree = cst.parse_module("def f(a, b, c, d):\n" + "".join(f"    {line}\n" for line in lines))
    body = list(tree.body[0].body.body)
    extra = list(cst.parse_module("def f():\n" + "".join(f"    {line}\n" for line in other)).body[0].body.body)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 2))] = extra[: draw(st.integers(0, len(extra)))]
    function = tree.body[0].with_changes(body=tree.body[0].body.with_changes(body=body or extra))
    return tree.code, tree.with_changes(body=[function]).code


SEEDS = st.integers(0, 2**32)  # hypothesis's own randoms need subnormal floats, which MindSpore takes from the process


FEW, MANY = (
    settings(deadline=None, max_examples=times, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    for times in (8, 40)
)


@FEW
@given(pairs(), SEEDS)
def test_any_choice_of_changes_is_a_program(pair, seed):
    check(*map(cst.parse_module, pair), random.Random(seed))


@pytest.mark.slow
@MANY
@given(pairs(), SEEDS)
def test_any_choice_of_changes_of_many_is_a_program(pair, seed):
    check(*map(cst.parse_module, pair), random.Random(seed))


@FEW
@given(blocks(size=4), blocks(size=4), SEEDS)
def test_two_programs_that_have_nothing_to_do_with_each_other(one, other, seed):
    between(one, other, seed)


@pytest.mark.slow
@MANY
@given(blocks(size=4), blocks(size=4), SEEDS)
def test_many_programs_that_have_nothing_to_do_with_each_other(one, other, seed):
    between(one, other, seed)


def between(one, other, seed):
    trees = [cst.parse_module("def f(a, b, c, d):\n" + "".join(f"    {line}\n" for line in it)) for it in (one, other)]
    check(*trees, random.Random(seed))


def steps_of(path, passes) -> list[tuple[cst.Module, cst.Module]]:
    """The trees before and after each pass, sharing nodes, and of all together, sharing none."""
    steps = []

    def gate(step):
        steps.append((step.before, step.after))
        return step.after, ()

    file = source.read(path)
    result = pipeline.run(file, passes, Target(), gate=gate)
    return [*steps, (cst.parse_module(file.data), cst.parse_module(result.data))]


FILES = ["mindnlp/bert", "mindnlp/clip", "models/bert", "models/clip"]


@pytest.mark.parametrize("real_file", breadth_but(FILES, "models/bert"), indirect=True)
def test_each_pass_on_the_real_files(real_file, builtin_passes):
    steps = steps_of(real_file, builtin_passes)
    assert len(steps) > 4
    choose = random.Random(1)
    for before, after in steps:
        assert changes(before, after)
        check(before, after, choose, tries=2)


def test_two_passes_on_a_real_file(builtin_passes):
    steps = steps_of(
        ROOT / "models" / "clip" / "modeling_clip.py", [it for it in builtin_passes if it.name in ("flatten", "jit")]
    )
    assert len(steps) == 3
    check(*steps[-1], random.Random(1), tries=1)


def test_untouched_nodes_are_shared(rewrite):
    before, after = parsed(("y = y + 1", "y = y + 2"))
    tree = keep(before, after, changes(before, after))
    assert tree.body[0] is before.body[0]
    assert tree.body[-1] is before.body[-1]
