"""An output file is new and whole, or it is the old one."""

from __future__ import annotations

import os
import stat

import pytest

from kikitori.output.files import write_atomically


@pytest.fixture
def umask():
    """Set the process's umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_utf8_and_keeps_line_ends(tmp_path):
    write_atomically(tmp_path / "a.txt", "はい\nsim\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "はい\nsim\r\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("a much longer old text")
    write_atomically(str(tmp_path / "a.txt"), "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640)])
def test_a_new_file_has_the_usual_permissions_of_new_files(tmp_path, umask, mask, expected):
    umask(mask)
    write_atomically(tmp_path / "a.txt", "new")
    assert mode(tmp_path / "a.txt") == expected


@pytest.mark.parametrize("permissions", [0o600, 0o664])
def test_an_old_file_keeps_its_permissions(tmp_path, umask, permissions):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(permissions)
    write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert mode(tmp_path / "a.txt") == permissions


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    (tmp_path / "a.txt").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_old_file_is_there_until_the_new_one_is_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    seen = []

    def look(descriptor):
        seen.append(((tmp_path / "a.txt").read_text(), os.fstat(descriptor).st_size))
        assert len(os.listdir(tmp_path)) == 2  # the temporary file is in the same folder, so on the same disk

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "a.txt", "newer")
    assert seen == [("old", 5)]


def test_text_that_utf8_cannot_hold_leaves_the_old_file_whole(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "a.txt", "new \ud800")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a.txt", "new")
    assert os.listdir(tmp_path) == []
