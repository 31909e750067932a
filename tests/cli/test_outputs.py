"""Files that the command line writes, what stays after an interrupt, and outputs that cannot be written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from kikitori.cli import attempt
from kikitori.errors import OutputError
from kikitori.output import files
from kikitori.output.writers import WRITERS, write_txt
from kikitori.transcribe import stream
from kikitori.transcript import Transcript
from kikitori.update import Transcription
from tests.support.command_line import (
    CLIP_TEXTS,
    CLIPS,
    interrupted_at_the_second_recording,
    outputs,
    steps_until_interrupt,
)
from tests.support.recordings import one_recording


@pytest.mark.slow
def test_recordings_of_the_same_name_keep_their_folders(tiny, two_clips, tmp_path, monkeypatch):
    """Also when an interrupt has left the journal of one of them."""
    for clip in two_clips:
        clip.parent.joinpath(clip.stem).mkdir()
        shutil.move(clip, clip.parent / clip.stem / "x.flac")
    monkeypatch.chdir(tmp_path)
    arguments = ["a/x.flac", "b/x.flac", "-o", "out"]
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "stream", interrupted_at_the_second_recording())
        assert tiny("pt", *arguments).returncode == 130
    assert outputs(tmp_path / "out") == ["a/x.pt.journal", "a/x.txt", "b/x.pt.journal", "b/x.txt"]
    assert (tmp_path / "out" / "b" / "x.txt").read_text("utf-8").splitlines()[1].startswith("[incomplete: ")
    done = tiny("pt", *arguments, "--skip_existing")
    assert done.returncode == 0 and "note: a/x.flac: skipped, because its output exists" in done.stderr.splitlines()
    assert done.stderr.count("written: ") == 1
    assert [(tmp_path / "out" / name / "x.txt").read_text("utf-8") for name in "ab"] == [f"{t}\n" for t in CLIP_TEXTS]


def test_no_model_is_loaded_if_all_outputs_exist(run, tmp_path):
    (tmp_path / "a.txt").write_text("kept")
    done = run(tmp_path / "a.wav", "--direction", "pt", "--checkpoint", tmp_path, "-o", tmp_path, "--skip-existing")
    assert (done.returncode, (tmp_path / "a.txt").read_text()) == (0, "kept")
    assert done.stderr == f"note: {tmp_path / 'a.wav'}: skipped, because its output exists\n"


def test_no_output_replaces_a_file_that_the_command_reads(tiny, tmp_path, monkeypatch):
    """A recording with an output's name, one with a journal's name, and the list of recordings."""
    monkeypatch.chdir(tmp_path)
    sound = CLIPS[0].path.read_bytes()
    for name in ("call.txt", "rec.flac", "rec.pt.journal", "list.flac"):
        Path(name).write_bytes(sound)
    Path("list.txt").write_text("list.flac\n")
    Path("rules.txt").write_text("a=b\n")
    Path("rules.flac").write_bytes(sound)
    for arguments, kept in (
        (["call.txt"], "call.txt"),
        (["rec.flac", "rec.pt.journal"], "rec.pt.journal"),
        (["--files_from", "list.txt"], "list.txt"),
        (["list.flac", "--context_file", "list.txt"], "list.txt"),
        (["rules.flac", "--replace_file", "rules.txt"], "rules.txt"),
    ):
        before = Path(kept).read_bytes()
        done = tiny("pt", *arguments, "-o", ".")
        assert done.returncode == 1
        assert f"error: {kept} is read by this command, and its output would replace it" in done.stderr
        assert Path(kept).read_bytes() == before


@pytest.mark.slow
def test_json_files_hold_what_txt_files_hold(tiny, tmp_path):
    recording = one_recording("diarize")
    assert tiny("diarize", recording.path, "--output_dir", tmp_path, "--output_format", "json").returncode == 0
    written = json.loads((tmp_path / f"{recording.path.stem}.json").read_text(encoding="utf-8"))
    assert write_txt(Transcript.from_dict(written)).count("[spk_") == len(recording.turns)


@pytest.mark.slow
@pytest.mark.parametrize("to_file", [True, False])
@pytest.mark.parametrize("during_draft", [True, False])
def test_after_an_interrupt_the_finished_part_is_kept_with_a_warning(
    tiny, monkeypatch, tmp_path, during_draft, to_file
):
    def interrupted(*arguments, **options):
        transcription = stream(*arguments, **options)
        return Transcription(steps_until_interrupt(transcription, during_draft), transcription.blank)

    monkeypatch.setattr(attempt, "stream", interrupted)
    recording = one_recording("pt")
    done = tiny("pt", recording.path, *(["-o", tmp_path] if to_file else []))
    assert done.returncode == 130
    written = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.txt")) + done.stdout
    notice = "only the first 2.43 s are in this transcript"
    assert written == ("" if during_draft else f"{recording.reference}\n[incomplete: {notice}]\n")
    assert (f"warning: {recording.path}: {notice}\n" in done.stderr) == (not during_draft)
    assert ("with --resume continues from there" in done.stderr) == (to_file and not during_draft)


def test_all_formats_are_written_at_once(tiny, tmp_path):
    recording = one_recording("diarize")
    done = tiny("diarize", recording.path, "-f", "all", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    stem = recording.path.stem
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f"{stem}.{suffix}" for suffix in WRITERS)
    turns = recording.turns
    for suffix in ("txt", "srt", "vtt", "tsv"):
        assert (tmp_path / f"{stem}.{suffix}").read_text(encoding="utf-8").count("spk_") >= len(turns)
    assert (tmp_path / f"{stem}.rttm").read_text(encoding="utf-8").count("SPEAKER ") == len(turns)
    assert "times are estimates" in done.stderr


def test_several_formats_are_written_at_once_into_a_folder(tiny, tmp_path):
    recording = one_recording("pt")
    formats = ["-f", "json", "-f", "srt", "-f", "json"]
    refused = tiny("pt", recording.path, *formats)
    assert refused.returncode == 2
    assert refused.stderr.endswith("\nerror: several formats are one file each: name a folder with --output_dir\n")
    assert tiny("pt", recording.path, *formats, "-o", tmp_path, "--max_line_width", "20").returncode == 0
    stem = recording.path.stem
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"{stem}.json", f"{stem}.srt"]
    done = tiny("pt", recording.path, "-f", "json", "-f", "txt", "-o", tmp_path, "--align", "--max_line_width", "20")
    assert "--max_line_width has no effect in json and txt" in done.stderr


def test_a_folder_in_the_way_of_one_output_does_not_stop_the_others(tiny, two_clips, tmp_path):
    out = tmp_path / "out"
    (out / "a.json").mkdir(parents=True)
    done = tiny("pt", *two_clips, "-f", "json", "-o", out)
    assert done.returncode == 1
    assert f"error: {out / 'a.json'} cannot be written (Is a directory): choose another folder" in done.stderr
    assert sorted(os.listdir(out)) == ["a.json", "b.json", "b.pt.journal"]
    (out / "a.json").rmdir()
    resumed = tiny("pt", *two_clips, "-f", "json", "-o", out, "--resume")
    assert resumed.returncode == 0
    assert f"note: {two_clips[1]}: its output is up to date and left as it is" in resumed.stderr
    assert resumed.stderr.count("written: ") == 1
    assert sorted(os.listdir(out)) == ["a.json", "b.json"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "(No space left on device): free some space, or choose another folder"),
        (errno.EACCES, "(Permission denied): choose another folder"),
        (errno.EROFS, "(Read-only file system): choose another folder"),
    ],
    ids=["full disk", "no permission", "read-only"],
)
def test_an_output_that_cannot_be_written_does_not_stop_the_others(
    tiny, two_clips, tmp_path, monkeypatch, number, remedy
):
    out = tmp_path / "out"
    write = files.write_atomically

    def write_all_but_a(path, text):
        if path.name == "a.txt":
            raise OSError(number, os.strerror(number))
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", write_all_but_a)
        done = tiny("pt", *two_clips, "-o", out)
    assert done.returncode == 1
    assert f"error: {out / 'a.txt'} cannot be written {remedy}" in done.stderr.splitlines()
    assert sorted(os.listdir(out)) == ["a.pt.journal", "b.pt.journal", "b.txt"]
    resumed = tiny("pt", *two_clips, "-o", out, "--resume")
    assert resumed.returncode == 0
    assert f"note: {two_clips[0]}: windows taken from {out / 'a.pt.journal'}: 1" in resumed.stderr
    assert f"note: {two_clips[1]}: its output is up to date and left as it is" in resumed.stderr
    assert sorted(os.listdir(out)) == ["a.txt", "b.txt"]


def test_nothing_more_is_transcribed_when_standard_output_is_gone(tiny, two_clips, monkeypatch):
    def full_disk(_):
        raise OutputError("stdout_unwritable", why="No space left on device")

    monkeypatch.setattr("kikitori.cli.delivery.print_output", full_disk)
    done = tiny("pt", *two_clips)
    assert done.returncode == 1
    assert "1 of 2: " in done.stderr and "2 of 2: " not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: standard output cannot be written (No space left on device)")


def test_a_closed_pipe_ends_quietly(tiny, two_clips, monkeypatch):
    def broken_pipe(_):
        raise BrokenPipeError

    monkeypatch.setattr("kikitori.cli.delivery.print_output", broken_pipe)
    done = tiny("pt", *two_clips)
    assert done.returncode == 141
    assert done.stderr.splitlines()[-1] == f"1 of 2: {two_clips[0]}"


def test_standard_output_that_was_never_open_is_a_closed_one(tiny, two_clips, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    done = tiny("pt", *two_clips)
    assert done.returncode == 141 and "2 of 2: " not in done.stderr
