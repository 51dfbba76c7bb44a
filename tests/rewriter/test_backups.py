"""`rewriter.files`: atomic writing and backups, below the command line."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from rewriter import files
from rewriter.errors import RewriterError


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "folder" / "file.py"
    place.parent.mkdir()
    return place


def test_writing_makes_folders(tmp_path):
    files.write(tmp_path / "a" / "b" / "c.py", b"data")
    assert (tmp_path / "a" / "b" / "c.py").read_bytes() == b"data"


def test_a_new_file_has_the_mode_that_any_new_file_has(path):
    files.write(path, b"new")
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o444])
def test_an_old_file_keeps_its_mode(path, mode):
    path.write_bytes(b"old")
    path.chmod(mode)
    try:
        files.write(path, b"new")
    except RewriterError:  # who is not root may not write a read-only file
        assert mode == 0o444
        assert path.read_bytes() == b"old"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_an_old_file_keeps_its_owner(path):
    path.write_bytes(b"old")
    os.chown(path, 12345, 54321)
    files.write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_a_link_stays_and_its_end_is_written(path):
    path.write_bytes(b"old")
    link = path.with_name("link.py")
    link.symlink_to(path.name)
    files.write(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_a_loop_of_links(path):
    path.symlink_to(path.name)
    with pytest.raises(RewriterError, match="cannot be written"):
        files.write(path, b"new")


def test_the_longest_name_that_there_can_be(path):
    long = path.with_name("x" * 252 + ".py")
    files.write(long, b"new")
    assert long.read_bytes() == b"new"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_nothing_is_left_of_a_write_that_fails(path, monkeypatch, call):
    path.write_bytes(b"old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(RewriterError, match="No space left") as caught:
            files.write(path, b"new")
    assert caught.value.exit_code == 2
    assert [item.name for item in path.parent.iterdir()] == ["file.py"]
    assert path.read_bytes() == b"old"


def test_a_reader_never_sees_a_part(path):
    """One thread writes, this one reads: it sees old or new, at their full lengths."""
    old, new = b"o" * 3_000_000, b"n" * 3_000_000
    files.write(path, old)

    def write():
        for number in range(20):
            files.write(path, new if number % 2 else old)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= {old, new}


def test_undo_after_three_runs(path):
    for before, after in ((b"first", b"second"), (b"second", b"third"), (b"third", b"fourth")):
        files.back_up(path, before, after)
        files.write(path, after)
    files.undo(path)
    assert path.read_bytes() == b"first"


def test_a_run_that_was_interrupted_before_it_wrote_loses_nothing(path):
    """The record is there and the result is not; whatever comes next, the first original stays."""
    files.write(path, b"first")
    files.back_up(path, b"first", b"second")
    files.write(path, b"second")
    files.back_up(path, b"second", b"third")  # and here it stopped
    files.back_up(path, b"second", b"other")
    files.write(path, b"other")
    files.undo(path)
    assert path.read_bytes() == b"first"


def test_undo_right_after_an_interrupted_run(path):
    files.write(path, b"first")
    files.back_up(path, b"first", b"second")
    files.undo(path)
    assert path.read_bytes() == b"first"


def test_backups_are_per_file(path):
    other = path.with_name("other.py")
    for one in (path, other):
        files.write(one, one.name.encode())
        files.back_up(one, one.name.encode(), b"result")
        files.write(one, b"result")
    files.undo(other)
    assert other.read_bytes() == b"other.py"
    assert path.read_bytes() == b"result"
    files.undo(path)
    assert path.read_bytes() == b"file.py"


def test_is_result(path):
    assert not files.is_result(path, b"second")
    files.back_up(path, b"first", b"second")
    assert files.is_result(path, b"second")
    assert not files.is_result(path, b"first")
