"""What a pattern matches, what is written in its place, and what is left with which reason."""

from __future__ import annotations

import pytest

from rewriter import Outcome, PatternPass

from .patterns import in_a_file, make, run, tried

MATMUL = ("mindspore.ops.matmul(a, mindspore.ops.transpose(b, -1, -2))", "mindspore.mint.bmm(a, b)")
SQUARE = ("mindspore.ops.square(x)", "x * x")
MUL = ("mindspore.ops.mul(x, y)", "x * y")
SWAP = ("mindspore.ops.sub(x, y)", "mindspore.ops.rsub(y, x)")
SOFTMAX = ("mindspore.ops.softmax(x, axis=d)", "mindspore.mint.softmax(x, d)")
SIGNED = ("mindspore.ops.softmax(x, axis=-1, *, dtype=None)",)
MEAN = (
    "mindspore.ops.mean(x, -1, True)",
    "mindspore.ops.rows(x)",
    ("mindspore.ops.mean(x, axis=None, keep_dims=False)",),
)


@pytest.mark.parametrize(
    ("rule", "code", "expected"),
    [
        (MATMUL, "ops.matmul(x, ops.transpose(y, -1, -2))", "mint.bmm(x, y)"),
        (MATMUL, "ops.matmul(f(x), ops.transpose(f(y), - 1, (-2)))", "mint.bmm(f(x), f(y))"),
        (SQUARE, "ops.square(self.weight)", "self.weight * self.weight"),
        (SQUARE, "-ops.square(x) ** 2", "-(x * x) ** 2"),
        (SQUARE, "ops.square(x) + ops.square((y))", "x * x + (y) * (y)"),
        (SQUARE, "1 / ops.square(x)", "1 / (x * x)"),
        (MUL, "ops.mul(a + b, c)", "(a + b) * c"),
        (MUL, "ops.mul(a, lambda: b)", "a * (lambda: b)"),
        (MUL, "ops.mul(a, b if c else x)", "a * (b if c else x)"),
        (MUL, "ops.mul(ops.mul(a, b), f(ops.mul(b, c)))", "a * b * f(b * c)"),
        (MUL, "ops.mul(a, ops.mul(b, c))", "a * (b * c)"),
        (MUL, "ops.mul(a, b).shape", "(a * b).shape"),
        (MUL, "[ops.mul(a, i) for i in x]", "[a * i for i in x]"),
        (MUL, "(lambda q: ops.mul(q, a))", "(lambda q: q * a)"),
        (("mindspore.ops.identity(x)", "x"), "ops.identity(ops.identity(a + b)) * c", "(a + b) * c"),
        (("mindspore.ops.sum(x)", "mindspore.mint.sum(x, 0)"), "ops.sum(i for i in a)", "mint.sum((i for i in a), 0)"),
        (("x.swapaxes(-1, -2)", "mindspore.ops.swap(x)"), "f(a).swapaxes(-1, -2)", "ops.swap(f(a))"),
        (
            ("x.swap(y)", "mindspore.ops.swap(x, y)"),
            "self.a.swap(ops.exp(a).swap(b))",
            "ops.swap(self.a, ops.swap(ops.exp(a), b))",
        ),
        (("mindspore.ops.exp", "mindspore.mint.exp"), "f(ops.exp)(ops.exp(a))", "f(mint.exp)(mint.exp(a))"),
        (("x[:, 0]", "mindspore.ops.first(x)"), "a[:, 0] + a[0] + a[:1, 0]", "ops.first(a) + a[0] + a[:1, 0]"),
        (("builtins.float(x)", "x"), "float(a)", "a"),
        (("float(x)", "x"), "float(a)", "a"),
        (("mindspore.ops.add(x, x)", "mindspore.ops.double(x)"), "ops.add(a + b, (a+b))", "ops.double(a + b)"),
        (SOFTMAX, "ops.softmax(axis=1, x=a)", None),
        ((*SOFTMAX, SIGNED), "ops.softmax(axis=1, x=a)", None),
        ((*SOFTMAX, SIGNED), "ops.softmax(a, 1)", "mint.softmax(a, 1)"),
        ((*SOFTMAX, SIGNED), "ops.softmax(a)", "mint.softmax(a, -1)"),
        ((*SOFTMAX, SIGNED), "ops.softmax(a, 0, dtype=None)", "mint.softmax(a, 0)"),
        (MEAN, "ops.mean(a, keep_dims=True, axis=-1)", "ops.rows(a)"),
    ],
)
def test_what_is_written(rule, code, expected):
    found = tried(code, make(*rule))
    if expected is None:  # the order of two plain arguments does not matter, so this one may be either
        expected = "mint.softmax(a, 1)" if len(rule) > 2 else code
    assert found.code == expected


@pytest.mark.parametrize(
    ("rule", "code", "reason"),
    [
        (SQUARE, "ops.square(f(x))", "f(x) would be evaluated twice"),
        (SQUARE, "ops.square(a + b)", "a + b would be evaluated twice"),
        (SQUARE, "ops.square(*a)", "unpacked with *"),
        (SQUARE, "ops.square(a, b)", "more arguments"),
        (SQUARE, "ops.square()", "fewer arguments"),
        (SQUARE, "ops.square(x=a)", "given otherwise"),
        (SQUARE, "f'{ops.square(a)}'", "f-string"),
        (SQUARE, "ops.square(\n            a  # the width\n        )", "comment"),
        (SWAP, "ops.sub(f(a), f(b))", "another order"),
        (SWAP, "ops.sub(a.b, f(b))", "another order"),
        (SWAP, "ops.sub(a, (b := f(c)))", "another order"),
        (("mindspore.ops.zero(x)", "0"), "ops.zero(f(a))", "not be evaluated any more"),
        (("mindspore.ops.add(x, x)", "mindspore.ops.double(x)"), "ops.add(f(a), f(a))", "the second time"),
        (SOFTMAX, "ops.softmax(a, 1)", "does not give the signature"),
        ((*SOFTMAX, SIGNED), "ops.softmax(a, 1, dtype=b)", "given dtype"),
        ((*SOFTMAX, SIGNED), "ops.softmax(a, dim=1)", "do not fit"),
        (MATMUL, "ops.matmul(a, ops.transpose(*b))", "unpacked with *"),
    ],
)
def test_what_is_left_and_why(rule, code, reason):
    found = tried(code, make(*rule))
    assert found.code == code
    assert found.count == 0
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (MATMUL, "ops.matmul(a, b)"),
        (MATMUL, "ops.matmul(a, ops.transpose(b, -2, -1))"),
        (MATMUL, "ops.matmul(a, ops.transpose(b, -1.0, -2))"),
        (SQUARE, "self.square(a) + f.ops.square(a) + mint.square(a)"),
        (("mindspore.ops.add(x, x)", "mindspore.ops.double(x)"), "ops.add(a, b)"),
        (MEAN, "ops.mean(a, -1)"),
        (("x.swap(y)", "mindspore.ops.swap(x, y)"), "ops.swap(a) + mint.nn.swap(b)"),
        (("x.T", "mindspore.ops.t(x)"), "ops.T"),
        (("mindspore.ops.exp", "mindspore.mint.exp"), "a.exp + f(exp=a)"),
    ],
)
def test_what_is_something_else_is_passed_over(rule, code):
    found = tried(code, make(*rule))
    assert (found.code, found.count, found.reasons) == (code, 0, [])


def test_swapping_what_does_nothing():
    assert tried("ops.sub(a, self.x)", make(*SWAP)).code == "ops.rsub(self.x, a)"
    assert tried("ops.sub(a, f(b))", make(*SWAP)).code == "ops.rsub(f(b), a)"
    header = "from mindspore import nn, ops\n\ndef rebinding():\n    global a\n"
    assert "another order" in tried("ops.sub(a, f(b))", make(*SWAP), header=header + "    a = 1\n").reasons[0]


def test_the_layout_of_a_call_stays():
    code = "ops.square(\n            f(a),  # the width\n            b,\n        )"
    item = make("mindspore.ops.square(x, y)", "mindspore.mint.square(x, y)")
    assert tried(code, item).code == code.replace("ops.", "mint.")


def test_a_rewritten_argument_keeps_the_layout_around_it():
    code = "ops.exp(\n            ops.exp(a),  # twice\n        )"
    assert tried(code, make("mindspore.ops.exp(x)", "mindspore.mint.exp(x)")).code == code.replace("ops.", "mint.")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("from mindspore import nn\nfrom mindspore import ops as P\n", "P.square(a)"),
        ("import mindspore as ms\nfrom mindspore import nn\n", "ms.ops.square(a)"),
        ("from mindspore import nn\nfrom mindspore.ops import square as sq\n", "sq(a)"),
        ("import mindspore\nimport mindspore.nn as nn\n", "mindspore.ops.square(a)"),
    ],
)
def test_aliases(text, line):
    found = tried(line, make(*SQUARE), header=text)
    assert found.code == "a * a"
    assert found.count == 1


@pytest.mark.parametrize(
    "text",
    [
        in_a_file("ops.square(ops)", arguments="self, ops"),
        in_a_file("ops.square(1)", header="from mindspore import nn, ops\nops = nn\n"),
        in_a_file("[ops.square(1) for ops in x]"),
        in_a_file("(lambda ops: ops.square(1))"),
        in_a_file("square(x)", header="from mindspore import nn, ops\nsquare = ops.Square()\n"),
    ],
)
def test_a_shadowed_name_is_something_else(text):
    assert not run(text, make(*SQUARE)).changed


def test_the_builtin_must_be_the_builtin():
    item = make("mindspore.ops.size(x)", "len(x)")
    assert tried("ops.size(a)", item).code == "len(a)"
    assert "len of its own" in tried("ops.size(len)", item, arguments="self, len").reasons[0]
    assert tried("float(a)", make("float(x)", "x"), arguments="self, a, float").code == "float(a)"


def test_what_is_bound_is_no_expression():
    text = in_a_file("a", header="from mindspore import nn, ops\n").replace(
        "        return", "        a[0] = b[0]\n        for a[0] in x[f(c[0])]:\n            del a[0]\n        return"
    )
    result = run(text, make("x[0]", "mindspore.ops.first(x)"))
    assert "a[0] = ops.first(b)" in result.text
    assert "for a[0] in x[f(ops.first(c))]:" in result.text
    assert "del a[0]" in result.text


def test_what_runs_on_import_is_left_with_its_reason():
    text = in_a_file("a", header="from mindspore import nn, ops\nZERO = ops.exp(0)\n")
    text = text.replace("self, a,", "self, a=ops.exp(0), *,")
    result = run(text, make("mindspore.ops.exp(x)", "mindspore.mint.exp(x)"))
    assert not result.changed
    assert [site.line for site in result.sites] == [2, 6]
    assert all("when the file is imported" in site.reason for site in result.sites)


def test_both_dialects():
    item = make(("mindspore.ops.square(x)", "mindnlp.core.ops.square(x)"), "x * x")
    text = in_a_file("ops.square(a)", header="from mindnlp.core import nn, ops\n")
    text = text.replace("nn.Cell", "nn.Module").replace("construct", "forward")
    assert "return a * a" in run(text, item).text
    assert "return a * a" in run(in_a_file("ops.square(a)"), item).text
    assert not run(text, make(*SQUARE)).changed


def test_the_sites():
    text = in_a_file("ops.square(a) + ops.square(f(a))")
    sites = run(text, make(*SQUARE)).sites
    assert [(site.outcome, site.line, site.what, site.pass_name) for site in sites] == [
        (Outcome.REWRITTEN, 6, "mindspore.ops.square", "mine"),
        (Outcome.SKIPPED, 6, "mindspore.ops.square", "mine"),
    ]
    assert sites[0].reason == "x * x"


def test_places_that_a_rewriting_makes_are_rewritten_in_the_same_run():
    item = make("mindspore.ops.f(mindspore.ops.g(x))", "x")
    found = tried("ops.f(ops.f(ops.g(ops.g(a))))", item)
    assert (found.code, found.count) == ("a", 2)


def test_what_never_ends_is_a_failure_and_leaves_the_file():
    from rewriter import pipeline, source
    from rewriter.targets import Target

    item = make(
        "mindspore.ops.f(mindspore.ops.g(x))", "mindspore.ops.g(mindspore.ops.g(mindspore.ops.f(mindspore.ops.f(x))))"
    )
    text = in_a_file("ops.f(ops.f(ops.g(ops.g(a))))")
    result = pipeline.run(source.parse(text.encode()), [item], Target())
    assert not result.changed
    assert "without end" in result.failures[0].error


def test_check_refuses_with_a_reason_and_sees_what_the_wildcards_are():
    def check(self, match):
        assert match.code("x") == "f( a )"
        assert match["x"] is match.wildcards["x"]
        return None if match.literal("y") == -1 else f"{match.code('y')} is not the last axis"

    item = make("mindspore.ops.mul(x, y)", "mindspore.ops.last(x)", check=check)
    assert tried("ops.mul(f( a ), -1)", item).code == "ops.last(f( a ))"
    assert tried("ops.mul(f( a ), 0)", item).reasons == ["0 is not the last axis"]
    assert tried("ops.mul(f( a ), b)", item).reasons == ["b is not the last axis"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (("mindspore.ops.mul(x, y)", "mindspore.ops.mul(y, x)"), "fits the pattern"),
        (("mindspore.ops.neg(x)", "mindspore.ops.exp(mindspore.ops.neg(x))"), "fits the pattern"),
        (("mindspore.ops.neg(x)", "x + y"), "has y, which the pattern"),
        (("x", "mindspore.ops.neg(x)"), "fits everything"),
        (("mindspore.ops.neg(", "x"), "not an expression"),
        (("mindspore.ops.neg(x)", "x if x else x"), "has a IfExp"),
        (("mindspore.ops.neg(x)", "x and x"), "has a BooleanOperation"),
        (("mindspore.ops.neg(*x)", "x"), "unpacks"),
        (("self.neg(x)", "x"), "attribute of self"),
        (("mindspore.ops.neg(x)", "x", ("mindspore.ops.neg(",)), "signature"),
        (("mindspore.ops.neg(x)", "x", ("mindspore.ops.neg(*x)",)), "signature"),
        (("mindspore.ops.neg(x, 1)", "x", ("mindspore.ops.neg(x)",)), "do not fit"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_loaded(rule, words):
    with pytest.raises(Exception, match=words) as error:
        make(*rule)
    assert type(error.value).__name__ == "PatternError"
    assert "Mine" in error.value.message


def test_a_pattern_without_a_replacement():
    with pytest.raises(Exception, match="no replacement"):
        type("Mine", (PatternPass,), {"pattern": "mindspore.ops.neg(x)"})
