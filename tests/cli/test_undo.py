"""`rewriter undo`: the original bytes, whatever happened in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import TOY


@pytest.mark.parametrize(
    "data",
    [
        TOY.encode(),
        TOY.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + TOY.encode(),
        TOY.rstrip("\n").encode(),
        b"# -*- coding: latin-1 -*-\n# \xfc\n" + TOY.encode(),
        TOY.encode() + b"\n# trailing spaces   \n\n\x0c\n\t\n",
    ],
    ids=["lf", "crlf", "bom", "no-newline", "latin-1", "odd-end"],
)
def test_byte_for_byte(cli, toy, data):
    toy.write_bytes(data)
    assert cli("apply", toy, "--in-place").code == 0
    assert toy.read_bytes() != data
    run = cli("undo", toy)
    assert run.code == 0
    assert "restored" in run.out
    assert toy.read_bytes() == data


def test_twice_in_place_then_undo_gives_the_first_original(cli, toy):
    assert cli("apply", toy, "--in-place", "--passes", "module-loops").code == 0
    between = toy.read_bytes()
    assert cli("apply", toy, "--in-place").code == 0
    assert toy.read_bytes() != between
    assert cli("undo", toy).code == 0
    assert toy.read_text(encoding="utf-8") == TOY


def test_a_second_undo_has_nothing_to_undo(cli, toy):
    cli("apply", toy, "--in-place")
    cli("undo", toy)
    run = cli("undo", toy)
    assert run.code == 2
    assert "no backup" in run.err
    assert toy.read_text(encoding="utf-8") == TOY


def test_apply_after_undo_keeps_a_backup_again(cli, toy):
    for _ in range(2):
        assert cli("apply", toy, "--in-place").code == 0
        assert cli("undo", toy).code == 0
        assert toy.read_text(encoding="utf-8") == TOY


def test_edits_are_not_thrown_away(cli, toy):
    cli("apply", toy, "--in-place")
    edited = toy.read_text(encoding="utf-8") + "# mine\n"
    toy.write_text(edited, encoding="utf-8")
    run = cli("undo", toy)
    assert run.code == 1
    assert "edited" in run.err
    assert "--force" in run.err
    assert toy.read_text(encoding="utf-8") == edited
    assert cli("undo", toy, "--force").code == 0
    assert toy.read_text(encoding="utf-8") == TOY


def test_apply_after_edits_keeps_the_edited_file(cli, toy):
    """What the user wrote last is the original of the next run."""
    cli("apply", toy, "--in-place")
    edited = TOY + "# mine\n"
    toy.write_text(edited, encoding="utf-8")
    cli("apply", toy, "--in-place")
    assert cli("undo", toy).code == 0
    assert toy.read_text(encoding="utf-8") == edited


def test_a_file_that_is_gone_comes_back(cli, toy):
    cli("apply", toy, "--in-place")
    toy.unlink()
    assert cli("undo", toy).code == 0
    assert toy.read_text(encoding="utf-8") == TOY


def test_by_another_path(cli, toy, workplace):
    (workplace / "link.py").symlink_to(toy)
    cli("apply", "modeling_toy.py", "--in-place")
    assert cli("undo", f"../{workplace.name}/link.py").code == 0
    assert toy.read_text(encoding="utf-8") == TOY


def test_through_a_link_the_link_stays(cli, toy, workplace):
    link = workplace / "modeling_link.py"
    link.symlink_to(toy)
    assert cli("apply", link, "--in-place").code == 0
    assert link.is_symlink()
    assert toy.read_text(encoding="utf-8") != TOY
    assert cli("undo", link).code == 0
    assert link.is_symlink()
    assert toy.read_text(encoding="utf-8") == TOY


def test_two_files_of_one_name(cli, workplace):
    texts = {}
    for folder in ("a", "b"):
        path = workplace / folder / "modeling_toy.py"
        path.parent.mkdir()
        texts[path] = TOY + f"# {folder}\n"
        path.write_text(texts[path], encoding="utf-8")
    assert cli("apply", *texts, "--in-place").code == 0
    assert cli("undo", *texts).code == 0
    assert {path: path.read_text(encoding="utf-8") for path in texts} == texts


def test_one_that_cannot_be_restored_does_not_stop_the_others(cli, toy, workplace):
    cli("apply", toy, "--in-place")
    run = cli("undo", "missing.py", workplace, toy)
    assert run.code == 2
    assert "missing.py: no backup" in run.err
    assert toy.read_text(encoding="utf-8") == TOY


def backups(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "state").rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"other"), Path.unlink])
def test_a_damaged_backup_is_not_restored(cli, toy, tmp_path, damage):
    cli("apply", toy, "--in-place")
    rewritten = toy.read_bytes()
    (original,) = [path for path in backups(tmp_path) if path.name == "original"]
    damage(original)
    run = cli("undo", toy)
    assert run.code == 1
    assert "damaged" in run.err
    assert toy.read_bytes() == rewritten


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"path": 1}', "\x00"])
def test_a_damaged_record_is_no_backup(cli, toy, tmp_path, text):
    cli("apply", toy, "--in-place")
    (record,) = [path for path in backups(tmp_path) if path.name == "backup.json"]
    record.write_text(text, encoding="utf-8")
    assert cli("undo", toy).code == 2
    assert cli("apply", toy, "--in-place").code == 0


def test_nothing_is_left_of_a_backup(cli, toy, tmp_path):
    cli("apply", toy, "--in-place")
    (record,) = [path for path in backups(tmp_path) if path.name == "backup.json"]
    (record.parent / ".left-by-a-killed-run").touch()
    assert cli("undo", toy).code == 0
    assert backups(tmp_path) == []


def test_an_unwritable_place_for_backups_leaves_the_file(cli, toy, tmp_path):
    (tmp_path / "state").touch()
    run = cli("apply", toy, "--in-place")
    assert run.code == 2
    assert "cannot be written" in run.err
    assert toy.read_text(encoding="utf-8") == TOY


def test_an_undo_that_cannot_write_keeps_the_backup(cli, toy, monkeypatch):
    cli("apply", toy, "--in-place")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        run = cli("undo", toy)
    assert run.code == 2
    assert "No space left" in run.err
    assert cli("undo", toy).code == 0
    assert toy.read_text(encoding="utf-8") == TOY
