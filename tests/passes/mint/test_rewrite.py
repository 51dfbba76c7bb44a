"""The pass on small files, beyond the examples it carries."""

from __future__ import annotations

import pytest
from rewriter_passes.mint import MintPass

from rewriter import Outcome, pipeline, source
from rewriter.targets import Target

PLAIN = "from mindspore import nn, ops\n"
FRAME = "\n\nclass Net(nn.Cell):\n    def construct(self, x, y):\n        "


def run(text: str, device: str = "ascend", mindspore: str = "2.10.0"):
    result = pipeline.run(source.parse(text.encode(), name="net.py"), [MintPass()], Target.parse(device, mindspore))
    assert not result.failures
    return result


def body(expression: str, device: str = "ascend", head: str = PLAIN, mindspore: str = "2.10.0") -> str:
    """Return what becomes of `return <expression>` in a construct."""
    text = run(f"{head}{FRAME}return {expression}\n", device, mindspore).text
    return text.split("        return ", 1)[1].rstrip("\n")


def reasons(result, outcome=Outcome.SKIPPED):
    return [site.reason for site in result.sites if site.outcome is outcome]


def test_nested_calls_are_rewritten_inside_and_out():
    assert body("ops.cat([ops.exp(x), ops.mean(y, axis=1)], axis=-1)") == (
        "mint.cat([mint.exp(x), mint.mean(y, dim=1)], dim=-1)"
    )


def test_a_call_that_stays_keeps_its_rewritten_arguments():
    assert body("ops.mse_loss(ops.exp(x), y)") == "ops.mse_loss(mint.exp(x), y)"


def test_formatting_and_comments_of_arguments_stay():
    text = """ops.cat(
            [x, y],  # both
            axis = 1,
        )"""
    assert body(text) == text.replace("ops.cat", "mint.cat").replace("axis = 1", "dim = 1")


def test_an_added_argument_follows_the_layout():
    text = """ops.softmax(
            x,
        )"""
    assert body(text).split() == ["mint.nn.functional.softmax(", "x,", "dim=-1,", ")"]
    assert body("ops.softmax(x)") == "mint.nn.functional.softmax(x, dim=-1)"
    assert body("ops.softmax(x,)") == "mint.nn.functional.softmax(x, dim=-1,)"


def test_a_dropped_last_argument_takes_its_comma_along():
    assert body("ops.flatten(x, start_dim=0, order='C')") == "mint.flatten(x, start_dim=0)"
    assert body("ops.flatten(x, 'C', start_dim=0)") == "mint.flatten(x, start_dim=0)"
    assert (
        body("nn.Conv2d(3, 4, 4, stride=4, pad_mode='valid')(x)") == "mint.nn.Conv2d(3, 4, 4, stride=4, bias=False)(x)"
    )


def test_a_list_becomes_a_tuple_with_its_comments():
    text = "ops.transpose(x, [\n            0,  # batch\n            2, 1])"
    assert body(text) == "mint.permute(x, (\n            0,  # batch\n            2, 1))"
    assert "perm" in reasons(run(f"{PLAIN}{FRAME}return ops.transpose(x, perm)\n"))[0]


def test_packed_sizes():
    head = "from mindnlp.core import nn, ops\n"
    text = run(f"{head}\n\nclass Net(nn.Module):\n    def forward(self, a, b):\n        return ops.zeros(a, b)\n").text
    assert "mint.zeros((a, b))" in text


def test_functional_module_paths():
    assert (
        body("F.concat([x, y], 1)", head="import mindspore.ops.functional as F\n" + PLAIN) == "mint.concat([x, y], 1)"
    )


def test_names_imported_directly():
    assert body("exp(x)", head="from mindspore import nn\nfrom mindspore.ops import exp\n") == "mint.exp(x)"


def test_a_name_of_the_file_itself_is_left_alone():
    text = "from mindspore import nn, ops\n\n\ndef exp(x):\n    return x\n" + FRAME + "return exp(ops.view(x))\n"
    assert "return exp(ops.view(x))" in run(text).text


@pytest.mark.parametrize("device", ["portable", "cpu", "gpu", "ascend"])
def test_a_second_run_changes_nothing(device):
    first = run(f"{PLAIN}{FRAME}return ops.cat([ops.arange(4), ops.argmax(x, -1)]), mint_like(ops.std(x, 1))\n", device)
    second = run(first.text, device)
    assert second.data == first.data
    assert not second.count(Outcome.REWRITTEN)


def test_targets_differ():
    expression = "ops.arange(4), ops.split(x, 2), ops.cat([x, y])"
    assert body(expression, "ascend") == "mint.arange(4), mint.split(x, 2), mint.cat([x, y])"
    assert body(expression, "cpu") == "ops.arange(4), mint.split(x, 2), mint.cat([x, y])"
    assert body(expression, "gpu") == "ops.arange(4), ops.split(x, 2), mint.cat([x, y])"
    assert body(expression, "portable") == "ops.arange(4), ops.split(x, 2), mint.cat([x, y])"


def test_versions_differ():
    assert body("ops.split(x, 2)", "cpu", mindspore="2.10.0") == "mint.split(x, 2)"
    result = run(f"{PLAIN}{FRAME}return ops.split(x, 2)\n", "cpu", "2.7.0")
    assert reasons(result) == ["mint.split runs on a CPU from MindSpore 2.10.0 on, and the target is 2.7.0"]
    assert not result.changed


def test_every_site_left_alone_has_a_reason():
    result = run(f"{PLAIN}{FRAME}return ops.made_up(x), ops.einsum('ij->ji', x), x.view(2, 2), nn.Dense(2, 2)(x)\n")
    assert not result.changed
    told = {site.what: site.reason for site in result.sites}
    assert set(told) == {"mindspore.ops.made_up", "mindspore.ops.einsum", "mindspore.Tensor.view", "mindspore.nn.Dense"}
    assert told["mindspore.ops.made_up"] == "the API table has no row for it"
    assert all(told.values())


def test_methods_of_strings_are_no_sites():
    assert run(f"{PLAIN}{FRAME}return self.name.split('.'), x\n").sites == []


METHOD = (
    "from mindspore import Tensor, nn, ops\n\n\nclass Net(nn.Cell):\n    def construct(self, {parameters}):\n{lines}"
)


def method(lines: str, parameters: str = "x") -> str:
    indented = "".join(f"        {line}\n" for line in lines.split("\n"))
    return run(METHOD.format(parameters=parameters, lines=indented)).text


@pytest.mark.parametrize(
    ("lines", "parameters"),
    [
        ("return ops.exp(x).broadcast_to((2, 3))", "x"),
        ("return x.broadcast_to((2, 3))", "x: Tensor"),
        ("z = ops.exp(x)\nreturn z.broadcast_to((2, 3))", "x"),
        ("z = 2 * ops.exp(x)[0]\nreturn z.broadcast_to((2, 3))", "x"),
        ("return (ops.exp(x) + 1).broadcast_to((2, 3))", "x"),
    ],
)
def test_methods_of_what_is_certainly_a_tensor(lines, parameters):
    assert "mint.broadcast_to(" in method(lines, parameters)


@pytest.mark.parametrize(
    ("lines", "parameters"),
    [
        ("return x.broadcast_to((2, 3))", "x"),
        ("return x.broadcast_to((2, 3))", "x: Tensor | None"),
        ("x = self.other(x)\nreturn x.broadcast_to((2, 3))", "x: Tensor"),
        ("z = ops.exp(x)\nz = self.other(z)\nreturn z.broadcast_to((2, 3))", "x"),
        ("z = ops.exp(x)\nfor z in self.others:\n    pass\nreturn z.broadcast_to((2, 3))", "x"),
        ("z, y = ops.exp(x), x\nreturn z.broadcast_to((2, 3))", "x"),
        ("parts = ops.split(x, 2)\nreturn parts.broadcast_to((2, 3))", "x"),
        ("return self.x.broadcast_to((2, 3))", "x"),
    ],
)
def test_methods_of_what_may_be_something_else(lines, parameters):
    assert "mint.broadcast_to" not in method(lines, parameters)


def test_a_copy_does_not_become_a_view_where_something_is_written_in_place():
    result = run(f"{PLAIN}{FRAME}z = ops.flatten(x, start_dim=1)\n        z[0] = 0\n        return z\n")
    assert not result.changed
    assert "may share memory" in reasons(result)[0]
    assert body("ops.flatten(x, start_dim=1)") == "mint.flatten(x, start_dim=1)"


LAYERS = """\
from mindspore import nn


class Net(nn.Cell):
    def __init__(self, p):
        super().__init__()
        self.dropout = nn.Dropout(p=p)

    def construct(self, x):
        return self.dropout(x)
"""


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("isinstance(c, nn.Dropout)", "isinstance(c, (nn.Dropout, mint.nn.Dropout))"),
        ("isinstance(c, (nn.Dense, nn.Dropout))", "isinstance(c, (nn.Dense, nn.Dropout, mint.nn.Dropout))"),
        ("isinstance(c, nn.Dense)", "isinstance(c, nn.Dense)"),
    ],
)
def test_what_asks_for_a_layer_accepts_its_replacement(test, expected):
    first = run(f"{LAYERS}\n\ndef is_one(c):\n    return {test}\n")
    assert f"return {expected}\n" in first.text
    assert not run(first.text).changed


def test_keep_prob_is_not_p():
    result = run(LAYERS.replace("p=p", "0.9"))
    assert not result.changed
    assert "keep_prob is one minus p" in reasons(result)[0]


def test_calls_of_mint_that_run_are_no_sites():
    assert run("from mindspore import mint, nn\n" + FRAME + "return mint.exp(x)\n", "portable").sites == []


def test_calls_of_mint_that_do_not_run_are_told():
    result = run("from mindspore import mint, nn\n" + FRAME + "return mint.std(x, 1)\n", "cpu")
    assert reasons(result) == ["mint.std has no kernel on a CPU, and the API table has nothing in its place"]


def test_back_from_mint():
    head = "from mindspore import mint, nn\n"
    assert body("mint.stack([x, y], dim=1)", "cpu", head) == "ops.stack([x, y], axis=1)"
    assert body("mint.stack([x, y], dim=1)", "ascend", head) == "mint.stack([x, y], dim=1)"
