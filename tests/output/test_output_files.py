"""Disks that are full, folders that are closed: one sentence, exit code 1, and no half of a file."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys

import pytest

from benchmarks.served import ROOT
from kikitori.errors import AudioError, OutputError
from kikitori.output.files import check_writable, write_output
from tests.support.recordings import one_recording


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one page, 4 KiB: room for one small file."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tmp_path]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here: that takes root")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.slow
def test_a_disk_that_is_full_before_the_end_leaves_no_half_of_a_file(small_disk):
    """The journal still fits, the output does not; with room again, the job goes on."""
    recording = one_recording("pt")
    command = [sys.executable, ROOT / "inference.py", recording.path, "--direction", "pt", "--checkpoint", "tiny"]
    command += ["-o", small_disk]
    done = subprocess.run(command, capture_output=True, text=True)
    output = small_disk / f"{recording.path.stem}.txt"
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"error: {output} cannot be written (No space left on device): free some space, or choose another folder"
    )
    journal = small_disk / f"{recording.path.stem}.pt.journal"
    assert os.listdir(small_disk) == [journal.name]
    assert f"note: what is done is kept in {journal}" in done.stderr

    subprocess.run(["mount", "-o", "remount,size=64k", small_disk], check=True)
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0 and "1 windows are taken from" in done.stderr
    assert os.listdir(small_disk) == [output.name]
    assert output.read_text(encoding="utf-8") == recording.reference + "\n"


def let_files_have(size: int):
    """What a full disk does, without filling one: no file of the child grows past so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def last_words(code: str, **options) -> str:
    """What a small program says on standard error, down to its end."""
    program = f"import sys\nfrom kikitori.errors import OutputError\ntry:\n    {code}\n"
    program += "except OutputError as error:\n    sys.exit(str(error))"
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=ROOT, **options)
    assert done.returncode == 1
    return done.stderr


def test_standard_output_that_is_full_or_closed_is_one_sentence():
    code = "from kikitori.output.files import print_output; print_output('sim')"
    remedy = "write to a file instead\n"
    with open("/dev/full", "w") as full:
        words = last_words(code, stdout=full)
    assert words == f"standard output cannot be written (No space left on device): {remedy}"
    reader, writer = os.pipe()
    os.close(reader)
    words = last_words(code, stdout=writer)
    os.close(writer)
    assert words == f"standard output cannot be written (Broken pipe): {remedy}"


def test_a_disk_without_room_for_a_journal_is_one_sentence(tmp_path):
    path = tmp_path / "a.journal"
    code = (
        "import numpy, pathlib; from kikitori.engines.journal import Journal; from kikitori.result import DecodingResult; "
        f"journal = Journal(pathlib.Path({str(path)!r}), {{}}, False); "
        "list(journal.keep(lambda _: [[DecodingResult('sim', 'end')]])([numpy.zeros(9)]))"
    )
    words = last_words(code, preexec_fn=let_files_have(20))
    assert words.startswith(f"{path} cannot be written (File too large): free some space")


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file/a.txt", "File exists"), ("file/b/a.txt", "Not a directory"), ("folder", "Is a directory")],
)
def test_where_nothing_can_be_written_is_found_out_before_the_work(tmp_path, place, reason):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=rf"{place} cannot be written \({reason}\): choose another folder$"):
        check_writable(tmp_path / place)


def test_a_name_that_leaves_no_room_for_a_suffix_is_the_recordings_fault(tmp_path):
    check_writable(tmp_path / ("a" * 251 + ".txt"))
    with pytest.raises(AudioError, match=r"^a{252} is too long a name for a \.txt file: rename the recording"):
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
