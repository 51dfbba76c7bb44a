"""`rewriter survey`: a row for every model, whatever becomes of its process, and a table and a page of them."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sampling import breadth_but
from typer.testing import CliRunner

from rewriter.cli import app
from rewriter.cli.survey import _of
from rewriter.equivalence import compiled
from rewriter.runtime import loader
from rewriter.survey import examine as examine_module
from rewriter.survey.examine import examine, hands_on
from rewriter.survey.other_files import OtherFiles
from rewriter.survey.row import DIFFERENT, EQUIVALENT, IDENTICAL, NO_KERNEL, REFUSED, Row, totals
from rewriter.survey.survey import examined, survey, write_page, write_table

ROOT = Path(__file__).resolve().parents[2]

FAMILY = '''\
"""A family that no adapter was written for: its configuration and its arguments say all that is needed."""

import mindspore
from mindspore import nn, ops


class FooConfig:
    def __init__(self, vocab_size=30000, hidden_size=768, num_hidden_layers=12, image_size=224, use_return_dict=False):
        self.vocab_size, self.hidden_size, self.num_hidden_layers = vocab_size, hidden_size, num_hidden_layers
        self.image_size, self.use_return_dict = image_size, use_return_dict


class FooEncoder(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(config.hidden_size, config.hidden_size) for _ in range(2)])

    def construct(self, x, output_hidden_states=False):
        states = () if output_hidden_states else None
        for layer in self.layers:
            if output_hidden_states:
                states = states + (x,)
            x = ops.tanh(layer(x))
        return (x, states) if output_hidden_states else (x,)


class FooModel(nn.Cell):
    config_class = FooConfig

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.encoder = FooEncoder(config)

    def construct(self, input_ids, attention_mask=None, output_hidden_states=False, return_dict=None):
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        x = self.embeddings(input_ids)
        if attention_mask is not None:
            x = x * attention_mask.expand_dims(-1).astype(x.dtype)
        outputs = self.encoder(x, output_hidden_states)
        return outputs
'''


@pytest.fixture
def family(tmp_path: Path) -> Path:
    path = tmp_path / "foo" / "modeling_foo.py"
    path.parent.mkdir()
    path.write_text(FAMILY, encoding="utf-8")
    return path


GOOD = Row(
    "foo", "FooModel", 9, dict.fromkeys(("tuple", "mask"), IDENTICAL), dict.fromkeys(("tuple", "mask"), IDENTICAL)
)


@pytest.mark.parametrize(
    ("row", "standing", "exact"),
    [
        (GOOD, "whole", True),
        (Row("f", "M", encoder={"tuple": EQUIVALENT}, whole={"tuple": EQUIVALENT}), "whole", False),
        (Row("f", "M", encoder={"tuple": IDENTICAL}, whole={"tuple": REFUSED}), "encoder", True),
        (Row("f", "M", whole={"tuple": REFUSED}, auto={"tuple": IDENTICAL}), "auto", True),
        (Row("f", "M", encoder={"tuple": IDENTICAL, "all": REFUSED}, whole={"tuple": REFUSED}), "left", False),
        (Row("f", "M", encoder={"tuple": DIFFERENT}, whole={"tuple": IDENTICAL}), "different", False),
        (Row("f", ""), "left", False),
    ],
)
def test_a_row_in_a_word(row, standing, exact):
    assert (row.standing, row.is_exact) == (standing, exact)
    assert Row.from_json(json.loads(json.dumps(row.to_json()))) == row


def test_totals():
    bad = Row("g", "M", encoder={"tuple": DIFFERENT}, whole={"tuple": DIFFERENT}, strict=REFUSED, trace=IDENTICAL)
    counts = totals([GOOD, bad, Row("h", "", why=("not a modeling file",))])
    assert counts["models"] == 2
    assert (counts["whole"], counts["different"], counts["bit for bit"]) == (1, 1, 1)
    assert (counts["unmodified strict"], counts["unmodified trace"]) == (0, 1)


def test_families_by_name(tmp_path):
    """In the order in which they are named; one that is not there ends the command."""
    paths = [tmp_path / name / f"modeling_{name}.py" for name in ("bert", "clip", "vit")]
    assert _of([], paths) == paths
    assert _of(["vit", "bert"], paths) == [paths[2], paths[0]]
    for path in paths:
        path.parent.mkdir()
        path.write_text("", encoding="utf-8")
    result = CliRunner().invoke(app, ["survey", str(tmp_path), "--family", "vitt", "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "no family vitt" in result.output


LACKING = FAMILY.replace(
    "x = self.embeddings(input_ids)", "x = self.embeddings(input_ids) + mint.zeros_like(self.embeddings(input_ids))"
).replace("from mindspore import nn, ops", "from mindspore import mint, nn, ops")


@pytest.mark.parametrize(("target", "standing"), [("cpu", "whole"), ("ascend", "left")])
def test_an_original_without_kernels(tmp_path, target, standing):
    """Stand-ins answer for it, and not for its twin: written for this device that needs none, for another it does."""
    path = tmp_path / "foo" / "modeling_foo.py"
    path.parent.mkdir()
    path.write_text(LACKING, encoding="utf-8")
    (row,) = examined(str(path), target, False, 300)
    assert row.standing == standing, row
    assert row.lacking
    if target == "ascend":
        assert set(row.whole.values()) == {NO_KERNEL}
        assert any("no kernel for" in why for why in row.why)


def test_the_table_and_the_page(tmp_path):
    rows = [GOOD, Row("g", "M", why=("a <b> & c", "another"))]
    write_table(rows, tmp_path / "survey.csv")
    lines = list(csv.DictReader((tmp_path / "survey.csv").open(encoding="utf-8")))
    assert [line["standing"] for line in lines] == ["whole", "left"]
    assert lines[1]["why"] == "a <b> & c | another"
    write_page(rows, tmp_path / "survey.html", "two models")
    page = (tmp_path / "survey.html").read_text(encoding="utf-8")
    assert "a &lt;b&gt; &amp; c" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os\nos._exit(3)\n", "ended with 3"),
        ("raise ValueError('not today')\n", "not today"),
        ("import mindspore\n", "no model class"),
        ("import time\ntime.sleep(60)\n", "more than 5 seconds"),
    ],
    ids=["a dead process", "an error", "nothing in it", "a long time"],
)
def test_what_goes_wrong_is_a_row(tmp_path, text, why):
    path = tmp_path / "foo" / "modeling_foo.py"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    limit = 5 if "sleep" in text else 100
    (row,) = examined(str(path), "portable", False, limit)
    assert (row.family, row.standing) == ("foo", "left")
    assert why in row.why[0]


LATE = """\
import json, pathlib, sys, time
pathlib.Path(sys.argv[-1]).write_text(json.dumps({"rows": [%s], "all": False}))
%s
"""


@pytest.mark.parametrize(
    ("then", "why"),
    [("import os\nos._exit(3)", "ended with 3"), ("time.sleep(600)", "more than 30 seconds")],
    ids=["a dead process", "a long time"],
)
@pytest.mark.breadth  # half a minute of waiting
def test_rows_from_before_it_went_wrong_are_kept(tmp_path, then, why):
    path = tmp_path / "foo" / "modeling_foo.py"
    path.parent.mkdir()
    path.write_text(LATE % (json.dumps(GOOD.to_json()), then), encoding="utf-8")
    first, last = examined(str(path), "portable", False, 30)
    assert first == GOOD
    assert why in last.why[0]


def test_rows_are_kept_after_each_model(family, monkeypatch):
    other = replace(GOOD, model="BarModel")
    monkeypatch.setattr(examine_module, "_rows", lambda *args: iter([GOOD, other]))
    kept = []
    assert examine(str(family), keep=lambda rows: kept.append(list(rows))) == [GOOD, other]
    assert kept == [[GOOD], [GOOD, other]]


PARTS = {
    "modeling_inner": FAMILY,
    "modeling_plain": "from mindspore import nn\n\n\nclass Plain(nn.Cell):\n"
    "    def construct(self, x):\n        return x + 1\n",
    "other": "from mindspore import nn\n\n\nclass Other(nn.Cell):\n    def construct(self, x):\n        return x\n",
    "modeling_outer": """\
from mindspore import nn

from .modeling_inner import FooConfig, FooEncoder, FooModel
from .modeling_plain import Plain
from .other import Other


class Own(FooEncoder):
    pass


class Outer(nn.Cell):
    def __init__(self):
        super().__init__()
        config = FooConfig(8, 4)
        self.model, self.plain, self.other, self.own = FooModel(config), Plain(), Other(), Own(config)
""",
}


@pytest.fixture
def outer(tmp_path):
    """A file that takes classes from three others."""
    package = tmp_path / "survey_case_parts"
    package.mkdir()
    for name, text in {"__init__": "", **PARTS}.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    yield loader.load(package / "modeling_outer.py")
    for name in [name for name in sys.modules if name.startswith("survey_case_parts")]:
        del sys.modules[name]


def test_parts_of_other_files_are_rewritten_too(outer, tmp_path):
    model = outer.Outer()
    before = {name: id(one) for name, one in model.parameters_and_names()}
    OtherFiles(tmp_path, "portable").move(model)
    assert {name: id(one) for name, one in model.parameters_and_names()} == before
    twin = type(model.model)
    assert twin.__name__ == "FooModel" and twin.__module__.startswith("survey_case_parts.modeling_inner_of_others_")
    assert type(model.model.encoder).__module__ == twin.__module__
    assert hasattr(model.model.encoder, "_construct_flat")
    kept = {outer.__name__: (model, model.own), "survey_case_parts.modeling_plain": (model.plain,)}
    kept["survey_case_parts.other"] = (model.other,)
    assert all(type(one).__module__ == name for name, some in kept.items() for one in some)


def test_bases_of_other_files_are_rewritten_too(outer, tmp_path):
    place = tmp_path / "outer_twin.py"
    place.write_text(PARTS["modeling_outer"], encoding="utf-8")
    twin = loader.load(place, twin_of=outer)
    assert not compiled.find(twin, outer)
    OtherFiles(tmp_path, "portable").inherit(twin)
    assert [method.label for method in compiled.find(twin, outer)] == ["FooEncoder._construct_flat"]
    assert hasattr(twin.Own, "_construct_flat") and not hasattr(outer.Own, "_construct_flat")
    assert twin.Outer.__mro__[1:] == outer.Outer.__mro__[1:]


def test_a_family_that_nobody_knows(family):
    ((row,),) = survey([family], jobs=1)
    assert (row.family, row.model, row.lines) == ("foo", "FooModel", FAMILY.count("\n"))
    assert row.standing == "whole", row
    assert set(row.whole) == {"tuple", "mask", "all", "packed"}
    assert row.strict in (IDENTICAL, REFUSED)
    assert row.trace == IDENTICAL


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # 32 wide, nothing can be multiplied by 768 numbers: full width, and few layers, is the next to be tried
        ("x = self.embeddings(input_ids)", "x = self.embeddings(input_ids) * ops.ones(768)"),
        ("vocab_size=30000", "vocab_size=None, pad_token_id=None"),
    ],
)
def test_sizes_are_found_by_trying(family, old, new):
    assert old in FAMILY
    family.write_text(FAMILY.replace(old, new), encoding="utf-8")
    (row,) = examined(str(family), "portable", False, 200)
    assert row.standing == "whole", row


def test_a_branch_on_a_value_is_left_and_named(family):
    """A recording would hold the branch that it took: neither a graph nor a recording answers for such a model."""
    before = "        outputs = self.encoder(x, output_hidden_states)\n"
    assert before in FAMILY
    reads = "        if x.asnumpy().sum() > 0:\n            x = x + 1\n"
    family.write_text(FAMILY.replace(before, reads + before), encoding="utf-8")
    (row,) = examined(str(family), "portable", True, 200)
    assert row.standing == "encoder", row
    assert not row.compiles("auto")
    assert "modeling_foo.py:" in " ".join(row.why)
    assert row.trace == DIFFERENT


def test_the_command(family, tmp_path):
    done = CliRunner().invoke(app, ["survey", str(family.parent), "-o", str(tmp_path / "out"), "--no-unmodified"])
    assert done.exit_code == 0, done.output
    assert "foo FooModel  whole bit for bit" in done.output
    assert "1 models, " in done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["survey.csv", "survey.html"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return self.inner(x)", True),
        (
            "return_dict = self.config.use_return_dict if return_dict is None else return_dict\nreturn self.inner(x)",
            True,
        ),
        ('"""Words."""\nreturn self.inner(x, return_dict=return_dict)', True),
        ("x = x + 1\nreturn self.inner(x)", False),
        ("return self.inner(x) + 1", False),
        ("return self.construct(x)", False),
        ("return inner(x)", False),
    ],
)
def test_who_only_hands_on(import_file, body, expected):
    lines = body.replace("\n", "\n        ")
    module = import_file(f"class Model:\n    def construct(self, x, return_dict=None):\n        {lines}\n")
    assert hands_on(module.Model) is expected


@pytest.mark.parametrize("name", breadth_but(["bert", "clip"], "bert"))
def test_the_bundled_files(name):
    rows = examined(str(ROOT / "models" / name / f"modeling_{name}.py"), "portable", False, 600)
    assert rows
    for row in rows:
        assert row.standing == "whole", row
        assert row.worst < 1.0


@pytest.mark.breadth
@pytest.mark.parametrize(("family", "model"), [("videomae", "VideoMAEModel"), ("canine", "CanineModel")])
def test_families_that_are_recorded(family, model):
    """A table that is read, modules in two branches."""
    rows = examined(f"mindnlp.transformers.models.{family}.modeling_{family}", "portable", False, 600)
    (row,) = [row for row in rows if row.model == model]
    assert row.standing == "auto", row


@pytest.mark.parametrize(
    "family",
    breadth_but(
        [
            *("roberta", "albert", "deberta", "distilbert", "vit", "mpnet", "esm", "visual_bert"),
            *("layoutlm", "layoutlmv3", "fnet", "squeezebert", "xlm", "ernie_m"),
            *("dpr", "blip"),  # with a model of another file inside
        ],
        "roberta",
    ),
)
def test_families_of_mindnlp(family):
    rows = examined(f"mindnlp.transformers.models.{family}.modeling_{family}", "portable", False, 600)
    assert rows
    for row in rows:
        assert row.standing == "whole", row
