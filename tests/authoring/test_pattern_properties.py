"""What holds of every spelling: the same match for the same meaning, none for a shadowed name, and equal answers."""

from __future__ import annotations

import ast
import random
import types

from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter import Outcome

from .patterns import in_a_file, make, run

STEADY = settings(derandomize=True, database=None, max_examples=60, deadline=None)

SIGNATURES = ("mindspore.ops.softmax(x, axis=-1, *, scale=1)", "mindspore.ops.scaled(x, by)")
ITEM = make("mindspore.ops.softmax(mindspore.ops.scaled(a, b), axis=d)", "mindspore.mint.both(a, b, d)", SIGNATURES)

HEADERS = {
    "ops": "from mindspore import nn, ops\n",
    "P": "from mindspore import nn\nfrom mindspore import ops as P\n",
    "ms.ops": "import mindspore as ms\nfrom mindspore import nn\n",
    "mindspore.ops": "import mindspore\nfrom mindspore import nn\n",
    "F": "import mindspore.ops as F\nfrom mindspore import nn\n",
}

expressions = st.recursive(
    st.sampled_from(["a", "b", "self.x", "1", "-2", "'t'", "f(a)", "b[0]", "None"]),
    lambda inner: (
        st.builds("{} + {}".format, inner, inner)
        | st.builds("g({})".format, inner)
        | st.builds("({}, {})".format, inner, inner)
    ),
    max_leaves=4,
)


@st.composite
def spelled(draw, name, *arguments):
    """A call, its arguments by position or by name in any order, with parentheses and spaces anywhere."""
    values = []
    for keyword, value in arguments:
        text = f"({value})" if draw(st.booleans()) else value
        values.append((keyword, text + " " * draw(st.integers(0, 2))))
    by_position = draw(st.integers(0, len(values)))
    rest = draw(st.permutations(values[by_position:]))
    given_ = [text for _, text in values[:by_position]] + [f"{keyword}={text}" for keyword, text in rest]
    comma = "," if draw(st.booleans()) else ""
    return f"{name}({', '.join(given_)}{comma})"


@st.composite
def calls(draw, module):
    inner = draw(
        spelled(f"{module}.scaled", ("x", draw(st.sampled_from(["a", "b"]))), ("by", draw(st.sampled_from(["b", "2"]))))
    )
    return draw(spelled(f"{module}.softmax", ("x", inner), ("axis", draw(st.sampled_from(["0", "-1", "c"])))))


def arguments_of(text, name):
    """The arguments of the call of a function in a file, without layout."""
    tree = ast.parse(text)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]
    return [[ast.unparse(value) for value in call.args] for call in found]


def meant(code):
    """The three values of a call that `spelled` made, read by Python itself."""
    outer = ast.parse(code, mode="eval").body
    inner = bound(outer, ["x", "axis"])["x"]
    return [ast.unparse(bound(inner, ["x", "by"])[name]) for name in ("x", "by")] + [
        ast.unparse(bound(outer, ["x", "axis"])["axis"])
    ]


def bound(call, names):
    return dict(zip(names, call.args, strict=False)) | {keyword.arg: keyword.value for keyword in call.keywords}


@STEADY
@given(st.data(), st.sampled_from(sorted(HEADERS)))
def test_every_spelling_of_one_meaning_matches_alike(data, module):
    code = data.draw(calls(module))
    result = run(in_a_file(code, header=HEADERS[module]), ITEM)
    assert result.count(Outcome.REWRITTEN) == 1, code
    assert arguments_of(result.text, "mint.both") == [meant(code)]


@STEADY
@given(st.data(), st.sampled_from(["ops", "P", "F"]))
def test_a_shadowed_name_never_matches(data, module):
    code = data.draw(calls(module))
    how = data.draw(st.sampled_from(["argument", "assignment", "loop", "comprehension", "lambda", "function", "class"]))
    text = in_a_file(code, header=HEADERS[module])
    forward = f"        return {code}\n"
    if how == "argument":
        text = text.replace("(self, ", f"(self, {module}, ")
    elif how == "assignment":
        text = text.replace(forward, f"        {module} = self.helper\n{forward}")
    elif how == "loop":
        text = text.replace(forward, f"        for {module} in x:\n            y = {code}\n        return y\n")
    elif how == "comprehension":
        text = text.replace(forward, f"        return [{code} for {module} in x]\n")
    elif how == "lambda":
        text = text.replace(forward, f"        return (lambda {module}: {code})\n")
    elif how == "function":
        text = text.replace(forward, f"        def {module}(*_):\n            return 1\n{forward}")
    else:
        text = text.replace("\n\nclass Model", f"\n\nclass {module}:\n    pass\n\n\nclass Model")
    result = run(text, ITEM)
    assert not result.changed
    assert not result.count(Outcome.REWRITTEN)


RULES = [
    ("mindspore.ops.square(x)", "x * x"),
    ("mindspore.ops.sub(x, y)", "x - y"),
    ("mindspore.ops.rsub(x, y)", "y - x"),
    ("mindspore.ops.neg(x)", "-x"),
    ("mindspore.ops.first(x, y)", "x"),
    ("mindspore.ops.pair(x, y)", "(y, x)[1] + 2 * x"),
    ("mindspore.ops.add(x, x)", "2 * x"),
]
"""Each is true of the functions below."""

numbers = st.recursive(
    st.sampled_from(["a", "b", "self.x", "1", "-2", "f(a)", "f(b)", "self.read()", "b if a else c"]),
    lambda inner: st.one_of(
        st.builds("{} - {}".format, inner, inner),
        st.builds("-{}".format, inner),
        st.builds("({})".format, inner),
        st.builds("{} * {}".format, inner, inner),
        *[st.builds(f"ops.{name}({{}})".format, inner) for name in ("square", "neg")],
        *[
            st.builds(f"ops.{name}({{}}, {{}})".format, inner, inner)
            for name in ("sub", "rsub", "first", "pair", "add")
        ],
    ),
    max_leaves=8,
)


WRAPPERS = ["{}", "-{}", "{} - a", "a - {}", "2 * {}", "{} * f(a)", "f({})", "(a, {})[1]", "{} if a else b"]


@st.composite
def programs(draw):
    """A rule, and an expression that calls its function."""
    rule = draw(st.sampled_from(RULES))
    function, _, arguments = rule[0].rpartition(".")[2].partition("(")
    given_ = [draw(numbers) for _ in range(arguments.count(",") + 1)]
    given_ = given_[:1] * 2 if arguments == "x, x)" else given_
    return rule, draw(st.sampled_from(WRAPPERS)).format(f"ops.{function}({', '.join(given_)})")


class World:
    """Functions that note that they were called, and an attribute that calls change."""

    def __init__(self):
        self.seen = []
        self.x = 3

    def f(self, value):
        self.seen.append(("f", value))
        self.x += 1
        return value + 5

    def read(self):
        self.seen.append(("read", self.x))
        self.x *= 2
        return self.x

    def answer(self, text):
        """The result of the forward of a file, and what was called for it in which order."""
        code = text.partition("        return ")[2]
        ops = types.SimpleNamespace(
            square=lambda x: x * x,
            sub=lambda x, y: x - y,
            rsub=lambda x, y: y - x,
            neg=lambda x: -x,
            first=lambda x, y: x,
            pair=lambda x, y: 3 * x,
            add=lambda x, y: x + y,
        )
        value = eval(f"({code}\n)", {"ops": ops, "f": self.f, "a": 7, "b": 11, "c": 13, "self": self})
        return value, self.seen


@settings(STEADY, max_examples=150)
@given(programs())
def test_what_is_written_computes_the_same_in_the_same_order(program):
    """Executed: the answer, every call and its order are those of the original, whatever is nested in whatever."""
    rule, code = program
    text = in_a_file(code)
    result = run(text, make(*rule))
    assert result.sites
    assert World().answer(result.text) == World().answer(text), (code, rule, result.text)
    assert not run(result.text, make(*rule)).changed


def test_the_executed_property_would_notice():
    """The twin: written without a look at order or repetition, the answers differ."""
    assert World().answer("        return f(a) * f(a)") != World().answer("        return ops.square(f(a))")
    assert World().answer("        return f(b) - self.x") != World().answer("        return ops.rsub(self.x, f(b))")


@STEADY
@given(st.lists(st.sampled_from(RULES), min_size=2, max_size=4, unique=True), numbers, st.integers(0, 1000))
def test_several_passes_in_any_order_of_registration_give_the_same_bytes(rules, code, seed):
    passes = [make(*rule, name=f"p{RULES.index(rule)}") for rule in rules]
    first = run(in_a_file(code), *passes).data
    random.Random(seed).shuffle(passes)
    assert run(in_a_file(code), *passes).data == first
