"""Every row of the API table is executed on the installed MindSpore; see `mint_runner` for how."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rewriter_passes.mint.table import load, parse_signature

pytestmark = pytest.mark.slow  # one minute to execute all rows

RUNNER = Path(__file__).with_name("mint_runner.py")
LIBRARIES = ("mindspore", "mindnlp")
TABLE = load()
ROWS = list(TABLE.rows.values())

HIDDEN = "(*args, **kwargs)"
"""What Python reports of overloaded functions. Theirs are tried by the calls alone."""

FAILS_ON_ASCEND = {
    "mindnlp.core.ops.permute": "input_perm=<tuple of int>",  # a list of axes: mindnlp hands it on to mint
    "mindnlp.core.ops.any": "missing 1 required positional argument: dim",  # mindnlp hands on None
    "mindnlp.core.nn.functional.embedding": "The kernel Embedding unregistered",  # a primitive has no stand-in
}
"""Sources of mindnlp that raise themselves in the branch for Ascend, with a part of what they say."""


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What the runner saw, by library. Both run at once, each in a folder of its own."""
    environment = os.environ | {"GLOG_v": "4", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    running = {}
    for library in LIBRARIES:
        folder = tmp_path_factory.mktemp(library)
        log = (folder / "log.txt").open("w", encoding="utf-8")
        command = [sys.executable, str(RUNNER), library, str(folder / "seen.json")]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        running[library] = (process, folder)
    reports = {}
    for library, (process, folder) in running.items():
        code = process.wait(timeout=1200)
        text = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        assert code == 0, f"{library}: the runner ended with {code}\n{text[-3000:]}"
        reports[library] = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    return reports


def _observed(seen, name):
    return [report["rows"][name] for report in seen.values() if name in report["rows"]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_replacement_gives_the_same(row, seen):
    """Values, shapes and dtypes agree in eager mode and in jit, for every style of call."""
    observed = _observed(seen, row.source)
    assert observed, "not executed"
    for one in observed:
        assert one["calls"]
        assert (one["eager"], one["jit"]) == ("", ""), one["calls"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_result_shares_memory_as_the_source_does(row, seen):
    """In eager mode, writing into the result changes an argument on both sides or on neither, or the row says so."""
    for one in _observed(seen, row.source):
        if "aliases" in one:
            assert one["aliases"] == ([False, True] if row.aliases else [one["aliases"][0]] * 2)
            assert all(isinstance(flag, bool) for flag in one["aliases"]), one["aliases"]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if TABLE.api[row.to].cpu.startswith("no ")], ids=lambda r: r.source
)
def test_what_a_cpu_lacks_it_lacks(row, seen):
    """A replacement that the table says has no kernel here fails here, and in the mode that the table says."""
    lacking = TABLE.api[row.to].cpu
    modes = {"no eager kernel": {"eager"}, "no jit kernel": {"jit"}, "no kernel": {"eager", "jit"}}[lacking]
    for one in _observed(seen, row.source):
        failed = {mode for mode in ("eager", "jit") if one.get(f"native_{mode}", "ran") != "ran"}
        assert failed == modes, one  # in the other mode the replacement itself was compared, without a stand-in


@pytest.mark.parametrize("row", [row for row in ROWS if row.source_runs != "eager and jit"], ids=lambda row: row.source)
def test_sources_that_do_not_run_everywhere(row, seen):
    for one in _observed(seen, row.source):
        assert (one["source_eager"] == "ran") == (row.source_runs == "eager")
        assert one["source_jit"] != "ran"


@pytest.mark.parametrize("row", [row for row in ROWS if row.source.startswith("mindnlp.")], ids=lambda row: row.source)
def test_replacement_gives_what_mindnlp_gives_on_ascend(row, seen):
    """On Ascend mindnlp calls mint itself; with the same stand-ins that branch agrees too."""
    outcome = seen["mindnlp"]["rows"][row.source]["ascend"]
    if row.source in FAILS_ON_ASCEND:
        assert FAILS_ON_ASCEND[row.source] in outcome
        assert outcome.endswith("| ran")
    else:
        assert outcome == ""


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind != "method"], ids=lambda row: row.source)
def test_signature_is_the_library_s(row, seen):
    """The parameters of a source, in order and with their defaults, are those that Python reports."""
    library = "mindnlp" if row.source.startswith("mindnlp.") else "mindspore"
    reported = seen[library]["signatures"][row.source]
    if reported != HIDDEN:
        assert parse_signature(reported) == row.parameters, reported


@pytest.mark.parametrize("name", TABLE.api)
def test_replacement_is_documented_as_the_table_says(name, seen):
    """Signature and platforms come from the installed documentation."""
    api, found = TABLE.api[name], seen["mindspore"]["apis"][name]
    if found["signature"] != HIDDEN:
        assert parse_signature(found["signature"]) == api.parameters
    claimed = {device for device in ("gpu", "ascend") if getattr(api, device)}
    assert claimed == set(found["platforms"]) - {"cpu"}


@pytest.mark.parametrize("refusal", TABLE.refusals.values(), ids=lambda refusal: refusal.source)
def test_refusals_have_their_reason(refusal, seen):
    """The evidence of a refusal holds: what is absent is absent, what differs differs."""
    library = "mindnlp" if refusal.source.startswith("mindnlp.") else "mindspore"
    assert seen[library]["refusals"][refusal.source] == ""


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_source_exists(library, seen):
    assert seen[library]["missing"] == []


def test_same_objects_are_the_same(seen):
    claimed = {row.source for row in ROWS if row.same_object}
    assert claimed
    assert claimed <= set(seen["mindspore"]["same_objects"])


def test_aliases_lead_to_the_same_function(seen):
    """`mindspore.ops.functional.cat` is `mindspore.ops.cat`, for every row that has such another name."""
    assert seen["mindspore"]["aliases"], "no aliased name was found"
    assert [name for name, same in seen["mindspore"]["aliases"].items() if not same] == []
