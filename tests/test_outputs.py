"""Disks that are full, folders that are closed: one sentence, exit code 1, and no half of a file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest
from conftest import ROOT, one_recording

from speech.errors import AudioError, OutputError
from speech.outputs import check_writable, write_output

PORTUGUESE = one_recording("pt")


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "inference.py", PORTUGUESE.path, "--direction", "pt", "--checkpoint", "tiny"]
    return subprocess.run([*command, *arguments], stderr=subprocess.PIPE, text=True, **options)


def let_files_have(size: int):
    """What a full disk does, without filling one: no file of the child grows past so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_is_full_before_the_end_leaves_no_half_of_a_file(tmp_path):
    """The journal fits, and the output that is larger does not; with room again, the job goes on."""
    output = tmp_path / f"{PORTUGUESE.path.stem}.json"
    done = run("-f", "json", "-o", tmp_path, preexec_fn=let_files_have(700))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"error: {output} cannot be written (File too large): free some space, or choose another --output_dir"
    )
    journal = tmp_path / f"{PORTUGUESE.path.stem}.pt.journal"
    assert os.listdir(tmp_path) == [journal.name]
    assert f"note: what is done is kept in {journal}" in done.stderr

    done = run("-f", "json", "-o", tmp_path, "--resume")
    assert done.returncode == 0 and "1 windows are taken from" in done.stderr
    assert os.listdir(tmp_path) == [output.name]
    assert PORTUGUESE.reference in output.read_text(encoding="utf-8")


def test_a_disk_without_room_for_the_journal_is_one_sentence(tmp_path):
    done = run("-o", tmp_path, preexec_fn=let_files_have(0))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be written (File too large)" in done.stderr.splitlines()[-1]
    assert [path.stat().st_size for path in tmp_path.iterdir()] in ([], [0])


def test_standard_output_that_is_full_or_closed_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = run(stdout=full)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "error: standard output cannot be written (No space left on device): write to a file with --output_dir",
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = run(stdout=writer)
    os.close(writer)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "standard output cannot be written (Broken pipe)" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file/a.txt", "File exists"), ("file/b/a.txt", "Not a directory"), ("folder", "Is a directory")],
)
def test_where_nothing_can_be_written_is_found_out_before_the_work(tmp_path, place, reason):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=rf"{place} cannot be written \({reason}\): .*choose another --output_dir"):
        check_writable(tmp_path / place)


def test_a_name_that_leaves_no_room_for_a_suffix_is_the_recordings_fault(tmp_path):
    check_writable(tmp_path / ("a" * 251 + ".txt"))
    with pytest.raises(AudioError, match=r"^a{252} is too long a name to write a \.txt file of: rename it"):
        check_writable(tmp_path / ("a" * 252 + ".txt"))


def test_a_folder_is_made_and_a_file_in_it_stays_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    check_writable(path)
    write_output(path, "sim\n")
    check_writable(path)
    assert path.read_text() == "sim\n" and os.listdir(path.parent) == ["a.txt"]
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError, match=r"a.txt cannot be written \(Is a directory\)"):
        write_output(path, "sim\n")
    assert os.listdir(path.parent) == ["a.txt"]
