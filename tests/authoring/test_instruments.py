"""`apply --timing`, `--print-after` and `--bisect-limit`, and the hooks before and after each pass."""

from __future__ import annotations

import json

import pytest

from rewriter import pipeline, source
from rewriter.limit import Limit
from rewriter.targets import Target

PASSES = ("--passes", "square,exp")


@pytest.fixture
def two(plugin):
    """Two plugins, and the options that run them: three calls of square, then one of exp."""
    plugin("square.py", "square", "mindspore.ops.square(x)", "x * x")
    plugin("exp.py", "exp", "mindspore.ops.exp(x)", "mindspore.mint.exp(x)", after=("square",))
    return "--plugin", "square.py", "--plugin", "exp.py", *PASSES


@pytest.fixture
def limited(cli, two, model):
    """Return the last line of the forward and the output with a limit."""

    def run(number, *options):
        done = cli("apply", model, *two, "--bisect-limit", number, "-o", "out.py", *options)
        return (model.parent / "out.py").read_text(), done

    return run


def test_timing_has_a_row_for_each_pass(cli, two, model):
    document = json.loads(cli("apply", model, *two, "--timing", "--json").out)
    rows = {row["pass"]: row for row in document["timing"]}
    assert rows.keys() == {"square", "exp"}
    assert (rows["square"]["rewritten"], rows["exp"]["rewritten"]) == (3, 1)
    assert all(row["seconds"] > 0 for row in rows.values())


@pytest.mark.parametrize("files", [2, pytest.param(10, marks=pytest.mark.slow, id="in other processes")])
def test_timing_adds_up_the_files(cli, two, model, files):
    for number in range(files - 1):
        (model.parent / f"modeling_{number}.py").write_text(model.read_text(), encoding="utf-8")
    document = json.loads(cli("apply", ".", *two, "--timing", "--json", "-j", "2").out)
    assert {row["pass"]: row["rewritten"] for row in document["timing"]} == {"square": 3 * files, "exp": files}


def test_timing_as_a_table(cli, two, model):
    lines = cli("apply", model, *two, "--timing").out.splitlines()
    (head,) = [number for number, line in enumerate(lines) if line.split()[:2] == ["pass", "ms"]]
    assert {line.split()[0] for line in lines[head + 1 :]} == {"square", "exp"}


def test_the_text_after_a_pass(cli, two, model):
    document = json.loads(cli("apply", model, *two, "--print-after", "square", "--json").out)
    (kept,) = document["texts"]
    assert kept["after"] == "square"
    assert "return x * x + ops.exp(y)" in kept["text"]
    out = cli("apply", model, *two, "--print-after", "square", "--print-after", "exp").out
    assert out.index("return x * x + ops.exp(y)") < out.index("return x * x + mint.exp(y)")
    assert "from mindspore import mint" in out  # as the file would be written


def test_the_text_after_a_pass_that_does_not_run(cli, two, model):
    run = cli("apply", model, *two, "--print-after", "mint")
    assert run.code == 2
    assert "Those that do: square, exp" in run.err or "Those that do: exp, square" in run.err


def test_so_many_rewrites_and_no_more(limited):
    """Each limit makes one more than the one before, in the order of the passes and of the file."""
    texts = [limited(number)[0] for number in range(6)]
    assert [text.count("ops.square") for text in texts] == [3, 2, 1, 0, 0, 0]
    assert [text.count("mint.exp") for text in texts] == [0, 0, 0, 0, 1, 1]
    assert "x = x * x" in texts[1]
    assert "y = ops.square(y)" in texts[1]
    assert texts[4] == texts[5]


def test_it_is_told_which_was_the_last(limited):
    _, run = limited(2)
    assert "stopped after 2 rewrites; the last: square, line 7 of what it was given in Model.construct" in run.out
    document = json.loads(limited(2, "--json")[1].out)
    (file,) = document["files"]
    assert [site["outcome"] for site in file["sites"]] == ["rewritten", "rewritten", "skipped", "skipped"]
    assert file["sites"][2]["reason"] == "beyond --bisect-limit 2"
    assert "rolled back" not in run.out


def test_the_same_limit_gives_the_same_bytes(limited):
    assert limited(3)[0] == limited(3)[0]


@pytest.mark.parametrize("options", [("--verify",), ("--measure",)])
def test_a_limit_is_not_for_a_proof(cli, two, model, options):
    run = cli("apply", model, *two, "--bisect-limit", "1", *options)
    assert run.code == 2
    assert "--bisect-limit" in run.err


def test_a_limit_is_for_one_file(cli, two, model):
    (model.parent / "modeling_other.py").write_text(model.read_text(), encoding="utf-8")
    assert cli("apply", ".", *two, "--bisect-limit", "1").code == 2


ENCODER = """\
from mindspore import nn, ops


class Layer(nn.Cell):
    def construct(self, query, key):
        return ops.matmul(query, key.swapaxes(-1, -2))


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([Layer() for _ in range(2)])

    def construct(self, x, return_dict=None):
        for layer in self.layers:
            x = layer(x, x)
        if return_dict:
            return {"x": x}
        return (x,)
"""


def limits(file, passes, *numbers):
    """Return the text for each limit; each is Python, has the functions that it calls, and so many rewrites."""
    for number in numbers:
        limit = Limit(number)
        result = pipeline.run(file, passes, Target(), gate=limit)
        compile(result.data, "limited", "exec", dont_inherit=True)
        assert not result.failures
        assert limit.made <= number
        for name in ("_times_transposed", "_construct_flat", "_forward_flat"):
            assert f"{name}(" not in result.text or f"def {name}(" in result.text
        assert "@_compiled" not in result.text or "def _compiled(" in result.text
        yield result.text


def test_what_a_change_needs_comes_with_it(builtin_passes):
    """A function that is called, a method, a wrapper, an import; and none where nothing calls it."""
    file, passes = source.parse(ENCODER.encode()), pipeline.default_passes(builtin_passes)
    whole = pipeline.run(file, passes, Target()).text
    texts = list(limits(file, passes, *range(12), 1000))
    assert texts[0] == ENCODER
    assert "_times_transposed" in texts[1]
    assert "_construct_flat" not in texts[1]
    assert texts[-1] == whole
    assert "def _compiled(" in whole
    assert [text for text, before in zip(texts[1:], texts, strict=False) if text != before][-1] == whole


@pytest.mark.slow
def test_limits_of_a_real_file(builtin_passes, any_file):
    file, passes = source.read(any_file), pipeline.default_passes(builtin_passes)
    texts = list(limits(file, passes, 7, 10_000))
    assert len(set(texts)) == 2
    assert texts[-1] == pipeline.run(file, passes, Target()).text


def test_hooks_before_and_after_each_pass(cli, two, model):
    (model.parent / "watch.py").write_text(
        "from rewriter import hookimpl\n\n\n@hookimpl\ndef rewriter_before_pass(name, filename):\n"
        "    print('before', name, filename)\n\n\n@hookimpl\ndef rewriter_after_pass(report):\n"
        "    print('after', report.name, len(report.sites))\n",
        encoding="utf-8",
    )
    out = cli("apply", model, *two, "--plugin", "watch.py").out.splitlines()
    assert [line for line in out if line.startswith(("before", "after"))] == [
        f"before square {model}",
        "after square 3",
        f"before exp {model}",
        "after exp 1",
    ]
