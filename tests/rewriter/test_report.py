"""`rewriter.report`: what the text and the JSON document say, whatever the names in them look like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewriter import pipeline, source
from rewriter.dialects import MINDSPORE
from rewriter.errors import RewriterError
from rewriter.job import FileOutcome
from rewriter.passes import Evidence, Failure, Outcome, PassReport, Site
from rewriter.report import SCHEMA, Report
from rewriter.targets import Target

STRANGE = "[bold]x[/bold] [/red] :key: \\[y]"


def result(*sites: Site, text: str = "x = 1\n", new: str = "x = 2\n", failure: Failure | None = None):
    file = source.parse(text.encode(), name="modeling_[toy].py")
    report = PassReport("a", sites, failure)
    return pipeline.Result(file, new.encode(), MINDSPORE, Target(), (report,))


def site(number: int = 1, outcome: Outcome = Outcome.REWRITTEN, name: str = "a", reason: str = "") -> Site:
    return Site(name, number, f"what {number}", outcome, reason or f"reason {number}")


@pytest.fixture
def told(capsys, monkeypatch):
    """Add an outcome to a report and return what it printed."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(outcome: FileOutcome, **options) -> str:
        report = Report(**options)
        report.add(outcome)
        report.close()
        return capsys.readouterr().out

    return run


def test_sites_are_counted_by_pass(told):
    text = told(FileOutcome(result(site(1), site(2), site(3, name="b")), Path("out.py")))
    assert "a: 2 sites rewritten" in text
    assert "b: 1 site rewritten" in text
    assert "wrote out.py  (+1 -1 lines)" in text


def test_skipped_sites_come_with_their_reason(told):
    skipped = [Site("a", n, "x", Outcome.SKIPPED, "no luck") for n in range(3)]
    text = told(FileOutcome(result(*skipped), None))
    assert "a left x (3 times): no luck" in text


def test_what_was_rolled_back_is_named_with_its_evidence(told):
    evidence = Evidence("A [0] (eager)", "off", "A/x=1", 0.5, 0.25)
    gone = Site("a", 7, "x", Outcome.ROLLED_BACK, "made y", evidence)
    outcome = FileOutcome(result(site(1), gone), Path("out.py"))
    text = told(outcome)
    assert "a rolled back at modeling_[toy].py:7: x (made y)" in text
    assert "A [0] (eager): off; max abs error 5.0e-01, max rel error 2.5e-01; case A/x=1" in text
    assert "warning: 1 site was rolled back" in text
    assert "a left x" not in text
    sites = json.loads(told(outcome, as_json=True))["files"][0]["sites"]
    assert "evidence" not in sites[0]
    assert sites[1]["outcome"] == "rolled back"
    assert sites[1]["evidence"] == {
        "what": "A [0] (eager)",
        "message": "off",
        "case": "A/x=1",
        "maximum_absolute": 0.5,
        "maximum_relative": 0.25,
    }


def test_many_reasons_are_cut_and_counted_and_v_shows_all(told):
    sites = [site(n, Outcome.SKIPPED) for n in range(1, 21)]
    text = told(FileOutcome(result(*sites), None))
    assert "12 more reasons; -v" in text
    full = told(FileOutcome(result(*sites), None), verbose=True)
    assert all(f"reason {n}" in full for n in range(1, 21))


def test_nothing_is_taken_for_markup(told):
    strange = Site(STRANGE, 3, STRANGE, Outcome.SKIPPED, STRANGE)
    outcome = FileOutcome(
        result(strange, new="x = 3\n", failure=Failure(STRANGE, STRANGE)), Path(STRANGE), problem=STRANGE, note=STRANGE
    )
    for options in ({}, {"verbose": True}):
        text = told(outcome, **options)
        assert "modeling_[toy].py" in text
        assert text.count(STRANGE) >= 6


def test_long_lines_are_not_folded(told):
    assert "y" * 500 in told(FileOutcome(result(), None, problem="y" * 500))


def test_the_diff_is_as_it_is(told):
    text = told(FileOutcome(result(text="# a\t[b]\x0c:key:\n", new="# a\t[/b]\x0c:key:"), Path("o.py")), diff=True)
    assert "-# a\t[b]\x0c:key:\n" in text
    assert "+# a\t[/b]\x0c:key:\n\\ No newline at end of file\n" in text


def test_a_terminal_gets_colours(told, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = told(FileOutcome(result(text="[b] = 1\n", new="[b] = 2\n"), Path("o.py")), diff=True)
    assert "\x1b[31m-[b] = 1" in text
    assert "\x1b[32m+[b] = 2" in text


def test_the_document(told):
    outcome = FileOutcome(
        result(site(1), site(2, Outcome.SKIPPED), failure=Failure("b", "no luck")), Path("out.py"), note="a remark"
    )
    document = json.loads(told(outcome, as_json=True))
    assert document == {
        "schema": SCHEMA,
        "exit_code": 0,
        "files": [
            {
                "source": "modeling_[toy].py",
                "output": "out.py",
                "dialect": "mindspore",
                "target": {"device": "portable", "mindspore": "2.10.0"},
                "changed": True,
                "problem": "",
                "note": "a remark",
                "sites": [
                    {"pass_name": "a", "line": 1, "what": "what 1", "outcome": "rewritten", "reason": "reason 1"},
                    {"pass_name": "a", "line": 2, "what": "what 2", "outcome": "skipped", "reason": "reason 2"},
                ],
                "failures": [{"pass_name": "b", "error": "no luck"}],
            }
        ],
    }


def test_the_exit_code_is_the_worst(capsys):
    report = Report(as_json=True)
    report.add(FileOutcome(result(), None, problem="nothing matched"))
    assert report.exit_code == 1
    report.error(RewriterError("no such file", hint="look"), source="a.py")
    assert report.exit_code == 2
    report.add(FileOutcome(result(), None))
    report.close()
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2
    assert document["errors"] == [{"source": "a.py", "message": "no such file", "hint": "look"}]


def test_broken_plugins_go_to_standard_error_and_the_document(capsys):
    report = Report(as_json=True)
    report.broken_plugins({"[mine]": "[no] luck"})
    report.close()
    printed = capsys.readouterr()
    assert "[mine]" in printed.err
    assert "[no] luck" in printed.err
    assert json.loads(printed.out)["broken_plugins"] == {"[mine]": "[no] luck"}


def test_progress_is_for_terminals(capsys):
    report = Report()
    with report.progress("title") as step:
        step("a step")
    assert capsys.readouterr().err == ""
