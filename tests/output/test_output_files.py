"""Full disks, closed folders, standard output: one sentence, exit code 1, and no partial file."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys

import pytest

from benchmarks.served import ROOT
from kikitori.cli.run import main
from kikitori.errors import AudioError, OutputError
from kikitori.output.files import check_writable, write_output
from kikitori.output.jsonl import append_records, read_records
from tests.support.recordings import one_recording


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 KiB, with room for one small file."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tmp_path]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here: that takes root")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_leaves_no_partial_file(small_disk, capsys):
    """The journal still fits, the output does not. With more room the job can be resumed."""
    recording = one_recording("pt")
    command = [str(recording.path), "--direction", "pt", "--checkpoint", "tiny", "-o", str(small_disk)]
    output = small_disk / f"{recording.path.stem}.txt"
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        f"error: {output} cannot be written (No space left on device): free some space, or choose another folder"
    )
    journal = small_disk / f"{recording.path.stem}.pt.journal"
    assert os.listdir(small_disk) == [journal.name]
    assert f"note: what is done is kept in {journal}" in said

    subprocess.run(["mount", "-o", "remount,size=64k", small_disk], check=True)
    assert main([*command, "--resume"]) == 0
    assert f"windows taken from {journal}: 1" in capsys.readouterr().err
    assert os.listdir(small_disk) == [output.name]
    assert output.read_text(encoding="utf-8") == recording.reference + "\n"


def let_files_have(size: int):
    """Limit the files of a child process to `size` bytes, as a full disk would."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def error_of(code: str, **options) -> str:
    """Run a small program that ends with an OutputError, and return its standard error."""
    program = f"import sys\nfrom kikitori.errors import OutputError\ntry:\n    {code}\n"
    program += "except OutputError as error:\n    sys.exit(str(error))"
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=ROOT, **options)
    assert done.returncode == 1
    return done.stderr


def test_standard_output_that_is_full_is_one_sentence():
    with open("/dev/full", "w") as full:
        error = error_of("from kikitori.output.files import print_output; print_output('sim')", stdout=full)
    assert error == "standard output cannot be written (No space left on device): write to a file instead\n"


@pytest.mark.slow
def test_a_closed_pipe_is_an_error_of_its_own_and_no_noise_at_the_end():
    code = "from kikitori.output.files import print_output\ntry: print_output('sim')\nexcept BrokenPipeError: exit(141)"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "[spk_0]: Olá, はい。\n".encode()),
        ("cp1252", "[spk_0]: Olá, ???\n".encode("cp1252")),
        ("ascii", b"[spk_0]: Ol?, ???\n"),
        ("ascii:backslashreplace", b"[spk_0]: Ol\\xe1, \\u306f\\u3044\\u3002\n"),
    ],
)
def test_text_that_standard_output_cannot_encode_is_written_with_question_marks(encoding, expected):
    code = "from kikitori.output.files import print_output; print_output('[spk_0]: Olá, はい。\\n')"
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


@pytest.mark.slow
def test_a_disk_without_room_for_a_journal_is_one_sentence(tmp_path):
    path = tmp_path / "a.journal"
    code = "import pathlib; from kikitori.engines.journal import Journal; "
    code += f"Journal(pathlib.Path({str(path)!r}), {{}}, False).note_written({{'output': 'a.txt'}})"
    error = error_of(code, preexec_fn=let_files_have(20))
    assert error.startswith(f"{path} cannot be written (File too large): free some space")


def test_a_damaged_record_is_named_by_its_line_and_those_before_it_are_read(tmp_path):
    path = tmp_path / "a.jsonl"
    append_records(path, [{"text": "olá"}])
    with path.open("a", encoding="utf-8") as file:
        file.write("{\n")
    records = read_records(path)
    assert next(records) == {"text": "olá"}
    with pytest.raises(ValueError, match=r"a\.jsonl is damaged in line 2$"):
        next(records)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file/a.txt", "File exists"), ("file/b/a.txt", "Not a directory"), ("folder", "Is a directory")],
)
def test_an_unwritable_place_is_found_before_the_work(tmp_path, place, reason):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=rf"{place} cannot be written \({reason}\): choose another folder$"):
        check_writable(tmp_path / place)


def test_a_name_without_room_for_a_suffix_is_an_error_of_the_recording(tmp_path):
    check_writable(tmp_path / ("a" * 251 + ".txt"))
    with pytest.raises(AudioError, match=r"^a{252} is too long a name for a \.txt file: rename the recording"):
        check_writable(tmp_path / ("a" * 252 + ".txt"))


def test_a_missing_folder_is_made_and_failed_writing_leaves_nothing(tmp_path):
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
