"""Liveness and definite assignment, against hand-made cases and against running the program."""

import contextlib
import textwrap

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from programs import NAMES, Tape, blocks, tapes

from rewriter.dataflow import (
    captured,
    live_before,
    maybe_assigned,
    parameter_names,
    reads,
    surely_assigned,
    target_names,
)


def body(text):
    return cst.parse_module(textwrap.dedent(text).strip("\n") + "\n").body


def names(text):
    return frozenset(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", "x"),
        ("x.y.z", "x"),
        ("f(x, key=y, *z, **w)", "f x y z w"),
        ("x[i:j, k]", "x i j k"),
        ("[x for x in y]", "y"),
        ("[x for x in x]", "x"),
        ("[x + z for x in y if x > w]", "y z w"),
        ("{k: v for k, v in d.items()}", "d"),
        ("[b for a in x for b in a]", "x"),
        ("[a for a in x for b in y(a, b)]", "x y b"),
        ("(x for x in y)", "y"),
        ("lambda x: x + y", "y"),
        ("lambda x=x: x", "x"),
        ("lambda x, *a, k=d, **kw: (x, a, k, kw, z)", "d z"),
        ("lambda *, k=k: k", "k"),
        ("(x := y)", "y"),
        ("(x := x + 1)", "x"),
        ('f"{x!r:{w}} y"', "x w"),
        ("a if b else c", "a b c"),
        ("not x and -y or z", "x y z"),
        ("x < y < z", "x y z"),
        ("(yield x)", "x"),
        ("{**x, 'k': y}", "x y"),
        ("'x' 'y'", ""),
    ],
)
def test_reads(text, expected):
    assert reads(cst.parse_expression(text)) == names(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x", "x"), ("(a, [b, *c])", "a b c"), ("x.y", ""), ("x[0]", ""), ("(a, x.b, x[c])", "a")],
)
def test_target_names(text, expected):
    assert target_names(cst.parse_expression(text)) == names(expected)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("x = y", "x", "y"),
        ("x = x + 1", "x", "x"),
        ("x += y", "x", "x y"),
        ("x[i] = y", "", "x i y"),
        ("x.a = y", "", "x y"),
        ("x, z = y", "x z", "y"),
        ("x = z = y", "x z", "y"),
        ("x: int = y", "x", "y"),
        ("x: int", "x", "x"),
        ("x = 1; y = x", "y", ""),
        ("del x", "", "x"),
        ("import x.y", "x", ""),
        ("from p import q as x", "x q", "q"),
        ("return y", "x", "y"),
        ("raise E(y) from z", "x", "E y z"),
        # a branch kills only what both sides bind
        ("if c: x = 1", "x", "c x"),
        ("if c: x = 1\nelse: x = 2", "x", "c"),
        ("if c: x = 1\nelif d: x = 2\nelse: x = 3", "x", "c d"),
        ("if c: return y\nx = 1", "x", "c y"),
        ("if c: raise E\nelse: x = 1", "x", "c E"),
        # a walrus may run or not, and then it binds nothing
        ("if a and (x := b): pass", "x", "a b x"),
        ("z = a and (x := b)", "x", "a b x"),
        ("z = (x := 1) if a else 2", "x", "a x"),
        ("z = [(x := v) for v in a]", "x", "a x"),
        ("z = lambda: (x := 1)", "x", "x"),
        ("while (x := a): pass", "x", "a x"),
        # a loop may run no time at all
        ("for x in y: z = x", "z", "y z"),
        ("for i in y: x = x + i", "x", "x y"),
        ("for i in y: x = i\nelse: x = 1", "x", "y"),
        ("for i in y:\n    if i: break\n    x = i\nelse: x = 1", "x", "y x"),
        ("for i in y:\n    if i: continue\n    x = i\nelse: x = 1", "x", "y"),
        (
            "for i in y:\n    for j in z:\n        if j: break\n        w = 1\n    else: w = 2\n    use(w)",
            "",
            "y z w use",
        ),
        ("while c: c = f(x)", "", "c f x"),
        ("while True:\n    x = f()\n    if x: break", "x", "f x"),
        ("for x.a in y: pass", "", "x y"),
        # the body of try may stop anywhere
        ("try: x = f()\nexcept E: pass", "x", "f E x"),
        ("try: x = f()\nexcept E as e: x = e", "x", "f E x"),
        ("for i in y:\n    try: break\n    except E: pass\n    x = 1\nelse: x = 2", "x", "y x"),
        ("for i in y:\n    try: continue\n    finally: pass\nelse: x = 2", "x", "y"),
        # with: what it calls may swallow an exception
        ("with f() as x: pass", "x", "f x"),
        ("with f() as g, g(): pass", "", "f g"),
        ("match y:\n    case [x, 1]: pass", "x", "y x"),
        # functions made here read when they run
        ("def f(): return x", "f", "x"),
        ("def f(a=x): return a", "f", "x"),
        ("class C(x):\n    y = z", "C", "x z"),
    ],
)
def test_live_before(text, after, expected):
    found = live_before(body(text), names(after))
    missing = names(expected) - found
    assert not missing, f"not live, although it may be read: {set(missing)}"
    # Inner functions, try and match may be over-estimated; straight code, branches and loops may not.
    if not any(word in text for word in ("def ", "class ", "try", "match", "with", "while", "for i in y: x = i\n")):
        assert found == names(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", "x"),
        ("if c: x = 1\nelse: y = 1", "x y"),
        ("for x in y: z = 1", "x z"),
        ("while (x := f()): pass", "x"),
        ("if (x := f()): pass", "x"),
        ("for i in (x := y): pass", "i x"),
        ("y += (x := 1)", "y x"),
        ("with (x := f()) as (a, b): c = 1", "x a b c"),
        ("try: x = 1\nexcept E as e: y = 1\nelse: z = 1\nfinally: w = 1", "x e y z w"),
        (
            "match v:\n    case {'k': a, **rest}: b = 1\n    case [c, *d]: pass\n    case C(p=e) as f: pass",
            "a rest b c d e f",
        ),
        ("def f():\n    x = 1", "f"),
        ("class C:\n    x = 1", "C"),
        ("z = [x for x in y]", "z"),
        ("z = [(w := x) for x in y]", "z w"),
        ("z = lambda: (w := 1)", "z"),
        ("import a.b, c as d", "a d"),
        ("x.y = 1; x[0] = 2", ""),
        ("x: int", ""),
        ("return (x := 1)", "x"),
        ("assert (x := 1)", "x"),
    ],
)
def test_maybe_assigned(text, expected):
    assert maybe_assigned(body(text)) == names(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = x", "x y"),
        ("if c: x = 1", ""),
        ("if c: x = 1\nelse: x = 2", "x"),
        ("if c: x = 1\nelse: raise E", "x"),
        ("if c: x = 1\nelif d: x = 2", ""),
        ("if c: return\nx = 1", "x"),
        ("for x in y: z = 1", ""),
        ("while True: x = 1", ""),
        ("try: x = 1\nexcept E: pass", ""),
        ("with f() as x: y = 1", ""),
        ("z = a and (x := b)", "z"),
        ("if a and (x := b): pass", ""),
        ("z = [(x := v) for v in a]", "z"),
        ("x = 1\ndel x", ""),
        ("def f(): x = 1", "f"),
        ("x: int", ""),
    ],
)
def test_surely_assigned(text, expected):
    assert surely_assigned(body(text), frozenset()) == names(expected)


@pytest.mark.parametrize("text", ["return", "raise E", "break", "if c: return\nelse: raise E", "x = 1; return x"])
def test_surely_assigned_where_nothing_gets_through(text):
    assert surely_assigned(body(text), frozenset()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f = lambda: x", "x"),
        ("def f(): return x", "x"),
        ("g = (x for i in y)", "x"),
        ("class C:\n    def f(self): return x", "x"),
        ("z = [x for i in y]", ""),
        ("z = x + y", ""),
        ("if c:\n    for i in y:\n        f = lambda: x", "x"),
    ],
)
def test_captured(text, expected):
    found = captured(body(text))
    assert names(expected) <= found
    if not expected:
        assert not found


def test_parameter_names_in_order():
    function = body("def f(a, b=1, /, c=2, *d, e, f=3, **g): pass")[0]
    assert parameter_names(function) == list("abcdefg")
    function = body("def f(self, *, a): pass")[0]
    assert parameter_names(function) == ["self", "a"]


class Poison:
    """A value that nobody may look at: using it would show in the record of a run."""


def run(text, tape, **values):
    """Run `text` as a function of `values`; return what it gave, and what it used on the way."""
    environment = Tape(tape)
    scope = environment.names()
    lines = [f"def program({', '.join(values)}):", *("    " + line for line in text.split("\n"))]
    exec("\n".join(lines), scope)
    try:
        result = scope["program"](**values)
    except Exception as error:
        result = type(error).__name__
    return repr((result, environment.used))


FEW, MANY = (
    settings(max_examples=times, deadline=None, database=None, suppress_health_check=[*HealthCheck], derandomize=True)
    for times in (20, 100)
)


@FEW
@given(blocks(), tapes)
def test_nobody_reads_what_is_not_live(lines, tape):
    poison(lines, tape)


@pytest.mark.slow
@MANY
@given(blocks(), tapes)
def test_in_many_programs_nobody_reads_what_is_not_live(lines, tape):
    poison(lines, tape)


def poison(lines, tape):
    """Every dead variable is poisoned: the program must not notice."""
    text = "\n".join([*lines, f"return ({', '.join(NAMES[:2])})"])
    live = live_before(body(text), frozenset())
    honest = {name: f"value of {name}" for name in NAMES}
    expected = run(text, tape, **honest)
    for name in set(NAMES) - live:
        assert run(text, tape, **{**honest, name: Poison()}) == expected, f"{name} is read in\n{text}"


@FEW
@given(blocks(), tapes)
def test_assignment_sets_hold_what_a_run_binds(lines, tape):
    bind(lines, tape)


@pytest.mark.slow
@MANY
@given(blocks(), tapes)
def test_assignment_sets_hold_what_many_runs_bind(lines, tape):
    bind(lines, tape)


def bind(lines, tape):
    """What a run binds was foreseen as possible; what was called certain is bound in every run that gets through."""
    text = "\n".join(lines)
    possible, certain = maybe_assigned(body(text)), surely_assigned(body(text), frozenset())
    bound, got_through = {}, []
    scope = {**Tape(tape).names(), "bound": bound, "got_through": got_through}
    program = ["def program():", "    try:", *("        " + line for line in lines), "        got_through.append(True)"]
    program += ["    finally:", "        bound.update(locals())"]
    exec("\n".join(program), scope)
    with contextlib.suppress(NameError, Tape.Boom):
        scope["program"]()
    assert set(bound) <= possible, text
    if got_through:
        assert certain is not None, text
        assert certain <= set(bound), text
