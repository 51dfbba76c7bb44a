"""Names, lines and replacement on syntax trees."""

import re

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from rewriter.printing import printed, printed_with_lines
from rewriter.source import parse, read
from rewriter.tree import (
    Names,
    bound_name,
    children,
    dotted_name,
    find,
    first_line,
    identifiers,
    parse_dotted,
    replace,
    walk,
)


def tree_of(text):
    return cst.parse_module(text)


def qualified(text, package="", spot="call"):
    """The qualified name of the function in the last call of `text`."""
    source = parse(text.encode(), package=package)
    return Names(source).qualified(list(find(source.tree, cst.Call))[-1].func)


class TestQualifiedNames:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("from mindspore import ops\nops.cat(x)", "mindspore.ops.cat"),
            ("from mindspore import ops as P\nP.cat(x)", "mindspore.ops.cat"),
            ("import mindspore as ms\nms.ops.cat(x)", "mindspore.ops.cat"),
            ("import mindspore\nmindspore.ops.cat(x)", "mindspore.ops.cat"),
            ("import mindspore.ops\nmindspore.ops.cat(x)", "mindspore.ops.cat"),
            ("import mindspore.ops as P\nP.cat(x)", "mindspore.ops.cat"),
            ("from mindspore.ops import cat as c\nc(x)", "mindspore.ops.cat"),
            ("from mindspore import ops\ndef f():\n    return ops.cat(x)", "mindspore.ops.cat"),
            ("def f():\n    from mindspore import ops\n    return ops.cat(x)", "mindspore.ops.cat"),
            (
                "from mindspore import ops\nclass C:\n    def f(self):\n        return [ops.cat(x) for y in z]",
                "mindspore.ops.cat",
            ),
            ("len(x)", "builtins.len"),
            # shadowed, local, unknown, ambiguous
            ("from mindspore import ops\ndef f(ops):\n    return ops.cat(x)", None),
            ("from mindspore import ops\ndef f():\n    ops = 1\n    return ops.cat(x)", None),
            ("from mindspore import ops\nops = 1\nops.cat(x)", None),
            ("if c:\n    from mindspore import ops\nelse:\n    from torch import ops\nops.cat(x)", None),
            ("def len(x): pass\nlen(x)", None),
            ("def cat(x): pass\ncat(x)", None),
            ("f(x)(y)", None),
            ("from mindspore import ops\nself.ops.cat(x)", None),
            ("from mindspore import *\ncat(x)", None),
        ],
    )
    def test_the_last_call(self, text, expected):
        assert qualified(text) == expected

    @pytest.mark.parametrize(
        ("statement", "package", "expected"),
        [
            ("from . import ops\nops.cat(x)", "a.b.c", "a.b.c.ops.cat"),
            ("from .. import ops\nops.cat(x)", "a.b.c", "a.b.ops.cat"),
            ("from ...utils.logging import get\nget(x)", "a.b.c", "a.utils.logging.get"),
            ("from .ops import cat\ncat(x)", "a.b.c", "a.b.c.ops.cat"),
            ("from ....utils import get\nget(x)", "a.b", "....utils.get"),
            ("from ..utils import get\nget(x)", "", "..utils.get"),
        ],
    )
    def test_relative_imports(self, statement, package, expected):
        assert qualified(statement, package) == expected

    def test_what_a_module_imports(self):
        text = "import mindspore as ms\nfrom mindspore import nn\nfrom .x import y\nimport a.b\nfrom z import *\n"
        imported = Names(parse(text.encode(), package="p.q")).imported
        assert imported == {"ms": {"mindspore"}, "nn": {"mindspore.nn"}, "y": {"p.q.x.y"}, "a": {"a"}}

    def test_a_conditional_import_has_both_names(self):
        text = "if c:\n    from mindspore import ops\nelse:\n    from torch import ops\n"
        names = Names(parse(text.encode()))
        assert names.imported == {"ops": {"mindspore.ops", "torch.ops"}}
        assert not names.plain

    @pytest.mark.parametrize(
        "rest",
        [
            "",
            "def f(ops): pass",
            "def f():\n    ops = 1",
            "def f():\n    from x import ops",
            "def f():\n    global ops\n    ops = 1",
            "class C:\n    ops = 1",
            "[ops for ops in x]",
            "for ops in x: pass",
            "del ops",
            "ops += 1",
            "with x as ops: pass",
            "try:\n    pass\nexcept E as ops:\n    pass",
            "(ops := 1)",
            "f = lambda ops: 1",
            "def ops(): pass",
            "class ops: pass",
            "match x:\n    case ops: pass",
            "from x import ops",
        ],
    )
    def test_plain_is_what_one_import_alone_binds(self, rest):
        names = Names(parse(f"from mindspore import ops\n{rest}\n".encode()))
        assert names.plain == ({} if rest else {"ops": "mindspore.ops"})

    def test_a_name_that_a_class_would_mangle_is_not_plain(self):
        text = "from mindspore import ops as __ops\nclass C:\n    def f(self, __ops):\n        return __ops.cat(x)\n"
        assert qualified(text) is None

    def test_the_symbol_table_agrees_with_the_scope_analysis(self, any_file):
        source = read(any_file)
        names = Names(source)
        checked = 0
        for node in find(source.tree, (cst.Name, cst.Attribute)):
            dotted = dotted_name(node)
            if dotted is not None and names._scopes.get(node) is not None:
                assert names.qualified(node) == names._qualified_by_scope(node, dotted), dotted
                checked += 1
        assert checked > 1000

    def test_metadata_stays_true_on_a_rewritten_tree(self):
        source = parse(b"from mindspore import ops\n\ndef f(x):\n    y = ops.cat(x)\n    return y\n")
        tree = source.tree
        names, lines = Names(source), source.lines
        returned = next(find(tree, cst.Return))
        new = replace(tree, {returned: returned.with_changes(value=cst.Name("z"))})
        call = next(find(new, cst.Call))
        assert names.qualified(call.func) == "mindspore.ops.cat"
        assert lines[call] == 4


def test_dotted_names_there_and_back():
    for text in ("a", "a.b", "a.b.c"):
        assert dotted_name(cst.parse_expression(text)) == text
        assert parse_dotted(text).deep_equals(cst.parse_expression(text))
    for text in ("a()", "a().b", "a[0].b", "1"):
        assert dotted_name(cst.parse_expression(text)) is None


def test_lines_are_those_that_libcst_gives(any_file):
    tree = cst.parse_module(any_file.read_bytes())
    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    lines = printed_with_lines(tree).lines
    kinds = (cst.Call, cst.For, cst.If, cst.FunctionDef, cst.ClassDef, cst.SimpleStatementLine, cst.Assign)
    checked = 0
    for node in find(tree, kinds):
        assert first_line(node, lines) == positions[node].start.line, type(node).__name__
        checked += 1
    assert checked > 500


def test_the_printed_text_is_what_libcst_prints(any_file):
    tree = cst.parse_module(any_file.read_bytes())
    changed = replace(tree, {next(find(tree, cst.SimpleStatementLine)): cst.parse_statement("x = (yes, [no])  # é")})
    assert printed(changed) == changed.bytes
    assert printed(tree) == tree.bytes == any_file.read_bytes()
    known = printed_with_lines(tree).tokens
    assert len(known) > 25
    assert printed(changed, known) == changed.bytes


def test_a_known_function_elsewhere_is_printed_anew():
    tree = tree_of("def f():\n    pass\n\n\nclass A:\n    def g(self):\n        pass")
    known = printed_with_lines(tree).tokens
    function, owner = tree.body
    moved = owner.with_changes(body=owner.body.with_changes(body=[*owner.body.body, function]))
    for body in ([moved], [function, *owner.body.body], [owner, function]):
        changed = tree.with_changes(body=body)
        assert printed(changed, known) == changed.bytes
    narrow = owner.with_changes(body=owner.body.with_changes(indent="  "))
    assert printed(tree.with_changes(body=[narrow]), known).count(b"\n  def g") == 1


def test_decorators_and_comments_do_not_move_a_line():
    tree = tree_of("# one\n@d\n# two\ndef f():\n    # three\n    x = 1\n\n    # four\n    for y in z:\n        pass\n")
    lines = printed_with_lines(tree).lines
    assert first_line(next(find(tree, cst.FunctionDef)), lines) == 4
    assert first_line(next(find(tree, cst.SimpleStatementLine)), lines) == 6
    assert first_line(next(find(tree, cst.For)), lines) == 9


def test_walk_sees_what_libcst_sees(any_file):
    """Our faster walk leaves out layout only: every name, call, string and statement is found."""

    class Counter(cst.CSTVisitor):
        def __init__(self):
            self.found = {}

        def on_visit(self, node):
            self.found[type(node)] = self.found.get(type(node), 0) + 1
            return True

    tree = cst.parse_module(any_file.read_bytes())
    counter = Counter()
    tree.visit(counter)
    ours = {}
    for node in walk(tree):
        ours[type(node)] = ours.get(type(node), 0) + 1
    kinds = [
        kind
        for kind in counter.found
        if issubclass(kind, (cst.BaseExpression, cst.BaseStatement, cst.BaseSmallStatement))
    ]
    assert len(kinds) > 25
    for kind in [*kinds, cst.Arg, cst.Param, cst.ImportAlias, cst.Decorator, cst.Else, cst.CompFor]:
        assert ours.get(kind, 0) == counter.found.get(kind, 0), kind


def test_walk_can_stay_out_of_inner_functions():
    tree = tree_of(
        "def f():\n    x = lambda: y\n    def g():\n        z\n    class C:\n        w\n    [v for v in u]\n"
    )
    function = next(find(tree, cst.FunctionDef))
    inside = {node.value for node in find(function, cst.Name, into_functions=False)}
    assert {"f", "x", "v", "u"} <= inside
    assert not {"y", "z", "w"} & inside


def test_children_are_in_the_tree():
    node = cst.parse_statement("x = [a, *b, {**c}]\n")
    assert all(isinstance(part, cst.CSTNode) for item in walk(node) for part in children(item))


@pytest.mark.parametrize(
    ("text", "expected", "absent"),
    [
        ("x.y(z=w)", {"x", "w"}, {"y", "z"}),
        ("from mindspore import nn as n\n", {"n"}, {"mindspore", "nn"}),
        ("import a.b, c\n", {"a", "c"}, {"b"}),
        ("import a.b as d\n", {"d"}, {"a", "b"}),
        ("from x import *\n", set(), {"x"}),
        ("try:\n    from x import *\nexcept ImportError:\n    y = 1\n", {"y", "ImportError"}, {"x"}),
        ("def f(a, *b, c=d, **e): pass\n", {"f", "a", "b", "c", "d", "e"}, set()),
        ("f'{x.y}'\n", {"x"}, {"y"}),
        ("global g\n", {"g"}, set()),
    ],
)
def test_identifiers(text, expected, absent):
    found = identifiers(tree_of(text))
    assert expected <= found
    assert not absent & found


def test_bound_name():
    def names(text):
        return [bound_name(alias) for alias in find(tree_of(text), cst.ImportAlias)]

    assert names("import a.b.c, d as e\n") == ["a", "e"]
    assert names("from x.y import z, w as v\n") == ["z", "v"]


class TestReplace:
    TEXT = "# head\nx = 1  # one\n\n\ndef f(a):  # two\n    b = a\n    return b  # three\n\n# foot\n"

    def test_nothing_to_do_gives_the_same_object(self):
        tree = tree_of(self.TEXT)
        assert replace(tree, {}) is tree
        assert replace(tree, {cst.Name("x"): cst.Name("y")}) is tree

    def test_only_the_path_is_rebuilt(self):
        tree = tree_of(self.TEXT)
        returned = next(find(tree, cst.Return))
        new = replace(tree, {returned.value: cst.Name("c")})
        assert new.code == self.TEXT.replace("return b", "return c")
        assert new.body[0] is tree.body[0]
        assert new.body[1].params is tree.body[1].params
        assert tree.code == self.TEXT

    def test_by_identity_not_by_equality(self):
        tree = tree_of("x = a + a\n")
        first = next(node for node in find(tree, cst.Name) if node.value == "a")
        assert replace(tree, {first: cst.Name("b")}).code == "x = b + a\n"

    def test_one_statement_by_several_and_by_none(self):
        tree = tree_of("x = 1\ny = 2\nz = 3\n")
        two = cst.FlattenSentinel([cst.parse_statement("p = 1\n"), cst.parse_statement("q = 1\n")])
        new = replace(tree, {tree.body[0]: two, tree.body[1]: cst.RemovalSentinel.REMOVE})
        assert new.code == "p = 1\nq = 1\nz = 3\n"

    def test_every_place_a_node_can_be_in(self):
        text = (
            "@d(a)\n"
            "def f(x=a, *, y: a = a) -> a:\n"
            "    with a as b, a: pass\n"
            "    try: a\n"
            "    except a: a\n"
            "    else: a\n"
            "    finally: a\n"
            "    return f'{a:{a}}', a[a:a], {a: a}, lambda z=a: a, [a for b in a if a], a if a else a\n"
        )
        tree = tree_of(text)
        spots = [node for node in find(tree, cst.Name) if node.value == "a"]
        words = [word for word in re.findall(r"\w+", text) if word == "a"]
        assert len(spots) == len(words)
        new = replace(tree, {node: cst.Name("q") for node in spots})
        assert not [node for node in find(new, cst.Name) if node.value == "a"]
        compile(new.code.replace("return ", "x = "), "x", "exec")
