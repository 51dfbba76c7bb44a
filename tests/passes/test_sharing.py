"""Changes in place that nobody else sees: what is told from what, and random programs run both ways."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewriter_passes.sharing import unshared_changes

from rewriter.tree import find, replace

ALONE = {
    "arithmetic makes a new tensor": """
        x = given + 1
        x *= mask
        return x
        """,
    "a call of its own": """
        x = given + 1
        x = self.norm(x)
        x = nn.functional.dropout(x, p=self.dropout, training=self.training)
        x *= mask.unsqueeze(-1).to(x.dtype)
        return x
        """,
    "kept in a loop, and made anew before it is changed": """
        kept = ()
        x = given + 1
        for i in range(3):
            kept = kept + (x,)
            x = x + self.layers[i](x)
            x = self.norm(x)
            x *= mask
        return x, kept
        """,
    "made in two branches": """
        kept = ()
        x = given + 1
        for i in range(3):
            kept = kept + (x,)
            if self.first:
                x = x + self.layers[i](x)
            else:
                y = self.norm(x)
                x = x + self.layers[i](y)
            x *= mask
        return x, kept
        """,
}
SHARED = {
    "the caller's": "x = given\nx *= mask\nreturn x",
    "what a layer made of the caller's": "x = self.norm(given)\nx *= mask\nreturn x",
    "the module's": "x = self.bias\nx *= mask\nreturn x",
    "a view of the module's": "x = self.bias.view(2, 2)\nx *= mask\nreturn x",
    "another name": "x = given + 1\ny = x\nx *= mask\nreturn x, y",
    "another name on one way": "x = given + 1\ny = 0\nif self.two:\n    y = x\nx *= mask\nreturn x, y",
    "a view": "x = given + 1\ny = x[0]\nx *= mask\nreturn x, y",
    "a tuple": "x = given + 1\nkept = (x,)\nx *= mask\nreturn x, kept",
    "a list": "x = given + 1\nkept = []\nkept.append(x)\nx *= mask\nreturn x, kept",
    "an attribute": "x = given + 1\nself.kept = x\nx *= mask\nreturn x",
    "a dictionary": "x = given + 1\ncache['x'] = x\nx *= mask\nreturn x",
    "what a layer may return": "x = given + 1\ny = self.norm(x)\nx *= mask\nreturn x, y",
    "what a layer may keep in a cache": "x = given + 1\ny = self.norm(x, cache) + 0\nx *= mask\nreturn x",
    "what it is taken from": "kept = (given + 1, given + 2)\nfor x in kept:\n    x *= mask\nreturn kept",
    "a tuple of two": "x = given + 1\nkept = (x,)\nmore = (given,)\nkept = kept + more\nx *= mask\nreturn kept",
    "a list of a list": "x = given + 1\ncache = ([], [])\ny = self.norm(x, cache[0]) + 0\nx *= mask\nreturn cache",
    "a list of the module": "x = given + 1\nself.kept.append(x)\nx *= mask\nreturn y",
    "kept in the turn before": """
        kept = ()
        x = given + 1
        for i in range(3):
            x *= mask
            kept = kept + (x,)
        return x, kept
        """,
    "a turn that ends early": """
        kept = ()
        x = given + 1
        for i in range(3):
            x *= mask
            kept = kept + (x,)
            if self.two:
                continue
            x = x + 1
        return x, kept
        """,
    "what is not looked through": "x = given + 1\nwith self.context as y:\n    x *= mask\nreturn x",
}


def method(body: str) -> cst.FunctionDef:
    text = (
        "def forward(self, given, mask, cache):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
    )
    return cst.ensure_type(cst.parse_module(text).body[0], cst.FunctionDef)


@pytest.mark.parametrize("name", ALONE)
def test_nobody_else_sees_it(name: str) -> None:
    assert len(unshared_changes(method(ALONE[name]))) == 1


@pytest.mark.parametrize("name", SHARED)
def test_somebody_may_see_it(name: str) -> None:
    assert not unshared_changes(method(SHARED[name]))


class Box:
    """A tensor of one number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __add__(self, other: Any) -> Box:
        return Box(self.number + (other.number if isinstance(other, Box) else other))

    def __mul__(self, other: Box) -> Box:
        return Box(self.number * other.number % 1009)

    def __imul__(self, other: Box) -> Box:
        self.number = self.number * other.number % 1009
        return self


NAMES = st.sampled_from(["a", "b", "c"])
SIMPLE = st.one_of(
    st.builds("{} = {} + {}".format, NAMES, NAMES, NAMES),
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("{} = self.same({})".format, NAMES, NAMES),
    st.builds("{} = self.other({}, {})".format, NAMES, NAMES, NAMES),
    st.builds("{} *= {}".format, NAMES, NAMES),
    st.builds("kept = kept + ({},)".format, NAMES),
    st.builds("{} = kept[-1]".format, NAMES),
    st.builds("for {} in kept:\n    {} *= {}".format, NAMES, NAMES, NAMES),
    st.just("kept = kept + kept[:1]"),
    st.just("kept = self.start_of(kept) + ()"),
    st.just("if self.flag():\n    continue"),
)


def indented(lines: list[str]) -> str:
    return textwrap.indent("\n".join(lines), "    ")


BRANCH = st.builds(
    lambda first, second: f"if self.flag():\n{indented(first)}\nelse:\n{indented(second)}",
    st.lists(SIMPLE, min_size=1, max_size=3),
    st.lists(SIMPLE, min_size=1, max_size=3),
)
PROGRAMS = st.builds(
    lambda before, inside: "\n".join(before) + f"\nfor _ in range(3):\n{indented(inside)}\nreturn a, b, c, kept",
    st.lists(SIMPLE.filter(lambda line: "continue" not in line), max_size=3),
    st.lists(st.one_of(SIMPLE, BRANCH), min_size=1, max_size=6),
)


class Module:
    def __init__(self, flags: list[bool]) -> None:
        self.flags = list(flags)

    def flag(self) -> bool:
        self.flags.append(self.flags.pop(0))
        return self.flags[-1]

    def start(self) -> Box:
        return Box(2)

    def start_of(self, kept: tuple[Box, ...]) -> tuple[Box, ...]:
        return kept[:2]

    def same(self, value: Box) -> Box:
        return value

    def other(self, _: Box, value: Box) -> Box:
        return value


def outcome(function: cst.FunctionDef, flags: list[bool]) -> list[int]:
    space: dict[str, Callable[..., Any]] = {}
    exec(cst.Module([function]).code, space)
    a, b, c, kept = space["forward"](Module(flags))
    return [box.number for box in (a, b, c, *kept)]


@given(program=PROGRAMS, flags=st.lists(st.booleans(), min_size=1, max_size=5))
def test_a_new_tensor_in_its_place_is_not_noticed(program: str, flags: list[bool]) -> None:
    """A graph binds the name to a new tensor; what the analysis allows must answer the same then."""
    start = "a = self.start() + 0\nb = a + 3\nc = a + 5\nkept = (a + 1,)\n"
    text = "def forward(self):\n" + indented((start + program).split("\n"))
    function = cst.ensure_type(cst.parse_module(text + "\n").body[0], cst.FunctionDef)
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    for node in unshared_changes(function):
        assert isinstance(node, cst.AugAssign)
        product = cst.BinaryOperation(cst.ensure_type(node.target, cst.Name), cst.Multiply(), node.value)
        changes[node] = cst.Assign([cst.AssignTarget(node.target)], product)
    assert outcome(replace(function, changes), flags) == outcome(function, flags)


def test_the_programs_have_such_changes() -> None:
    """The property would hold of nothing at all."""
    program = "a = b + c\na *= b\nkept = kept + (a,)\na = a + b\na *= c"
    function = method(program + "\nreturn a, kept")
    assert len(list(find(function, cst.AugAssign))) == 2
    assert len(unshared_changes(function)) == 2
