"""Modules that a branch and what comes after it call alike: called before it, and twins that stay as they are."""

from __future__ import annotations

import textwrap

import pytest

HEAD = """\
from mindspore import nn


class Model(nn.Cell):
    def __init__(self):
        super().__init__()
        self.pooler = nn.Dense(8, 8)

    def construct(self, outputs, short=False):
"""


def written(body: str) -> str:
    return HEAD + textwrap.indent(textwrap.dedent(body).strip("\n"), "        ") + "\n"


CASES = {
    "alike": (
        """
        # which of the two
        if short:
            pooled = self.pooler(outputs)  # once
            return pooled
        pooled = self.pooler(outputs)
        return pooled, outputs
        """,
        """
        # which of the two
        pooled = self.pooler(outputs)  # once
        if short:
            return pooled
        return pooled, outputs
        """,
    ),
    "a choice": (
        """
        if not short:
            first = outputs if outputs else 0
            last = self.pooler(first)
            return last
        first = 1, 2
        last = self.pooler(first)
        return first, last
        """,
        """
        first = (outputs if outputs else 0) if not short else (1, 2)
        last = self.pooler(first)
        if not short:
            return last
        return first, last
        """,
    ),
    "what comes after the last module stays": (
        """
        if short:
            last = self.pooler(outputs)
            other = 1
            return last, other
        last = self.pooler(outputs)
        other = 2
        return last, other
        """,
        """
        last = self.pooler(outputs)
        if short:
            other = 1
            return last, other
        other = 2
        return last, other
        """,
    ),
}
TWINS = {
    "no module": "if short:\n    x = outputs\n    return x\nx = outputs\nreturn x, x",
    "another argument": "if short:\n    x = self.pooler(1)\n    return x\nx = self.pooler(2)\nreturn x, x",
    "a branch that goes on": "if short:\n    x = self.pooler(outputs)\nx = self.pooler(outputs)\nreturn x",
    "an else": "if short:\n    x = self.pooler(1)\n    return x\nelse:\n    y = 1\nx = self.pooler(1)\nreturn x, y",
    "it binds what is asked": (
        "if short:\n    short = self.pooler(1)\n    return 1\nshort = self.pooler(1)\nreturn short"
    ),
    "asking does something": "if short():\n    x = self.pooler(1)\n    return x\nx = self.pooler(1)\nreturn x, x",
    "another name": "if short:\n    x = self.pooler(1)\n    return x\ny = self.pooler(1)\nreturn y",
    "two names": "if short:\n    x, y = self.pooler(1)\n    return x\nx, y = self.pooler(1)\nreturn y",
    "a comment that would go": (
        "if short:\n    x = self.pooler(1)\n    return x\n# why\nx = self.pooler(1)\nreturn x, x"
    ),
    "inside a loop": (
        "while short:\n    if x:\n        x = self.pooler(1)\n        break\n    x = self.pooler(1)\nreturn x"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_called_before_the_branch(name, rewrite):
    before, after = CASES[name]
    assert rewrite(written(before), "branches").text == written(after)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("short", [False, True])
def test_the_answers_are_the_same(name, short):
    """As plain Python, without MindSpore."""
    answers = []
    for body in CASES[name]:
        space: dict = {}
        text = "def construct(self, outputs, short):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        exec(text, space)
        calls: list = []
        model = type(
            "Model", (), {"pooler": staticmethod(lambda value, calls=calls: calls.append(value) or ("p", value))}
        )
        answers.append((space["construct"](model, (3, 4), short), calls))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", TWINS)
def test_left_alone(name, rewrite):
    assert not rewrite(written(TWINS[name]), "branches").changed
