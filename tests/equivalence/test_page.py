"""The HTML page: all of a verdict is on it, nothing is fetched for it, and nothing in it is taken for markup."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from rewriter.equivalence import page
from rewriter.equivalence.figures import DECADES, Figures, Histogram
from rewriter.equivalence.statistics import OutputDifference, Status
from rewriter.equivalence.verdict import CaseResult, MethodRuns, ModeResult, OutputVerdict, Verdict
from rewriter.errors import RewriterError

HOSTILE = "<script>alert('1')</script>&\"x\""
BAD = OutputDifference(
    "logits", "value", Status.DIFFERENT, f"3 of 10 {HOSTILE}", Figures(0.25, 0.1, 0.1, 0.2), excess=7.0
)
ROW = OutputVerdict(
    "BertModel",
    "logits",
    "eager",
    Status.DIFFERENT,
    Figures(0.25, 0.125, 0.0625, 0.2),
    Figures(0.5, 0.25, 0.125, 0.4),
    1234,
    2,
    "BertModel/a",
    "",
    ulp=77,
    cosine=0.5,
    argmax=0.75,
    mismatches=3,
    nonfinite=(0, 12),
    histogram=Histogram(1000, (5, *[0] * 10, 217, 0), 12),
)
VERDICT = Verdict(
    "one.py",
    "two.py",
    "quick",
    4,
    tolerance=1e-5,
    loosened=True,
    surface=("BertModel.f(a) became BertModel.f(b)",),
    outputs=(ROW,),
    cases=(
        CaseResult("BertModel/a", "BertModel", (ModeResult("eager", (BAD,)), ModeResult("jit", (), (("E.f", "Try"),)))),
        CaseResult("BertModel/b", "BertModel", unverified="no kernel"),
    ),
    methods=(MethodRuns("E.f", 4, (("Try", 1),)),),
    unchecked={"BertHead": "no cases"},
    environment={"mindspore": "2.10.0", "device": "CPU"},
    seconds=3.0,
)
OLD = "".join(f"line {n}\n" for n in range(1, 31))
NEW = OLD.replace("line 10\n", "line ten\nline ten and a half\n").replace("line 20\n", "")


class Page(HTMLParser):
    """Texts, tags and attributes; and that every tag is closed in turn."""

    VOID = {"meta", "col", "br", "line", "rect"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def show(verdict: Verdict = VERDICT, old: str | None = OLD, new: str | None = NEW, **options) -> Page:
    found = Page(page.render(verdict, old, new, **options))
    assert found.open == []
    return found


def test_all_of_the_verdict_is_there():
    text = show().text
    for words in (
        "different , and not everything ran compiled",
        "2 cases in 3.0 s (quick, seed 4)",
        "The tolerance was loosened to 1e-05; published are float64 1e-12, float32 2e-06.",
        "BertModel.f(a) became BertModel.f(b)",
        "BertHead: no cases",
        "2.50e-01 1.25e-01 6.25e-02 2.00e-01 5.00e-01 2.50e-01 1.25e-01 4.00e-01 77 0.5 75.00 % 0 / 12 3 1234 2",
        "eager: logits: 3 of 10",
        "E.f ran uncompiled: Try",
        "no kernel",
        "uncompiled in 1 of 4 calls",
        "mindspore 2.10.0",
        "tolerance, float32 1e-05",
    ):
        assert words in text, words


def test_what_is_no_markup_is_not_taken_for_it():
    found = show(VERDICT, f"x = 1  # {HOSTILE}\n", "x = 2\n")
    assert [tag for tag, _ in found.tags].count("script") == 1  # the page's own
    assert "alert('1')" in found.text


def test_nothing_is_fetched():
    html = page.render(VERDICT, OLD, NEW)
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?:", html)


def test_it_is_for_light_and_dark():
    html = page.render(VERDICT, OLD, NEW)
    assert "color-scheme: light dark" in html
    declared = [set(re.findall(r"(--\w+):", block)) for block in re.findall(r":root \{(.*?)\}", html, re.DOTALL)]
    assert len(declared) == 2
    assert declared[0] == declared[1] == set(re.findall(r"var\((--\w+)\)", html))


def test_the_bars_are_the_counts():
    bars = page.bars(ROW.histogram)
    assert len(bars) == len(DECADES) + 2
    assert [(bar.label, bar.count) for bar in bars if bar.count] == [
        ("0", 1000),
        ("1e-12", 5),
        ("1e-1", 217),
        ("non-finite", 12),
    ]
    assert bars[0].height == 1.0
    assert 0.2 < bars[1].height < 0.3  # log10(6) / log10(1001): a handful among a thousand is seen
    assert [bar.short for bar in bars[:2]] == ["1k", "5"]
    assert page.Bar("", "", 12_999_999, 0.0).short == "12M"
    assert [bar.height for bar in page.bars(Histogram())] == [0.0] * len(bars)
    found = show()
    assert "1e-1 to 1e0: 217" in found.text
    assert [tag for tag, _ in found.tags].count("rect") == len(bars)


def test_the_diff_is_side_by_side_with_context():
    rows = list(page.diff_rows(OLD, NEW, {}))
    shown = [(row.kind, row.old_number, row.new_number) for row in rows]
    assert shown == [
        ("gap", 0, 0),
        ("same", 7, 7),
        ("same", 8, 8),
        ("same", 9, 9),
        ("changed", 10, 10),
        ("added", 0, 11),
        ("same", 11, 12),
        ("same", 12, 13),
        ("same", 13, 14),
        ("gap", 0, 0),
        ("same", 17, 18),
        ("same", 18, 19),
        ("same", 19, 20),
        ("removed", 20, 0),
        ("same", 21, 21),
        ("same", 22, 22),
        ("same", 23, 23),
    ]
    assert (rows[4].old, rows[4].new) == ("line 10", "line ten")


def test_lines_say_who_rewrote_them():
    rows = page.diff_rows(OLD, NEW, {10: ("mint", "flatten"), 20: ["no-del"], 8: ["elsewhere"]})
    assert {(row.old_number, row.new_number): row.passes for row in rows if row.passes} == {
        (10, 10): ("mint", "flatten"),
        (0, 11): ("mint", "flatten"),
        (20, 0): ("no-del",),
    }
    assert "mint, flatten" in show(passes={10: ("mint", "flatten")}).text
    assert not any(attributes.get("class") == "pass" for _, attributes in show().tags)


def test_files_that_are_the_same_or_gone():
    assert "The files are the same, line by line." in show(VERDICT, OLD, OLD).text
    assert "could not be read" in show(VERDICT, None, OLD).text


def test_a_good_verdict_has_no_alarm_in_it():
    good = Verdict("a.py", "b.py", "full", 0, outputs=(dataclasses.replace(ROW, ulp=None, cosine=None, argmax=None),))
    text = show(good).text
    assert "loosened" not in text
    assert "What concerns no single case" not in text
    assert "The rewritten file compiles nothing." in text


class TestWriting:
    def test_the_files_are_read_for_the_diff(self, tmp_path):
        (tmp_path / "one.py").write_text(f"# -*- coding: latin-1 -*-\n# é\n{OLD}", encoding="latin-1")
        (tmp_path / "two.py").write_text(NEW, encoding="utf-8")
        verdict = dataclasses.replace(
            VERDICT, original=str(tmp_path / "one.py"), rewritten=str(tmp_path / "two.py"), tolerance=None
        )
        page.write(tmp_path / "new" / "page.html", verdict)
        text = Page((tmp_path / "new" / "page.html").read_text(encoding="utf-8")).text
        assert "line ten and a half" in text
        assert "é" in text

    def test_a_file_that_is_gone_is_said_to_be(self, tmp_path):
        page.write(tmp_path / "page.html", VERDICT)
        assert "could not be read" in (tmp_path / "page.html").read_text(encoding="utf-8")

    def test_a_place_that_cannot_be_written(self, tmp_path):
        with pytest.raises(RewriterError, match="cannot be written") as caught:
            page.write(tmp_path, VERDICT)
        assert "--html" in caught.value.hint
