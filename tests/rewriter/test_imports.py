"""Imports that passes ask for, and imports that are left without a use."""

import libcst as cst
import pytest

from rewriter import pipeline, source
from rewriter.imports import drop_unused
from rewriter.passes import Pass
from rewriter.targets import Target
from rewriter.tree import find, replace

LAYER = "\n\nclass Layer(nn.Cell):\n    def construct(self, x):\n        return old(x)\n"


def calling(*names, drop=False):
    """A pass that replaces the call of `old` by a call of what `use` returns for each of the names."""

    class Calling(Pass):
        """Calls other functions."""

        name = "calling"

        def rewrite(self, context):
            changes = {}
            for call in find(context.tree, cst.Call):
                if isinstance(call.func, cst.Name) and call.func.value == "old":
                    texts = [context.use(name) for name in names]
                    context.rewritten(call, "old", ", ".join(texts))
                    inner = call.args[0].value
                    for text in texts:
                        inner = cst.Call(cst.parse_expression(text), [cst.Arg(inner)])
                    changes[call] = inner
            return replace(context.tree, changes)

    return Calling()


def run(text, *names):
    result = pipeline.run(source.parse(text.encode()), [calling(*names)], Target())
    assert not result.failures
    compile(result.data, "x", "exec")
    return result.text


@pytest.mark.parametrize(
    ("head", "name", "line", "text"),
    [
        # what is there is used, under the file's own name for it
        ("from mindspore import nn, mint", "mindspore.mint.cat", None, "mint.cat(x)"),
        ("from mindspore import nn\nfrom mindspore import mint as M", "mindspore.mint.cat", None, "M.cat(x)"),
        ("from mindspore import nn\nimport mindspore as ms", "mindspore.float32", None, "ms.float32(x)"),
        # what is missing is imported
        ("from mindspore import nn", "mindspore.mint.cat", "from mindspore import mint", "mint.cat(x)"),
        (
            "from mindspore import nn",
            "mindspore.mint.nn.functional.linear",
            "from mindspore import mint",
            "mint.nn.functional.linear(x)",
        ),
        ("from mindspore import nn", "mindspore.jit", "import mindspore", "mindspore.jit(x)"),
        # a name that is taken is left alone
        (
            "from mindspore import nn\nmint = 1",
            "mindspore.mint.cat",
            "from mindspore import mint as ms_mint",
            "ms_mint.cat(x)",
        ),
        (
            "from mindspore import nn\nfrom other import mint",
            "mindspore.mint.cat",
            "from mindspore import mint as ms_mint",
            "ms_mint.cat(x)",
        ),
        (
            "from mindspore import nn\ndef f(mint): pass",
            "mindspore.mint.cat",
            "from mindspore import mint as ms_mint",
            "ms_mint.cat(x)",
        ),
        # an import that may not run is none
        (
            "from mindspore import nn\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mindspore",
            "mindspore.jit",
            "import mindspore as ms_mindspore",
            "ms_mindspore.jit(x)",
        ),
        (
            "from mindspore import nn\ntry:\n    from mindspore import mint\nexcept ImportError:\n    mint = None",
            "mindspore.mint.cat",
            "from mindspore import mint as ms_mint",
            "ms_mint.cat(x)",
        ),
        # star imports do not confuse
        (
            "from mindspore import nn\nfrom math import *",
            "mindspore.mint.cat",
            "from mindspore import mint",
            "mint.cat(x)",
        ),
    ],
)
def test_what_a_pass_asks_for(head, name, line, text):
    new = run(head + LAYER, name)
    assert text in new
    added = [item for item in new.split("\n") if item.strip() and item not in (head + LAYER).split("\n")]
    assert added == ([line] if line else []) + [f"        return {text}"]


def test_a_name_that_the_function_shadows_is_not_used():
    """`mint` is imported, but in the function that is rewritten it is something else."""
    text = "from mindspore import nn, mint" + LAYER.replace("self, x", "self, x, mint").replace("(x)\n", "(x) + mint\n")
    new = run(text, "mindspore.mint.cat")
    assert "        return mint.cat(x) + mint\n" not in new


def test_one_import_for_several_uses():
    new = run("from mindspore import nn" + LAYER, "mindspore.mint.cat", "mindspore.mint.exp", "mindspore.ops.tanh")
    assert new.count("import mint") == 1
    assert "return ops.tanh(mint.exp(mint.cat(x)))" in new


@pytest.mark.parametrize(
    ("head", "before"),
    [
        ('"""Doc."""\nfrom __future__ import annotations\n\nimport os\n\nfrom mindspore import nn\n', "class Layer"),
        ("# comment\n\nfrom mindspore import nn\nfrom .x import y\n", "class Layer"),
        ("import mindspore\nfrom mindspore import nn\nimport numpy as np\n", "import numpy"),
    ],
)
def test_where_an_import_goes(head, before):
    new = run(head + LAYER, "mindspore.mint.cat")
    assert new.index("from mindspore import mint") < new.index(before)
    assert new.index("from mindspore import mint") > new.index("from mindspore import nn") or "numpy" in before
    if "__future__" in head:
        assert new.index("__future__") < new.index("import mint")


def test_an_import_at_the_end_of_the_file_attracts_none():
    """What a pass uses may run while the module is imported, say in a default value."""
    text = "from mindspore import nn" + LAYER + "\n\nimport os\n"
    new = run(text, "mindspore.mint.cat")
    assert new.index("import mint") < new.index("class Layer")


def dropped(before, after):
    return drop_unused(cst.parse_module(after), cst.parse_module(before)).code


class TestDropUnused:
    def test_what_lost_its_last_use_goes(self):
        head = "from mindspore import ops, nn\nimport numpy as np\n"
        assert dropped(head + "ops.x(nn, np)\n", head + "y(nn)\n") == "from mindspore import nn\ny(nn)\n"

    def test_what_was_never_used_stays(self):
        head = "from mindspore import ops, nn\n"
        assert dropped(head + "nn.x\n", head + "nn.y\n") == head + "nn.y\n"

    def test_the_last_item_of_a_list_takes_its_comma_along(self):
        head = "from mindspore import (\n    nn,\n    ops,\n)\n"
        new = dropped(head + "ops.x(nn)\n", head + "nn.y\n")
        assert new == "from mindspore import (\n    nn,\n)\nnn.y\n"

    def test_what_is_exported_stays(self):
        head = "from mindspore import ops\n__all__ = ['ops']\n"
        assert dropped(head + "ops.x\n", head) == head

    def test_what_a_quoted_annotation_names_stays(self):
        head = "from mindspore import ops\n"
        after = head + "def f(x: 'Optional[ops.Tensor]'): pass\n"
        assert dropped(after + "ops.x\n", after) == after

    def test_comments_above_a_dropped_import_stay(self):
        head = "import os\n\n# About what follows\nfrom mindspore import ops\nfrom mindspore import nn\n"
        assert "# About what follows\n" in dropped(head + "ops.x(nn)\n", head + "nn.x\n")

    def test_imports_in_functions_and_conditions_are_left_alone(self):
        text = "if c:\n    import os\ndef f():\n    import sys\n"
        assert dropped(text + "os.x(sys)\n", text) == text

    def test_star_imports_stay(self):
        text = "from os import *\nimport sys\n"
        assert dropped(text + "sys.x\n", text) == "from os import *\n"
