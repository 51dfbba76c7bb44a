"""`rewriter bisect`: the guilty change of a rewritten file, by pass or by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewriter import rewrite

pytestmark = pytest.mark.slow  # many small models, most of them compiled

BERT = Path(__file__).resolve().parents[2] / "models" / "bert" / "modeling_bert.py"
CASE = "BertModel/mask=none/batch=3/seq=5"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"


@pytest.fixture(scope="module")
def twin() -> str:
    """BERT rewritten, its imports too, and nothing compiled."""
    return rewrite(BERT, passes=["mint", "module-loops", "imports"]).text


@pytest.fixture
def edited(twin, workplace):
    def write(*edits: tuple[str, str]) -> Path:
        text = twin
        for old, new in edits:
            assert old in text, f"the twin no longer has {old!r}"
            text = text.replace(old, new, 1)
        path = workplace / "modeling_twin.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def lines(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


def test_no_difference(cli, edited):
    run = cli("bisect", BERT, edited(), "--case", CASE)
    assert run.code == 0
    assert "no difference" in run.out


def test_the_guilty_change_is_shown_with_its_lines_and_figures(cli, edited):
    path = edited((SCALE, "attention_scores / 2.5"))
    run = cli("bisect", BERT, path, "--case", CASE)
    assert run.code == 1
    assert "guilty 1 of 1" in run.out
    assert f"{path}:{lines(path, '/ 2.5')}  ({BERT}:{lines(BERT, SCALE)})  BertSelfAttention.construct" in run.out
    assert f"-attention_scores = {SCALE}" in run.out
    assert "+attention_scores = attention_scores / 2.5" in run.out
    assert "max abs error" in run.out
    assert f"case {CASE}" in run.out


def test_two_faults_and_the_document(cli, edited):
    path = edited(
        (SCALE, "attention_scores / 2.5"), ("embeddings = self.LayerNorm(embeddings)", "embeddings = embeddings")
    )
    run = cli("bisect", BERT, path, "--case", CASE, "--json")
    (found,) = json.loads(run.out)["bisections"]
    assert run.code == 1
    assert sorted(change["where"] for guilty in found["guilty"] for change in guilty["changes"]) == [
        "BertEmbeddings.construct",
        "BertSelfAttention.construct",
    ]
    assert all(guilty["evidence"]["maximum_absolute"] > 0 for guilty in found["guilty"])
    assert found["kept"] > 10
    assert found["verdict"]["ok"] is False


def test_a_file_that_cannot_be_imported(cli, edited):
    path = edited(("logger = logging", "logger = loging"))
    run = cli("bisect", BERT, path, "--case", CASE)
    assert run.code == 1
    assert "guilty 1 of 1" in run.out
    assert "+logger = loging.getLogger(__name__)" in run.out
    assert "breaks import: NameError" in run.out


def test_the_surface_is_told_as_it_is(cli, edited):
    path = edited(("    def prune_heads(self, heads)", "    def prune_heads(self, heads, dry=False)"))
    run = cli("bisect", BERT, path, "--case", CASE)
    assert run.code == 1
    assert "seen without running  BertAttention.prune_heads" in run.out
    assert "guilty" not in run.out


@pytest.mark.parametrize("arguments", [("nowhere.py", BERT), (BERT, "nowhere.py")])
def test_files_that_are_not_there(cli, arguments):
    run = cli("bisect", *arguments)
    assert run.code == 2
    assert "nowhere.py" in run.err


def test_a_case_that_there_is_not(cli, edited):
    run = cli("bisect", BERT, edited((SCALE, "attention_scores")), "--case", "BertModel/nothing")
    assert run.code == 2
    assert "BertModel/nothing" in run.err
