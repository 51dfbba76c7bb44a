"""What the jit pass writes into a file: the decorator, the helper, nothing else."""

import ast
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling import slow_but

from rewriter import Outcome

FILE = '''\
"""Doc."""

import math
from mindspore import nn

LIMIT = 3


class Before(nn.Cell):
    def construct(self, x):
        return x


# About the encoder

# More about it
class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Decoder(Encoder):
    def construct(self, x, y):
        for layer in self.layers:
            x = layer(x) + math.pi * y
        return x
'''

MINDNLP = (
    FILE.replace("from mindspore import nn", "from mindnlp.core import nn")
    .replace("nn.Cell)", "nn.Module)")
    .replace("CellList", "ModuleList")
    .replace("def construct", "def forward")
)


def definitions(text):
    return {node.name: node for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def decorated(text):
    """Class → the method that carries a decorator, and the decorator's name."""
    found = {}
    for name, node in definitions(text).items():
        for item in node.body:
            if isinstance(node, ast.ClassDef) and isinstance(item, ast.FunctionDef) and item.decorator_list:
                found[name] = (item.name, ast.unparse(item.decorator_list[0]))
    return found


@pytest.mark.parametrize("text", [FILE, MINDNLP], ids=["mindspore", "mindnlp"])
class TestBothDialects:
    def test_every_flat_method_is_decorated_once(self, text, rewrite):
        new = rewrite(text).text
        found = decorated(new)
        assert set(found) == {"Encoder", "Decoder"}
        assert len({decorator for _, decorator in found.values()}) == 1
        assert all("_flat" in method for method, _ in found.values())

    def test_the_helper_stands_once_before_the_first_class_that_needs_it(self, text, rewrite):
        new = rewrite(text).text
        names = list(definitions(new))
        decorator = decorated(new)["Encoder"][1]
        assert names.count(decorator) == 1
        assert names.index("Before") < names.index(decorator) < names.index("Encoder")

    def test_it_stands_alone(self, text, rewrite):
        """It needs nothing that the original did not, MindSpore and Python aside, and never this project."""
        new = rewrite(text).text

        def modules(source):
            found = set()
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add(node.module.split(".")[0])
            return found

        assert modules(new) <= modules(text) | {"mindspore"} | sys.stdlib_module_names
        assert "rewriter" not in new

    def test_the_helper_takes_no_public_name(self, text, rewrite):
        added = definitions(rewrite(text).text).keys() - definitions(text).keys()
        assert added
        assert all(name.startswith("_") for name in added)

    def test_comments_and_spacing_around_it(self, text, rewrite):
        new = rewrite(text).text
        assert "\n\n\n# About the encoder\n\n# More about it\nclass Encoder(" in new
        assert "\n\n\n\n" not in new
        assert max(map(len, new.split("\n"))) <= 120

    def test_names_that_the_helper_uses_are_defined(self, text, rewrite):
        """No name of the helper is left to chance: builtins, its own names, imports."""
        new = rewrite(text).text
        tree = ast.parse(new)
        known = set(dir(__builtins__) if isinstance(__builtins__, types.ModuleType) else __builtins__)
        imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        known |= {alias.asname or alias.name for node in imports for alias in node.names}
        known |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        known |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        assert used <= known

    def test_a_second_run_adds_nothing(self, text, rewrite):
        first = rewrite(text)
        assert rewrite(first.text).data == first.data


@pytest.mark.parametrize(
    ("version", "spelling"),
    [
        ("2.7.0", ".jit(graph, fullgraph=True)"),
        ("2.10.0", ".jit(graph, fullgraph=True)"),
        ("2.6.0", '.jit(graph, jit_config=mindspore.JitConfig(jit_syntax_level="STRICT"))'),
    ],
)
def test_strict_is_spelled_for_the_version(version, spelling, rewrite):
    """From 2.7 on the old spelling is dropped with a warning and compiles LAX."""
    result = rewrite(FILE, mindspore=version)
    assert result.text.count(spelling) == 1
    assert result.text.count("fullgraph") + result.text.count("jit_syntax_level") == 1
    assert any(spelling.removeprefix(".") in site.reason for site in result.sites if site.pass_name == "jit")


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("from mindspore import nn", "mindspore.jit("),
        ("import mindspore\nfrom mindspore import nn", "mindspore.jit("),
        ("import mindspore as ms\nfrom mindspore import nn", "ms.jit("),
        ("from mindspore import nn, jit", "mindspore.jit("),
        ("from mindspore import nn\nmindspore = None", "ms_mindspore.jit("),
    ],
)
def test_the_file_s_own_name_for_mindspore(line, use, rewrite):
    new = rewrite(FILE.replace("from mindspore import nn", line)).text
    assert use in new
    scope = {node.id for node in ast.walk(ast.parse(new)) if isinstance(node, ast.Name)}
    assert use.split(".")[0] in scope


class TestNamesThatAreTaken:
    @pytest.mark.parametrize("name", ["_compiled", "_Graphs", "_Graph", "_taken_apart", "_put_together", "_state"])
    @pytest.mark.parametrize(
        "how", slow_but(["{} = True\n", "def {}():\n    return 1\n", "class {}:\n    pass\n"], "{} = True\n")
    )
    def test_at_module_level(self, name, how, rewrite):
        """The file's own things keep their names, wherever they stand, and the helper gets others."""
        own = how.format(name)
        for text in (FILE.replace("LIMIT = 3\n", "LIMIT = 3\n" + own), FILE + "\n\n" + own):
            new = rewrite(text).text
            assert new.count(own) == 1
            bound = [node.name for node in ast.parse(new).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
            assert bound.count(name) == (0 if "=" in own else 1), "the helper took a name of the file"
            decorator = decorated(new)["Encoder"][1]
            assert decorator in bound
            assert decorator != name
            assert rewrite(new).text == new

    def test_in_a_function(self, rewrite):
        """A local variable of the name is no reason to leave the helper out."""
        text = FILE.replace("        return x\n", "        _compiled = x\n        return _compiled\n", 1)
        new = rewrite(text).text
        assert decorated(new)["Encoder"][1] in definitions(new)

    def test_attributes_of_the_name_do_not_matter(self, rewrite):
        text = FILE.replace("        return x\n", "        return x._compiled\n", 1)
        assert decorated(rewrite(text).text)["Encoder"][1] in definitions(rewrite(text).text)


class TestWhatIsNotCompiled:
    def test_a_user_s_method_with_such_a_name(self, rewrite):
        text = FILE.replace("        return x\n", "        return self._construct_flat(x, scale=2)\n", 1).replace(
            "\n\n# About", "\n    def _construct_flat(self, x, scale=1):\n        return x\n\n\n# About"
        )
        new = rewrite(text).text
        assert set(decorated(new)) == {"Encoder", "Decoder"}

    def test_a_file_without_a_layer_loop(self, rewrite):
        text = FILE[: FILE.index("\n\n# About")]
        result = rewrite(text)
        assert not result.changed
        assert not [site for site in result.sites if site.pass_name == "jit" and site.outcome is Outcome.REWRITTEN]

    def test_the_pass_alone_has_nothing_to_do(self, rewrite):
        assert not rewrite(FILE, "jit").changed

    def test_a_flat_method_that_is_decorated_already(self, rewrite):
        once = rewrite(FILE, "flatten", "module-loops").text
        text = once.replace("    def _construct_flat(", "    @staticmethod\n    def _construct_flat(")
        new = rewrite(text, "jit").text
        assert "@staticmethod\n    @" not in new
        assert new.count("@staticmethod") == text.count("@staticmethod")


@pytest.mark.parametrize(
    ("spell", "check"),
    [
        (lambda text: text.replace("\n", "\r\n"), lambda data: data.count(b"\n") == data.count(b"\r\n")),
        (lambda text: text.replace("    ", "\t"), lambda data: b"\n\t" in data),
    ],
    ids=["crlf", "tabs"],
)
def test_the_helper_is_spelled_like_the_file(spell, check, rewrite):
    result = rewrite(spell(FILE))
    assert check(result.data)
    compile(result.data, "x", "exec")


@pytest.fixture(scope="module")
def helper(rewrite):
    """The helper's functions, run as plain Python: no MindSpore."""
    text = rewrite(FILE).text
    stand_in = types.ModuleType("mindspore")
    stand_in.Tensor = stand_in.Parameter = type("Tensor", (), {})
    start = text.index("def _compiled")
    scope = {"mindspore": stand_in, "__name__": "toy"}
    exec(compile(text[start : text.index("# About the encoder")], "helper", "exec"), scope)
    assert "mindspore.jit" in text
    assert sys.modules.get("mindspore") is not stand_in
    return scope


nested = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=12,
)


@settings(derandomize=True, database=None, deadline=None)
@given(value=nested)
def test_taken_apart_and_put_together_again(helper, value):
    leaves, layout = helper["_taken_apart"](value)
    again, rest, shape = helper["_put_together"](leaves, layout)
    assert repr(again) == repr(value)
    assert rest == ()
    assert shape == ()
    assert all(leaf is not None and not isinstance(leaf, (list, tuple)) for leaf in leaves)
    assert all(isinstance(number, int) for number in layout)


@settings(derandomize=True, database=None, deadline=None)
@given(one=nested, two=nested)
def test_layouts_tell_structures_apart(helper, one, two):
    """Graphs are found by their layout: two structures must never share one."""

    def shape(value):
        if isinstance(value, (list, tuple)):
            return (type(value).__name__, [shape(item) for item in value])
        return "none" if value is None else "leaf"

    same = helper["_taken_apart"](one)[1] == helper["_taken_apart"](two)[1]
    assert same == (shape(one) == shape(two))


def test_a_refusal_in_one_line(rewrite, import_file):
    """Some errors of MindSpore begin with headings between rules."""
    tell = import_file(rewrite(FILE).text)._reason
    rule = "-" * 20
    assert tell(RuntimeError("no such thing.\nmore"), "x.py:") == "no such thing."
    assert (
        tell(RuntimeError(f"\n{rule}\n- Select failed:\n{rule}\nNo kernel!\nmore"), "x.py:")
        == "Select failed: No kernel!"
    )
    assert tell(RuntimeError("odd\nIn file x.py:12~13, 4"), "x.py:") == "odd (line 12)"
    assert tell(RuntimeError(), "x.py:") == ""
