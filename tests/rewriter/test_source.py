"""Bytes in, bytes out: what nobody rewrote stays as it was."""

import ast
import io
import subprocess
import tokenize
from collections import Counter

import pytest

from rewriter import pipeline, source
from rewriter.errors import UnreadableSource
from rewriter.passes import Outcome
from rewriter.targets import Target

FILE = '''from mindspore import nn


class Encoder(nn.Cell):
    """Ünïcode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8) for _ in range(2)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
'''

SPELLINGS = {
    "lf": FILE.encode(),
    "crlf": FILE.replace("\n", "\r\n").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + FILE.encode(),
    "latin-1": b"# -*- coding: latin-1 -*-\n" + FILE.encode("latin-1"),
    "tabs": FILE.replace("    ", "\t").encode(),
    "two spaces": FILE.replace("    ", "  ").encode(),
    "form feed between classes": FILE.replace("\nclass", "\n\x0c\nclass").encode(),
    "form feed in a comment": FILE.replace("        for", "        # a\x0cb\n        for").encode(),
    "no newline at the end": FILE.rstrip("\n").encode(),
    "spaces at the end of lines": FILE.replace("x = layer(x)", "x = layer(x)   ").encode(),
    "backslash": FILE.replace("return x", "return \\\n            x").encode(),
    "odd line separators in a string": FILE.replace("Ünï", "a\x0bb\x85c\u2028d").encode(),
    "semicolons": FILE.replace("return x", "y = x; return y").encode(),
}


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_a_parsed_file_prints_as_it_was(spelling):
    data = SPELLINGS[spelling]
    file = source.parse(data)
    assert file.tree.bytes == data
    assert file.text.encode(file.tree.encoding.removesuffix("-sig")) == data


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_rewriting_keeps_the_spelling(spelling, rewrite):
    data = SPELLINGS[spelling]
    result = rewrite(data)
    assert result.changed
    assert not result.failures
    compile(result.data, "rewritten", "exec", dont_inherit=True)
    if spelling == "crlf":
        assert result.data.count(b"\n") == result.data.count(b"\r\n")
    if spelling == "tabs":
        assert not [line for line in _logical_lines(result.text) if line.startswith(" ")]
    assert result.data.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")
    assert result.data.endswith(b"\n") == data.endswith(b"\n")
    assert rewrite(result.data).data == result.data


def _logical_lines(text):
    """First lines of statements: what goes on inside a string or a bracket has its own layout."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    starts = {0} | {i + 1 for i, token in enumerate(tokens) if token.type in (tokenize.NEWLINE, tokenize.NL)}
    return [tokens[i].line for i in sorted(starts) if i < len(tokens)]


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_the_diff_is_a_patch_that_applies(spelling, rewrite, tmp_path):
    data = SPELLINGS[spelling]
    result = rewrite(data)
    file = tmp_path / "modeling_toy.py"
    file.write_bytes(data)
    patch = result.diff().encode(result.source.tree.encoding.removesuffix("-sig"))
    run = subprocess.run(
        ["patch", "--binary", "--silent", str(file)], input=patch, capture_output=True, cwd=tmp_path, check=False
    )
    assert run.returncode == 0, run.stdout.decode()
    assert file.read_bytes() == result.data


def test_a_file_that_nothing_matches_comes_back_as_the_same_bytes(rewrite):
    data = b"from mindspore import nn\r\n\n\tclass_ = 1\n".replace(b"\tclass_", b"class_") + (
        b"class Layer(nn.Cell):\n  def construct( self,x ) :\n      return x ;  \n\n\n"
    )
    result = rewrite(data)
    assert result.data is result.source.data
    assert not result.changed
    assert result.diff() == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"def f(:\n    pass\n", ["toy.py:1:7", "invalid syntax", "def f(:\n          ^"]),
        (b"if x:\n\tx = (\n", ["toy.py:2:", "was never closed"]),
        (b"print 'x'\n", ["toy.py:1:1", "print"]),
        (b"x = '\xdc'\n", ["toy.py", "UTF-8"]),
        (FILE.encode("latin-1"), ["toy.py", "UTF-8"]),
        (b"# -*- coding: nonsense -*-\n", ["toy.py", "nonsense"]),
        ("x = 1\n".encode("utf-16"), ["toy.py"]),
        (b"x = 1\n\0", ["toy.py", "null"]),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(data, words):
    with pytest.raises(UnreadableSource) as error:
        source.parse(data, name="toy.py")
    assert all(word in str(error.value) for word in words), str(error.value)
    assert error.value.exit_code == 2


def test_old_mac_line_ends_are_refused_rather_than_changed():
    with pytest.raises(UnreadableSource, match="line endings"):
        source.parse(FILE.replace("\n", "\r").encode())


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    with pytest.raises(UnreadableSource, match="cannot be read"):
        source.read(tmp_path / "missing.py")
    with pytest.raises(UnreadableSource, match="cannot be read"):
        source.read(tmp_path)


def test_the_package_is_found_from_the_init_files_above(tmp_path):
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "outer" / "__init__.py").touch()
    (inner / "__init__.py").touch()
    (inner / "modeling_x.py").write_text("x = 1\n")
    (tmp_path / "alone.py").write_text("x = 1\n")
    assert source.read(inner / "modeling_x.py").package == "outer.inner"
    assert source.read(tmp_path / "alone.py").package == ""
    assert source.read(tmp_path / "alone.py", package="given").package == "given"


class TestRealFiles:
    """The promises of DESIGN, on the modeling files themselves."""

    def test_it_changes_and_nothing_fails(self, real_file, rewritten_files):
        result = rewritten_files(real_file)
        assert result.changed
        assert not result.failures
        assert any(site.pass_name == "jit" and site.outcome is Outcome.REWRITTEN for site in result.sites)

    def test_it_parses_and_compiles(self, real_file, rewritten_files):
        result = rewritten_files(real_file)
        compile(result.data, str(real_file), "exec", dont_inherit=True)
        assert source.parse(result.data).tree.bytes == result.data

    def test_two_runs_give_the_same_bytes(self, any_file, rewritten_files, builtin_passes):
        """In whatever order the passes are registered."""
        again = pipeline.run(source.read(any_file), tuple(reversed(pipeline.default_passes(builtin_passes))), Target())
        assert again.data == rewritten_files(any_file).data

    def test_applying_twice_changes_nothing(self, any_file, rewritten_files, builtin_passes):
        first = rewritten_files(any_file)
        file = source.parse(first.data, name=str(any_file), package=first.source.package)
        second = pipeline.run(file, pipeline.default_passes(builtin_passes), Target())
        assert second.diff() == ""
        assert second.data == first.data

    def test_definitions_without_a_site_are_untouched(self, real_file, rewritten_files):
        """Every function, method and class body part that no site names is in the result, byte for byte."""
        result = rewritten_files(real_file)
        original = result.source.text
        lines = original.splitlines(keepends=True)
        touched = {site.line for site in result.sites if site.outcome is Outcome.REWRITTEN}
        names = {site.what.split(".")[-1] for site in result.sites if site.outcome is Outcome.REWRITTEN}
        assert touched
        checked = 0
        for node in _functions(original):
            span = range(node.lineno, node.end_lineno + 1)
            if touched.intersection(span):
                continue
            text = "".join(lines[node.lineno - 1 : node.end_lineno])
            assert text in result.text, f"line {node.lineno}: {node.name} was changed, and no site says so {names}"
            checked += 1
        assert checked >= 20

    def test_every_comment_and_docstring_is_kept(self, real_file, rewritten_files):
        result = rewritten_files(real_file)
        assert not Counter(_comments(result.source.text)) - Counter(_comments(result.text))
        assert not Counter(_docstrings(result.source.text)) - Counter(_docstrings(result.text))

    def test_public_names_keep_their_order(self, real_file, rewritten_files):
        result = rewritten_files(real_file)
        before, after = _public(result.source.text), _public(result.text)
        # A layer's subclass is called as the layer is, so that a printed model and `type(layer).__name__` are the same;
        # and an inherited method is overridden under its own name.
        layers = {"Linear", "Conv2d", "GELU", "GELUActivation"} - {name for name, *_ in before}
        masks = {"get_extended_attention_mask", "invert_attention_mask"}
        assert before == [item for item in after if item[0] not in layers and not (len(item) == 3 and item[1] in masks)]

    def test_every_site_has_a_line_and_a_reason(self, real_file, rewritten_files):
        result = rewritten_files(real_file)
        last = result.source.text.count("\n") + 1
        for site in result.sites:
            assert site.reason, site
            assert site.what, site
            assert 0 <= site.line <= last, site  # 0: a place that another pass made

    def test_the_diff_applies(self, real_file, rewritten_files, tmp_path):
        result = rewritten_files(real_file)
        file = tmp_path / "modeling.py"
        file.write_bytes(result.source.data)
        subprocess.run(
            ["patch", "--binary", "--silent", str(file)], input=result.diff().encode(), check=True, cwd=tmp_path
        )
        assert file.read_bytes() == result.data


def _functions(text):
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]


def _comments(text):
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def _docstrings(text):
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]


def _public(text):
    """Classes, functions and their parameters in order; private ones left out, which passes may add."""
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found.append((node.name, [ast.dump(base) for base in node.bases]))
            found += [
                (node.name, item.name, ast.dump(item.args))
                for item in node.body
                if isinstance(item, ast.FunctionDef) and (not item.name.startswith("_") or item.name.startswith("__"))
            ]
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.append((node.name, ast.dump(node.args)))
    return found
