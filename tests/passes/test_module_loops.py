"""Loops over module lists by index; each rewriting has a twin that must stay."""

import textwrap

import pytest

from rewriter import Outcome

HEAD = """\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8)])
        self.blocks = nn.CellList([nn.Dense(8, 8)])

    def construct(self, x, scales=None):
"""


def method(body, head=HEAD):
    return head + textwrap.indent(textwrap.dedent(body).strip("\n"), "        ") + "\n"


CASES = {
    "plain": (
        """
        for layer in self.layers:
            x = layer(x)
        return x
        """,
        """
        for i in range(len(self.layers)):
            layer = self.layers[i]
            x = layer(x)
        return x
        """,
    ),
    "comments and layout": (
        """
        # before
        for layer in self.layers:  # at the head
            # first
            x = layer(x)  # in the body

            # last
        return x
        """,
        """
        # before
        for i in range(len(self.layers)):  # at the head
            layer = self.layers[i]
            # first
            x = layer(x)  # in the body

            # last
        return x
        """,
    ),
    "enumerate": (
        """
        for index, layer in enumerate(self.layers):
            x = layer(x) * index
        return x
        """,
        """
        for index in range(len(self.layers)):
            layer = self.layers[index]
            x = layer(x) * index
        return x
        """,
    ),
    "enumerate with brackets": (
        """
        for (index, layer) in enumerate(self.layers):
            x = layer(x) * index
        return x
        """,
        """
        for index in range(len(self.layers)):
            layer = self.layers[index]
            x = layer(x) * index
        return x
        """,
    ),
    "zip of two module lists": (
        """
        for layer, block in zip(self.layers, self.blocks):
            x = block(layer(x))
        return x
        """,
        """
        for i in range(min(len(self.layers), len(self.blocks))):
            layer = self.layers[i]
            block = self.blocks[i]
            x = block(layer(x))
        return x
        """,
    ),
    "enumerate of zip": (
        """
        for index, (layer, block) in enumerate(zip(self.layers, self.blocks)):
            x = block(layer(x)) * index
        return x
        """,
        """
        for index in range(min(len(self.layers), len(self.blocks))):
            layer = self.layers[index]
            block = self.blocks[index]
            x = block(layer(x)) * index
        return x
        """,
    ),
    "zip with what has a length": (
        """
        for layer, scale in zip(self.layers, scales):
            x = layer(x) * scale
        return x
        """,
        """
        for i in range(min(len(self.layers), len(scales))):
            layer = self.layers[i]
            scale = scales[i]
            x = layer(x) * scale
        return x
        """,
    ),
    "zip with one target": (
        """
        for index, pair in enumerate(zip(self.layers, self.blocks)):
            layer, block = pair
            x = block(layer(x)) * index
        return x
        """,
        """
        for index in range(min(len(self.layers), len(self.blocks))):
            pair = (self.layers[index], self.blocks[index],)
            layer, block = pair
            x = block(layer(x)) * index
        return x
        """,
    ),
    "a part of the list": (
        """
        for layer in self.layers[1:-1]:
            x = layer(x)
        return x
        """,
        """
        for i in range(len(self.layers))[1:-1]:
            layer = self.layers[i]
            x = layer(x)
        return x
        """,
    ),
    "enumerate of a part": (
        """
        for index, layer in enumerate(self.layers[scales:]):
            x = layer(x) * index
        return x
        """,
        """
        for index, i in enumerate(range(len(self.layers))[scales:]):
            layer = self.layers[i]
            x = layer(x) * index
        return x
        """,
    ),
    "reversed": (
        """
        for layer in reversed(self.layers):
            x = layer(x)
        return x
        """,
        """
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            x = layer(x)
        return x
        """,
    ),
    "the name i is taken": (
        """
        i = 2
        for layer in self.layers:
            x = layer(x) * i
        return x
        """,
        """
        i = 2
        for idx in range(len(self.layers)):
            layer = self.layers[idx]
            x = layer(x) * i
        return x
        """,
    ),
    "nested": (
        """
        for layer in self.layers:
            for block in self.blocks:
                x = block(layer(x))
        return x
        """,
        """
        for idx in range(len(self.layers)):
            layer = self.layers[idx]
            for i in range(len(self.blocks)):
                block = self.blocks[i]
                x = block(layer(x))
        return x
        """,
    ),
    "inside an if": (
        """
        if scales is None:
            for layer in self.layers:
                x = layer(x)
        return x
        """,
        """
        if scales is None:
            for i in range(len(self.layers)):
                layer = self.layers[i]
                x = layer(x)
        return x
        """,
    ),
    "break and continue": (
        """
        for layer in self.layers:
            if scales:
                continue
            x = layer(x)
            if x is None:
                break
        return x
        """,
        """
        for i in range(len(self.layers)):
            layer = self.layers[i]
            if scales:
                continue
            x = layer(x)
            if x is None:
                break
        return x
        """,
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_rewritten(case, rewrite):
    before, after = CASES[case]
    result = rewrite(method(before), "module-loops")
    assert result.text == method(after)
    loops = textwrap.dedent(before).count("for ")
    assert result.count(Outcome.REWRITTEN) == loops
    assert rewrite(result.text, "module-loops").data == result.data


TWINS = {
    "a range": ("for i in range(len(self.layers)):\n    x = self.layers[i](x)\nreturn x", None),
    "another attribute": ("for scale in self.scales:\n    x = x * scale\nreturn x", None),
    "an argument": ("for layer in scales:\n    x = layer(x)\nreturn x", None),
    "a part of a part": ("for layer in self.layers[1:][:2]:\n    x = layer(x)\nreturn x", "not `x`"),
    "one layer": ("for block in self.layers[1]:\n    x = block(x)\nreturn x", "not `x`"),
    "zip with a call": (
        "for layer, scale in zip(self.layers, scales()):\n    x = layer(x) * scale\nreturn x",
        "may have no length",
    ),
    "zip with a generator": (
        "scales = (s + 1 for s in scales)\n"
        "for layer, scale in zip(self.layers, scales):\n    x = layer(x) * scale\nreturn x",
        "may have no length",
    ),
    "zip with a part of the list": (
        "for layer, scale in zip(self.layers[1:], scales):\n    x = layer(x) * scale\nreturn x",
        "may have no length",
    ),
    "enumerate from one": ("for i, layer in enumerate(self.layers, 1):\n    x = layer(x) * i\nreturn x", "not `x`"),
    "enumerate by keyword": (
        "for i, layer in enumerate(self.layers, start=1):\n    x = layer(x) * i\nreturn x",
        "not `x`",
    ),
    "reversed, and a part of it": (
        "for layer in list(reversed(self.layers))[1:]:\n    x = layer(x)\nreturn x",
        "not `x`",
    ),
    "other things, and modules by index": (
        "for i, scale in enumerate(scales):\n    x = self.layers[i](x) * scale\nreturn x",
        None,
    ),
    "one target for a pair": ("for pair in enumerate(self.layers):\n    x = pair[1](x)\nreturn x", "not `x`"),
    "enumerate is something else": (
        "enumerate = scales\nfor i, layer in enumerate(self.layers):\n    x = layer(x) * i\nreturn x",
        "another name",
    ),
    "an else": ("for layer in self.layers:\n    x = layer(x)\nelse:\n    x = x + 1\nreturn x", "`else`"),
    "a loop in one line": ("for layer in self.layers: x = layer(x)\nreturn x", ""),
}


@pytest.mark.parametrize("twin", sorted(TWINS))
def test_left_alone_and_said_why(twin, rewrite):
    body, reason = TWINS[twin]
    result = rewrite(method(body), "module-loops")
    assert not result.changed
    reasons = [site.reason for site in result.sites]
    if reason is None:
        assert not reasons
    else:
        assert len(reasons) == 1
        assert reason in reasons[0], reasons


def test_other_spellings_of_the_list(rewrite):
    """The container is found by what it is, not by what it is called."""
    text = """\
import mindspore.nn as N


class Stack(N.Cell):
    def __init__(self, deep):
        super().__init__()
        self.parts: N.CellList = N.CellList([N.Dense(8, 8)])
        self.more = N.SequentialCell(N.Dense(8, 8)) if deep else None

    def construct(me, x):
        for part in me.parts:
            x = part(x)
        for one in me.more:
            x = one(x)
        return x


class Child(Stack):
    def construct(self, x):
        for part in self.parts:
            x = part(x)
        return x
"""
    result = rewrite(text, "module-loops")
    assert result.count(Outcome.REWRITTEN) == 3
    assert "part = me.parts[" in result.text
    assert "one = me.more[" in result.text
    assert "part = self.parts[i]" in result.text


def test_a_list_of_something_else_stays(rewrite):
    text = HEAD.replace("nn.CellList([nn.Dense(8, 8)])", "[nn.Dense(8, 8)]")
    result = rewrite(method("for layer in self.layers:\n    x = x + layer\nreturn x", text), "module-loops")
    assert not result.changed


def test_init_is_not_touched(rewrite):
    text = method("return x").replace(
        "    def construct", "        for layer in self.layers:\n            layer.x = 1\n\n    def construct"
    )
    assert not rewrite(text, "module-loops").changed


def test_a_comprehension_over_modules_is_said_to_stay(rewrite):
    """STRICT cannot iterate over a module list there either, so silence would be wrong."""
    result = rewrite(method("return [layer(x) for layer in self.layers]"), "module-loops")
    assert not result.changed
    assert [site.outcome for site in result.sites] == [Outcome.SKIPPED]


def test_mindnlp_s_containers(rewrite):
    text = method("for layer in self.layers:\n    x = layer(x)\nreturn x")
    text = text.replace("from mindspore import nn", "from mindnlp.core import nn").replace("nn.Cell)", "nn.Module)")
    text = text.replace("construct", "forward").replace("CellList", "ModuleList")
    assert "layer = self.layers[i]" in rewrite(text, "module-loops").text
