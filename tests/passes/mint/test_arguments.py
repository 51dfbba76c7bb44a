"""How the arguments of a call become those of its replacement, field by field of a row."""

from __future__ import annotations

import ast

import pytest
from msgspec import convert
from rewriter_passes.mint.arguments import Given, Unmapped, as_tuple, is_whole, plan
from rewriter_passes.mint.table import Api, Row


def mapped(call: str, target: str, signature: str, *, in_forward: bool = True, **fields: object) -> str:
    """Map the arguments of `call`, written as `f(...)`, and return the replacement as text."""
    row = convert({"source": "f", "signature": signature, "to": "g", "examples": (), **fields}, Row)
    api = Api(signature=target, since="2.7.0", cpu="probe 2.7.0")
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    given = [
        Given(ast.unparse(one.value), star="*") if isinstance(one, ast.Starred) else Given(ast.unparse(one))
        for one in node.args
    ]
    given += [Given(ast.unparse(one.value), one.arg or "", "" if one.arg else "**") for one in node.keywords]
    texts = []
    for one in plan(row, api, given, in_forward=in_forward):
        parts = [given[index].text for index in one.given]
        text = one.text or (parts[0] if len(parts) == 1 else f"({', '.join(parts)})")
        texts.append(f"{one.keyword}={text}" if one.keyword else text)
    return f"g({', '.join(texts)})"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f([a, b], 1)", "g([a, b], 1)"),
        ("f([a, b], axis=1)", "g([a, b], dim=1)"),
        ("f(axis=1, tensors=[a, b])", "g(dim=1, tensors=[a, b])"),
        ("f([a, b])", "g([a, b])"),
    ],
)
def test_styles_of_call_are_kept(call, expected):
    assert mapped(call, "(tensors, dim=0)", "(tensors, axis=0)", rename={"axis": "dim"}) == expected


def test_a_positional_argument_gets_a_keyword_where_the_replacement_wants_one():
    assert mapped("f(2, int64)", "(size, *, dtype=None)", "(size, dtype=None)") == "g(2, dtype=int64)"


def test_arguments_take_the_places_that_they_have_there():
    signature = "(input, target, weight=None, pos_weight=None, reduction='mean')"
    target = "(input, target, weight=None, reduction='mean', pos_weight=None)"
    assert mapped("f(x, y, w, p, 'sum')", target, signature) == "g(x, y, w, 'sum', p)"
    assert mapped("f(x, y, w, p)", target, signature) == "g(x, y, w, pos_weight=p)"


def test_arguments_that_would_be_evaluated_in_another_order_stay():
    fields = {"rename": {"input": "index", "weight": "table"}}
    assert mapped("f(ids, table)", "(table, index)", "(input, weight)", **fields) == "g(table, ids)"
    with pytest.raises(Unmapped, match="another order"):
        mapped("f(ids(), table())", "(table, index)", "(input, weight)", **fields)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("f(*parts)", "unpacked"),
        ("f(a, **options)", "unpacked"),
        ("f(a, b, c)", "more arguments"),
        ("f(a, size=1)", "no parameter size"),
        ("f(a, input=b)", "no parameter input, or has it twice"),
        ("f(dim=1)", "input was not given"),
    ],
)
def test_calls_that_do_not_fit_the_signature_stay(call, reason):
    with pytest.raises(Unmapped, match=reason):
        mapped(call, "(input, dim=0)", "(input, dim=0)")


def test_refuse():
    fields = {"refuse": {"order": "unknown there"}}
    signature, target = "(input, order='C', *, start=1)", "(input, start=0)"
    assert mapped("f(x)", target, signature, **fields) == "g(x)"
    assert mapped('f(x, "C")', target, signature, **fields) == "g(x)", "its default, written out, is dropped"
    assert mapped("f(x, order='C', start=2)", target, signature, **fields) == "g(x, start=2)"
    with pytest.raises(Unmapped, match="order is passed: unknown there"):
        mapped("f(x, 'F')", target, signature, **fields)


@pytest.mark.parametrize("call", ["f(x)", "f(x, None)", "f(x, axis=None)"])
def test_require(call):
    with pytest.raises(Unmapped, match="say which"):
        mapped(call, "(input, dim)", "(input, axis=None)", rename={"axis": "dim"}, require={"axis": "say which"})


def test_not_none():
    fields = {"not_none": {"dim": "another axis"}}
    assert mapped("f(x)", "(input, dim=None)", "(input, dim=-1)", **fields) == "g(x)"
    with pytest.raises(Unmapped, match="another axis"):
        mapped("f(x, dim=None)", "(input, dim=None)", "(input, dim=-1)", **fields)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [("int", "-1", "1.0"), ("int", "2", "True"), ("number", "0.5", "'fro'"), ("str", "'a->b'", "equation")],
)
def test_only(kind, good, bad):
    assert mapped(f"f({good})", "(p)", "(p)", only={"p": kind}) == f"g({good})"
    with pytest.raises(Unmapped, match="must be a literal"):
        mapped(f"f({bad})", "(p)", "(p)", only={"p": kind})


def test_choices():
    fields = {"choices": {"exact": {"True": "'none'", "False": "'tanh'"}, "mode": {"'pad'": ""}}}
    signature, target = "(exact, mode='same')", "(exact)"
    assert mapped("f(False, mode='pad')", target, signature, **fields) == "g('tanh')"
    with pytest.raises(Unmapped, match=r"exact must be one of True, False, and is flag"):
        mapped("f(flag)", target, signature, **fields)
    with pytest.raises(Unmapped, match="mode must be one of 'pad'"):
        mapped("f(True, 'same')", target, signature, **fields)


def test_choices_keep_what_was_written():
    assert (
        mapped("f('constant')", "(mode)", "(mode)", choices={"mode": {"'constant'": "'constant'"}}) == "g('constant')"
    )


def test_add():
    fields = {"add": {"start": "1"}}
    signature, target = "(input, start=1, end=-1)", "(input, start=0, end=-1)"
    assert mapped("f(x)", target, signature, **fields) == "g(x, start=1)"
    assert mapped("f(x, 2)", target, signature, **fields) == "g(x, 2)"
    assert mapped("f(x, start=2)", target, signature, **fields) == "g(x, start=2)"
    assert mapped("f(x, end=2)", target, signature, **fields) == "g(x, end=2, start=1)"


@pytest.mark.parametrize(
    ("arguments", "added"),
    [
        ("n", False),
        ("0, 10", False),
        ("0, x.shape[1], 2", False),
        ("len(x) - 1, 2 * x.ndim", False),
        ("0, n", True),
        ("0, n, dtype=int32", False),
        ("0.0, 1", True),
    ],
)
def test_add_unless_whole(arguments, added):
    signature = "(start=0, end=None, step=1, *, dtype=None)"
    text = mapped(f"f({arguments})", signature, signature, add_unless_whole={"dtype": "int64"})
    assert text == f"g({arguments}{', dtype=int64' if added else ''})"


@pytest.mark.parametrize("text", ["x.shape", "x.shape[1:]", "size", "True", "1.0", "x.shape[0] / 2", "f(x)"])
def test_what_is_not_certainly_whole(text):
    assert not is_whole(text)


def test_forward_only():
    fields = {"forward_only": {"dtype": "the default dtype may change"}}
    signature = "(size, dtype=None)"
    assert mapped("f(2)", signature, signature, **fields) == "g(2)"
    assert mapped("f(2, dtype=d)", signature, signature, in_forward=False, **fields) == "g(2, dtype=d)"
    with pytest.raises(Unmapped, match="the default dtype may change"):
        mapped("f(2)", signature, signature, in_forward=False, **fields)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f(2, 3)", "g((2, 3))"),
        ("f((2, 3))", "g((2, 3))"),
        ("f(shape)", "g(shape)"),
        ("f(2, 3, dtype=d)", "g((2, 3), dtype=d)"),
    ],
)
def test_pack(call, expected):
    assert mapped(call, "(size, *, dtype=None)", "(*size, dtype=None)", pack="size") == expected


def test_variadic_arguments_are_handed_on():
    assert mapped("f(eq, a, b)", "(equation, *operands)", "(equation, *operands)") == "g(eq, a, b)"


@pytest.mark.parametrize(
    ("text", "expected"), [("(0, 1)", ""), ("[0, 1]", "(0, 1)"), ("[0]", "(0,)"), ("[0,]", "(0,)"), ("(0,)", "")]
)
def test_as_tuple(text, expected):
    assert as_tuple(text, "dims") == expected


def test_what_may_be_a_list_stays():
    with pytest.raises(Unmapped, match="dims must be a tuple to be sure, and is perm"):
        mapped("f(x, perm)", "(input, dims)", "(input, dims)", as_tuple=("dims",))
