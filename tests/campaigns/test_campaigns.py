"""The mutants are what they are said to be, and the tables in `docs/` hold what the campaigns found."""

from __future__ import annotations

import ast
import csv
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mutation import FILES, KILLED, equivalents, key
from operators import GUARD, OPERATORS, mutants, spread

from rewriter import rewrite

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = ROOT / "docs" / "mutants.csv"
ALARMS = ROOT / "docs" / "false-alarms.csv"


@pytest.fixture(scope="module")
def every():
    """Every mutant of the two rewritten files."""
    return {name: mutants(rewrite(path).text) for name, path in FILES.items()}


@pytest.mark.breadth
def test_mutants_are_python_and_differ_in_one_place(every):
    for name, path in FILES.items():
        text = rewrite(path).text
        for mutant in spread(every[name], 3):
            ast.parse(mutant.text)
            assert mutant.text != text
            start = next(i for i, (one, other) in enumerate(zip(text, mutant.text, strict=False)) if one != other)
            assert text[:start].count("\n") + 1 >= mutant.line
            assert mutant.text.replace(mutant.after, mutant.before, 1) == text or mutant.after in mutant.text


@pytest.mark.breadth
def test_there_are_enough_of_enough_kinds(every):
    chosen = [mutant for one in every.values() for mutant in spread(one, 6)]
    assert len(chosen) >= 200
    assert len({mutant.operator for mutant in chosen}) >= 15
    assert {mutant.operator for mutant in chosen} == set(OPERATORS)


@pytest.mark.breadth
def test_the_guard_and_what_nobody_sees_are_left_alone(every):
    places = {mutant.where.partition(".")[0] for one in every.values() for mutant in one}
    assert not places & GUARD
    text = rewrite(FILES["bert"]).text
    tops = [node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert set(tops) >= GUARD


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_score_in_the_docs_is_that_of_the_table():
    table, argued = rows(MUTANTS), equivalents()
    assert len(table) >= 200
    assert len({row["operator"] for row in table}) >= 15
    assert {key(row) for row in table} >= set(argued)
    real = [row for row in table if key(row) not in argued]
    quick = sum(row["quick"].startswith(KILLED) for row in real) / len(real)
    either = sum(row["quick"].startswith(KILLED) or row["full"].startswith(KILLED) for row in real) / len(real)
    assert quick >= 0.95
    assert either >= 0.99


def test_what_is_called_equivalent_survived():
    table = {key(row): row for row in rows(MUTANTS)}
    for one, reason in equivalents().items():
        assert not table[one]["quick"].startswith(KILLED), one
        assert len(reason.split()) > 5


def test_no_good_file_was_called_different():
    table = rows(ALARMS)
    files = {row["file"] for row in table}
    assert files == {f"{library} {model}" for library in ("bundled", "mindnlp") for model in ("BERT", "CLIP")}
    for file in files:
        assert len({row["seed"] for row in table if row["file"] == file}) >= 20
    assert all(row["status"] in ("identical", "equivalent") for row in table)
    assert all(row["different"] == row["unverified"] == "0" for row in table)
