"""Reading the API table: what is in it, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version
from rewriter_passes.mint.table import Api, load, parse_signature

from rewriter import Device, RewriterError

SMALL = """\
checked_with = ["2.10.0"]
[alias]
"mindspore.ops.functional." = "mindspore.ops."
[api]
"mindspore.mint.cat" = { signature = "(tensors, dim=0)", since = "2.7.0", cpu = "probe 2.7.0", ascend = "docs 2.7.0" }
[[row]]
from = ["mindspore.ops.{name}"]
names = ["cat", "concat"]
signature = "(tensors, axis=0)"
to = "mindspore.mint.cat"
rename = { axis = "dim" }
examples = ["tensors=[x, y]"]
[[refuse]]
from = ["mindspore.ops.view", "mindnlp.core.nn.init.*"]
why = "mint has none"
absent = ["mindspore.mint.view"]
"""


def table_of(text: str, folder: Path):
    path = folder / "apis.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_names_are_written_out(tmp_path):
    table = table_of(SMALL, tmp_path)
    assert set(table.rows) == {"mindspore.ops.cat", "mindspore.ops.concat"}
    assert {row.to for row in table.rows.values()} == {"mindspore.mint.cat"}


def test_a_refusal_may_stand_for_all_names_under_a_prefix(tmp_path):
    table = table_of(SMALL, tmp_path)
    assert table.refusal("mindnlp.core.nn.init.normal_").why == "mint has none"
    assert table.refusal("mindspore.ops.view") is not None
    assert table.refusal("mindspore.ops.reshape") is None


def test_other_module_paths_lead_to_the_same_entry(tmp_path):
    table = table_of(SMALL, tmp_path)
    assert table.canonical("mindspore.ops.functional.cat") == "mindspore.ops.cat"
    assert table.canonical("mindspore.ops.cat") == "mindspore.ops.cat"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('axis = "dim"', 'axes = "dim"', "no parameter axes"),
        ('axis = "dim"', 'axis = "dims"', "has no parameter dims"),
        ('to = "mindspore.mint.cat"', 'to = "mindspore.mint.dog"', "no entry under"),
        ('cpu = "probe 2.7.0"', 'cpu = "surely"', "expected 'probe VERSION'"),
        ('ascend = "docs 2.7.0"', 'ascend = "probe 2.7.0"', "expected 'docs VERSION'"),
        ('["mindspore.ops.view",', '["mindspore.ops.cat",', "both replaced and refused"),
        ('names = ["cat", "concat"]', 'names = ["cat", "cat"]', "occurs twice"),
        ('absent = ["mindspore.mint.view"]', "", "one kind of evidence"),
        ('absent = ["mindspore.mint.view"]', 'absent = ["a.b"]\njudged = true', "one kind of evidence"),
        ("[[row]]", "[[row]]\ncolour = 1", "colour"),
        ("[[row]]", "[[row", "not a readable table"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(old, new, message, tmp_path):
    assert old in SMALL
    with pytest.raises(RewriterError, match=message):
        table_of(SMALL.replace(old, new), tmp_path)


def test_signatures():
    required, optional, keyword = parse_signature("(input, dim=-1, *, dtype=None)")
    assert (required.name, required.default, required.positional) == ("input", None, True)
    assert (optional.name, optional.default, optional.positional) == ("dim", "-1", True)
    assert (keyword.name, keyword.default, keyword.positional) == ("dtype", "None", False)
    assert parse_signature("(*size, dtype=None)")[0].variadic


API = Api(signature="()", since="2.7.0", cpu="probe 2.10.0", gpu="", ascend="docs 2.8.0")


@pytest.mark.parametrize(
    ("device", "version", "reason"),
    [
        (Device.CPU, "2.10.0", ""),
        (Device.CPU, "2.9.0", "runs on a CPU from MindSpore 2.10.0 on"),
        (Device.GPU, "2.10.0", "is not documented for a GPU"),
        (Device.ASCEND, "2.8.0", ""),
        (Device.ASCEND, "2.7.1", "runs on Ascend from MindSpore 2.8.0 on, and the target is 2.7.1"),
        (Device.ASCEND, "2.6.0", "is known from MindSpore 2.7.0 on"),
        (Device.PORTABLE, "2.10.0", "is not documented for a GPU"),
    ],
)
def test_where_a_replacement_may_be_used(device, version, reason):
    found = API.lacks(device, Version(version))
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_missing_kernel_is_a_reason():
    api = Api(signature="()", since="2.7.0", cpu="no eager kernel", ascend="docs 2.7.0")
    assert api.lacks(Device.CPU, Version("2.10.0")) == "has no eager kernel on a CPU"
    assert api.lacks(Device.ASCEND, Version("2.10.0")) == ""
    assert api.lacks(Device.PORTABLE, Version("2.10.0")) == "has no eager kernel on a CPU"


def test_every_row_has_an_example():
    assert [row.source for row in load().rows.values() if not row.examples] == []
