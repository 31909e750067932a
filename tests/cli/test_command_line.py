"""The command line as a user types it: output, exit codes, and a bad file among good ones."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from contextlib import closing
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import kikitori
from benchmarks.served import ROOT
from kikitori.audio.files import load_audio
from kikitori.cli import attempt, models
from kikitori.cli import run as command_line
from kikitori.cli.options import parse_options
from kikitori.cli.report import TextReport, make_report
from kikitori.errors import OutputError
from kikitori.output import files
from kikitori.output.writers import WRITERS, write_txt
from kikitori.strings import format_time
from kikitori.tasks import TASKS, TINY, TINY_ALIGNER
from kikitori.transcribe import stream
from kikitori.transcript import Transcript
from kikitori.update import Draft, Transcription
from tests.support.recordings import EXAMPLES, RECORDINGS, one_recording, recordings_in, who_said_what
from tests.support.sound_files import encode, encode_tracks


@pytest.fixture
def run(capfd):
    """Run the command line in this process; starting one takes longer than most tests."""

    def run(*arguments: object) -> CompletedProcess:
        words = list(map(str, arguments))
        try:
            code = command_line.main(words)
        except SystemExit as ended:  # wrong usage, --help, --version
            code = ended.code
        return CompletedProcess(words, code, *capfd.readouterr())

    return run


@pytest.fixture
def tiny(run):
    return lambda direction, *arguments: run(*arguments, "--direction", direction, "--checkpoint", "tiny")


CLIPS = recordings_in(RECORDINGS, "pt")[:2]
CLIP_TEXTS = [clip.reference for clip in CLIPS]


@pytest.fixture
def two_clips(tmp_path):
    """Two short Portuguese recordings, a.flac and b.flac."""
    paths = [clip.path for clip in CLIPS]
    return [shutil.copy(path, tmp_path / name) for path, name in zip(paths, ("a.flac", "b.flac"), strict=True)]


def start(*command: object, **variables: str) -> CompletedProcess:
    """Run a command in a process of its own."""
    environment = os.environ | {"PYTHONUTF8": "1"} | variables
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, env=environment, cwd=ROOT)


@pytest.mark.slow
def test_a_process_prints_and_exits_like_main_but_for_what_the_terminal_cannot_show(tiny, tmp_path):
    """Windows pipes are not UTF-8 by default, and have no Japanese."""
    recording = one_recording("diarize")
    here = tiny("diarize", recording.path, tmp_path / "nowhere.mp3")
    process = start("inference.py", *here.args, PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
    assert process.returncode == here.returncode == 1
    assert (process.stdout, process.stderr.decode()) == (here.stdout.encode("cp1252", "replace"), here.stderr)
    assert process.stdout.count(b"[spk_") == len(recording.turns) and b"?" in process.stdout
    assert b"Traceback" not in process.stderr


@pytest.mark.parametrize("direction", TASKS)
def test_stdout_holds_the_text_and_nothing_else(tiny, direction):
    recording = one_recording(direction)
    done = tiny(direction, recording.path)
    assert done.returncode == 0, done.stderr
    if direction == "diarize":
        lines = [f"[{turn.speaker}]: {turn.text}" for turn in recording.turns]
        assert done.stdout.splitlines() == lines
    else:
        assert done.stdout == recording.reference + "\n"
    assert "1 of 1" in done.stderr and "tiny on cpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_loading_is_reported_before_it_begins(tiny, monkeypatch):
    def never_ends(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "load_task", never_ends)
    done = tiny("pt", one_recording("pt").path)
    assert (done.returncode, done.stderr) == (130, "loading the checkpoint tiny\n")


def test_json_is_the_transcript(tiny):
    recording = one_recording("diarize")
    done = tiny("diarize", recording.path, "-f", "json")
    transcript = Transcript.from_dict(json.loads(done.stdout))
    assert transcript.raw_text == recording.reference
    assert transcript.audio == recording.path.name


def test_a_bad_file_does_not_stop_the_good_ones(tiny, tmp_path):
    good, bad = one_recording("pt"), tmp_path / "notes.wav"
    bad.write_text("this is no sound")
    done = tiny("pt", bad, good.path, tmp_path / "nowhere.mp3", "--output-dir", tmp_path / "out", "-f", "txt")
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"error: {bad} cannot be decoded as audio or video" in done.stderr
    assert f"error: {tmp_path / 'nowhere.mp3'} does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    stem = good.path.stem
    assert sorted(os.listdir(tmp_path / "out")) == [f"{stem}.pt.journal", f"{stem}.txt"]
    assert (tmp_path / "out" / f"{stem}.txt").read_text(encoding="utf-8") == good.reference + "\n"


def test_texts_of_several_recordings_have_headers_on_stdout(tiny):
    first, second = (one_recording(direction).path for direction in ("en2ja", "pt"))
    done = tiny("en2ja", first, second)
    assert [line for line in done.stdout.splitlines() if line.startswith("==> ")] == [
        f"==> {first} <==",
        f"==> {second} <==",
    ]


def test_several_recordings_as_json_are_one_line_each(tiny, two_clips):
    done = tiny("pt", *two_clips, "-f", "json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["path"] for record in records] == list(map(str, two_clips))
    assert [Transcript.from_dict(record).text for record in records] == CLIP_TEXTS


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


def outputs(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def interrupted_at_the_second_recording():
    """A `stream` that is interrupted after the first update of the second recording."""
    calls = count()

    def stream_and_interrupt(*arguments, **options):
        transcription = stream(*arguments, **options)
        if next(calls) == 0:
            return transcription
        return Transcription(steps_until_interrupt(transcription, during_draft=False), transcription.blank)

    return stream_and_interrupt


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


def test_a_closed_standard_input_is_one_sentence(tiny, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    done = tiny("pt", "-")
    assert done.returncode == 1 and "error: - cannot be opened (standard input is closed)" in done.stderr


def test_a_recording_comes_through_standard_input(tiny, monkeypatch, tmp_path):
    recording = one_recording("pt")
    with recording.path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        done = tiny("pt", "-", "-f", "json", "-o", tmp_path)
    assert done.returncode == 0 and "1 of 1: stdin" in done.stderr.splitlines()
    transcript = Transcript.from_dict(json.loads((tmp_path / "stdin.json").read_text("utf-8")))
    assert (transcript.audio, transcript.text) == ("stdin", recording.reference)


def test_progress_as_json_is_one_object_per_line(tiny, two_clips, monkeypatch, tmp_path):
    monkeypatch.setattr(attempt, "stream", interrupted_at_the_second_recording())
    (tmp_path / "c.wav").write_text("this is no sound")
    done = tiny("pt", *two_clips, tmp_path / "c.wav", "--progress", "json")
    assert done.returncode == 130
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["recording"], one["state"]) for one in events if one["event"] == "end"] == [
        (str(tmp_path / "c.wav"), "failed"),
        (str(two_clips[0]), "done"),
        (str(two_clips[1]), "interrupted"),
    ]
    *_, last = (one for one in events if one["event"] == "progress" and one["recording"] == str(two_clips[0]))
    assert last["seconds"] == last["total_seconds"] == pytest.approx(soundfile.info(two_clips[0]).duration, abs=1e-3)
    assert [one["number"] for one in events if one["event"] == "start"] == [1, 2]
    levels = {one["level"] for one in events if one["event"] == "message"}
    assert levels == {"info", "warning", "error"}


def test_what_libraries_print_is_json_too(capfd):
    with make_report("json"):
        print("two\n\nlines", end="", file=sys.stderr)
        print(" and more", file=sys.stderr)
    written = [json.loads(line)["message"] for line in capfd.readouterr().err.splitlines()]
    assert written == ["two", "lines and more"]


@pytest.mark.parametrize(("direction", "unit"), [("pt", "words"), ("en2ja", "characters")])
def test_what_the_model_is_unsure_of_is_one_line(tiny, monkeypatch, direction, unit):
    recording = one_recording(direction)
    monkeypatch.setattr("kikitori.model.generate.LOW_CONFIDENCE_PROBABILITY", 1.1)
    done = tiny(direction, recording.path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"note: {recording.path}: unsure of 100 % of the {unit}"


def test_a_revision_pins_the_checkpoint(run):
    """A revision that this machine's cache does not have can't be loaded, whatever else it has."""
    done = run(one_recording("pt").path, "--direction", "pt", "--revision", "v1.2")
    assert done.returncode == 1
    assert "yuriyvnv/Qwen3-ASR-1.7B-PT (revision v1.2) is not in this machine's Hugging Face cache" in done.stderr


def test_json_files_hold_what_txt_files_hold(tiny, tmp_path):
    recording = one_recording("diarize")
    assert tiny("diarize", recording.path, "--output_dir", tmp_path, "--output_format", "json").returncode == 0
    written = json.loads((tmp_path / f"{recording.path.stem}.json").read_text(encoding="utf-8"))
    assert write_txt(Transcript.from_dict(written)).count("[spk_") == len(recording.turns)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty (0 bytes): record or copy it again"),
        (b"hello", "cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM"),
        (np.zeros(16000, np.float32), "is silent: its peak is digital zero"),
        (np.full(800, 0.1, np.float32), "is 0.05 s long; the shortest that can be transcribed is 0.1 s"),
    ],
    ids=["empty", "text", "silence", "short"],
)
def test_a_bad_recording_is_one_sentence_and_exit_code_1(tiny, tmp_path, content, complaint):
    path = tmp_path / "clip.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        soundfile.write(path, content, 16000)
    done = tiny("pt", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: {path} {complaint}" in done.stderr.splitlines()[-1]


def test_a_folder_without_a_checkpoint_is_one_sentence(run, tmp_path):
    done = run(one_recording("pt").path, "--direction", "pt", "--checkpoint", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"loading the checkpoint {tmp_path.name}",
        f"error: {tmp_path} is not a checkpoint folder (it has no config.json): "
        "give the folder that holds config.json and *.safetensors, or use the checkpoint tiny",
    ]


def test_no_model_is_loaded_for_recordings_that_cannot_be_used(run, tmp_path, monkeypatch):
    """The folder that holds no checkpoint would be an error if it were loaded. Paths are shown as they were typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "b.wav").write_text("this is no sound")
    options = ["--direction", "pt", "--checkpoint", tmp_path, "--max_seconds", "1"]
    done = run("./a.wav", "../c/a.wav", "empty", "b.wav", one_recording("pt").path, *options)
    assert (done.returncode, done.stdout) == (1, "")
    missing = "does not exist: check the path (only local files are read)"
    assert done.stderr.splitlines()[:-1] == [
        "error: empty holds no recordings: choose another folder or list, or search its subfolders too",
        f"error: ./a.wav {missing}",
        f"error: ../c/a.wav {missing}",
        "error: b.wav cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM",
    ]
    assert done.stderr.splitlines()[-1].startswith(f"error: {one_recording('pt').path} is ")
    assert done.stderr.endswith("the limit is 1 s: cut it into shorter recordings\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a.wav"], "--direction"),
        (["a.wav", "--direction", "fr"], "invalid choice: 'fr'"),
        (["--direction", "pt"], "audio"),
        (["a.wav", "--direction", "pt", "--resume"], "--resume has no effect without --output_dir: name the folder"),
        (["a.wav", "--direction", "pt", "--skip-existing"], "--skip_existing has no effect without --output_dir"),
        (["a.wav", "--direction", "pt", "--recursive"], "--recursive has no effect without a folder: name the folder"),
        (
            ["a.wav", "b.wav", "--direction", "pt", "-f", "srt"],
            "one srt file holds one recording: use --output_dir for several",
        ),
        (["a.wav", "--direction", "pt", "-f", "all"], "name a folder with --output_dir"),
        (["a.wav", "--direction", "en2ja", "--source"], "--source has no effect in txt: use -f json, srt, vtt, tsv"),
        (
            ["a.wav", "--direction", "pt", "--source", "-f", "srt"],
            "--source has no effect on pt: use --direction en2ja or ja2en, or leave it out",
        ),
        (["a.wav", "--direction", "en2ja", "--align"], "--align has no effect on en2ja: use --direction diarize or pt"),
        (
            ["a.wav", "--direction", "pt", "--align"],
            "--align has no effect in txt: use -f srt, vtt, tsv, json, rttm",
        ),
        (
            ["a.wav", "--direction", "pt", "--stereo"],
            "--stereo has no effect on pt: use --direction diarize, or",
        ),
        (
            ["a.wav", "--direction", "en2ja", "--no-stereo"],
            "--stereo has no effect on en2ja: use --dir",
        ),
        (["a.wav", "--direction", "pt", "--max_line_width", "9"], "--max_line_width has no effect in txt: use -f srt"),
        (["a.wav", "--direction", "pt", "--max-line-count", "1", "-f", "json"], "--max_line_count has no effect in js"),
        (["a.wav", "--direction", "pt", "--max_seconds", "0"], "0 is not positive"),
        (["a.wav", "--direction", "pt", "--context", "a", "--context_file", "b"], "can't both be given: leave one out"),
        (
            ["a.wav", "--direction", "pt", "--replace", "Ana"],
            "`Ana` is not a rule for replacements: write old=new",
        ),
        (["a.wav", "--direction", "pt", "--context", "Ana <|audio_pad|>"], "the context contains <|audio_pad|>, which"),
        (["a.wav", "--direction", "pt", "--revision", "someone/else=v1"], "the revision someone/else=v1 does not"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(run, arguments, complaint):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_context_is_sent_from_an_option_or_a_file(tiny, monkeypatch, tmp_path):
    sent = []
    monkeypatch.setattr(attempt, "stream", lambda *audio, **options: sent.append(options) or stream(*audio, **options))
    (tmp_path / "names.txt").write_bytes("\ufeffHelena\r\nSão João\n".encode())
    clip = one_recording("pt")
    for options in (["--context", "Helena"], ["--context-file", tmp_path / "names.txt"], []):
        assert tiny("pt", clip.path, *options).returncode == 0
    assert [one["context"] for one in sent] == ["Helena", "Helena\r\nSão João", ""]


def test_rules_of_a_file_come_before_those_of_options(tiny, tmp_path):
    (tmp_path / "rules.txt").write_text("# names\n\nFernando = Fernanda\n", encoding="utf-8")
    rules = ["--replace", "Fernanda=Helena", "--replace_file", tmp_path / "rules.txt", "--replace", "dia="]
    done = tiny("pt", one_recording("pt").path, *rules, "-f", "json")
    transcript = json.loads(done.stdout)
    assert transcript["text"] == "Bom, eu sou Helena."
    assert transcript["replacements"] == [["Fernando", "Fernanda"], ["Fernanda", "Helena"], ["dia", ""]]


def test_a_rule_that_makes_a_text_too_long_is_an_error_of_that_recording(tiny, two_clips):
    steps = ((CLIP_TEXTS[0], "a"), ("a", "b"))
    rules = [f"--replace={old}={' '.join([new] * 100)}" for old, new in steps]
    done = tiny("pt", *two_clips, *rules)
    assert done.returncode == 1
    assert "error: the rule a=b b b" in done.stderr
    assert CLIP_TEXTS[1] in done.stdout


@pytest.mark.parametrize("option", ["--context_file", "--replace_file"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "names.txt does not exist: check the path"),
        ("folder", "names.txt cannot be opened (Is a directory): check the path"),
        (b"S\xe3o", "names.txt is not text in UTF-8: save it in that encoding"),
        (b"a" * 1_000_001, "names.txt has more than 1000000 bytes: shorten it, or choose another file"),
    ],
    ids=["missing", "folder", "Latin-1", "large"],
)
def test_a_text_file_that_is_no_use_is_one_sentence(tiny, tmp_path, monkeypatch, option, content, complaint):
    monkeypatch.chdir(tmp_path)
    if content == "folder":
        Path("names.txt").mkdir()
    elif content:
        Path("names.txt").write_bytes(content)
    done = tiny("pt", one_recording("pt").path, option, "names.txt")
    assert done.returncode == 2
    assert complaint in done.stderr


def test_the_version_is_that_of_the_package(run):
    assert (run("--version").stdout) == f"kikitori {kikitori.__version__}\n"


def test_a_checkpoint_is_quantised_and_then_needs_no_option(run, tmp_path):
    """Its texts are those that were spoken, and other weights are another job for `--resume`."""
    clip, folder, output = CLIPS[0], tmp_path / "small", tmp_path / "out"
    assert run("quantise", "tiny", folder, "--weights", "int4").returncode == 0
    for chosen, weights in ((("tiny", "--weights", "int8"), "int8"), ((folder,), "int4")):
        done = run(clip.path, "--direction", "pt", "--no_language_check", "--checkpoint", *chosen)
        assert (done.returncode, done.stdout) == (0, f"{clip.reference}\n")
        assert f"on cpu (bfloat16, {weights} weights)\n" in done.stderr
    words = [clip.path, "--direction", "pt", "--no_language_check", "--checkpoint", "tiny", "-o", output]
    jobs = [parse_options([*map(str, words), *option]) for option in ([], ["--weights", "int8"])]
    exact, quantised = (models.load_run(options, TextReport()).job for options in jobs)
    assert exact != quantised


def test_weights_that_do_not_fit_are_an_error(run, tmp_path):
    folder = tmp_path / "small"
    assert run("quantise", "tiny", folder).returncode == 0
    again = run("quantise", "tiny", folder)
    assert (again.returncode, again.stderr) == (1, f"error: {folder} exists already: name a new folder\n")
    done = run(CLIPS[0].path, "--direction", "pt", "--checkpoint", folder, "--weights", "int4")
    assert done.returncode == 1
    assert f"error: {folder} holds int8 weights, and int4 ones can't be made from them: leave" in done.stderr
    nowhere = run("quantise", tmp_path / "nowhere", tmp_path / "out")
    assert nowhere.returncode == 1 and "does not exist: give the folder" in nowhere.stderr


def test_help_names_every_option_of_the_page_too(run):
    done = run("page", "--help")
    assert done.returncode == 0 and "usage: kikitori page" in done.stdout and "--port" in done.stdout


def test_the_package_can_be_run(run):
    process = start("-m", "kikitori", "--version")
    assert (process.returncode, process.stdout.decode()) == (0, run("--version").stdout)


def test_the_page_is_opened_by_the_command_line(server):
    assert b"Speech to text" in urllib.request.urlopen(server, timeout=60).read()


def test_an_incomplete_result_is_exit_code_3(tiny, monkeypatch):
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 3)
    recording = one_recording("pt")
    done = tiny("pt", recording.path)
    assert done.returncode == 3
    warnings = [line for line in done.stderr.splitlines() if line.startswith(f"warning: {recording.path}: 0:00 to")]
    assert len(warnings) == 1 and "the model did not finish" in warnings[0]
    assert recording.reference.startswith(done.stdout.strip()) and done.stdout.strip()


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


def steps_until_interrupt(transcription: Transcription, during_draft: bool):
    """Raise KeyboardInterrupt after the first draft, or after the first update."""
    with closing(transcription):
        for step in transcription:
            yield step
            if isinstance(step, Draft) == during_draft:
                raise KeyboardInterrupt


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


def test_times_are_measured_with_align(tiny):
    assert_aligned(tiny("diarize", one_recording("diarize").path, "--align", "-f", "json"))


def assert_aligned(done: CompletedProcess) -> None:
    assert done.returncode == 0, done.stderr
    transcript, recording = Transcript.from_dict(json.loads(done.stdout)), one_recording("diarize")
    assert who_said_what(transcript.turns) == who_said_what(recording.turns)
    assert {turn.timing for turn in transcript.turns} == {"aligned"}
    starts = [turn.start_seconds for turn in transcript.turns]
    assert starts == sorted(set(starts))


def test_source_adds_the_spoken_words_below_their_translation(tiny):
    recording = one_recording("en2ja")
    done = tiny("en2ja", recording.path, "--source", "-f", "srt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:4] == [recording.reference, recording.said]
    assert "note: " in done.stderr and "--align" not in done.stderr  # which translations can't have


@pytest.fixture
def folders(tmp_path):
    """Copies of the embedded checkpoints, as a user without a network has the real ones."""
    copies = {name: TINY.folder for name in ("translation", "diarize")} | {"aligner": TINY_ALIGNER.folder}
    return {name: shutil.copytree(folder, tmp_path / f"my_{name}") for name, folder in copies.items()}


def test_a_recording_in_another_language_is_a_warning_and_exit_code_3(tiny):
    english, portuguese = EXAMPLES / "english_travel.flac", EXAMPLES / "portuguese_daily.flac"
    done = tiny("pt", english)
    message = (
        "the recording seems to be in English, and pt expects Portuguese: choose the direction en2ja or transcribe"
    )
    assert f"warning: {english}: {message}" in done.stderr.splitlines()
    assert done.returncode == 3
    assert tiny("pt", portuguese).returncode == 0
    unchecked = tiny("pt", english, "--no-language-check")
    assert (unchecked.returncode, "English" in unchecked.stderr) == (0, False)


@pytest.mark.slow
def test_a_folder_serves_the_direction_only(run, folders):
    """Words spoken in Japanese are written by another checkpoint, which the hub has and this machine has not."""
    recording = one_recording("ja2en")
    alone = run(recording.path, "--direction", "ja2en", "--checkpoint", folders["translation"])
    assert (alone.returncode, alone.stdout) == (0, recording.reference + "\n")
    assert "note: the language is not checked, as with --no_language_check: Qwen/Qwen3-ASR-1.7B" in alone.stderr
    done = run(*alone.args, "--source", "-f", "json")
    assert (done.returncode, done.stdout) == (1, "")
    hub = "okadahiroaki/Qwen3asr_diarization_projembed"
    assert done.stderr.splitlines()[:2] == [
        "loading the checkpoint my_translation",
        f"loading the checkpoint {hub} from the hub for --source (to load another: --checkpoint diarize=FOLDER)",
    ]
    assert f"error: {hub} (revision main) is not in this machine's Hugging Face cache" in done.stderr


@pytest.mark.slow
def test_folders_given_by_name_need_no_network(run, folders):
    translation, diarize, aligner = (f"{name}={folders[name]}" for name in ("translation", "diarize", "aligner"))
    recording = one_recording("ja2en")
    arguments = ["--direction", "ja2en", "--checkpoint", translation, "--checkpoint", diarize, "--source", "-f", "srt"]
    done = run(recording.path, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:4] == [recording.reference, recording.said]
    arguments = ["--direction", "diarize", "--checkpoint", diarize, "--checkpoint", aligner, "--align", "-f", "json"]
    assert_aligned(run(one_recording("diarize").path, *arguments))


def test_a_recording_past_the_limit_is_refused(tiny):
    done = tiny("pt", one_recording("pt").path, "--max-seconds", "1")
    assert done.returncode == 1
    assert "the limit is 1 s: cut it into shorter recordings" in done.stderr


def test_noise_gives_an_empty_transcript_with_a_warning(tiny, tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.01, 5 * 16000).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, 16000)
    done = tiny("pt", tmp_path / "noise.wav")
    assert (done.returncode, done.stdout) == (0, "")
    assert (
        f"warning: {tmp_path / 'noise.wav'}: there is no speech in this recording, or the model found none"
        in done.stderr
    )


def test_the_words_of_a_truncated_recording_are_kept_with_a_warning(tiny, tmp_path):
    """Two recordings in one MP3, which is cut in the pause between them: to a file, and to standard output."""
    first, second = recordings_in(RECORDINGS, "pt")[:2]
    pause = np.random.default_rng(0).normal(0, 1e-4, 6 * 16000).astype(np.float32)
    sound = np.concatenate([load_audio(first.path), pause, load_audio(second.path)])
    data = encode(tmp_path / "whole.mp3", sound, 16000).read_bytes()
    (tmp_path / "cut.mp3").write_bytes(data[: len(data) * 6 // 10])
    done = tiny("pt", tmp_path / "cut.mp3", "-o", tmp_path / "out")
    assert done.returncode == command_line.EXIT_INCOMPLETE
    time = format_time(0.6 * len(sound) / 16000)
    message = f"{time}: the recording is damaged, and what was said from here on may be missing"
    lines = [first.reference, f"[incomplete: {message}]"]
    assert f"warning: {tmp_path / 'cut.mp3'}: {message}" in done.stderr
    assert (tmp_path / "out" / "cut.txt").read_text(encoding="utf-8").splitlines() == lines
    assert tiny("pt", tmp_path / "cut.mp3").stdout.splitlines() == lines


def test_a_truncated_recording_without_words_is_an_error(tiny, tmp_path):
    soundfile.write(tmp_path / "cut.wav", np.random.default_rng(0).normal(0, 0.01, 5 * 16000), 16000)
    data = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[:-16000])
    done = tiny("pt", tmp_path / "cut.wav")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: {tmp_path / 'cut.wav'} is damaged after 4.5 s: export it again or cut it there" in done.stderr


def test_another_audio_track_can_be_chosen(tiny, tmp_path):
    """A silent track and two with words: the first one with words is transcribed, unless another one is asked for."""
    clips = recordings_in(RECORDINGS, "pt")[:2]
    sounds = [np.zeros(16000, np.float32), *(load_audio(clip.path) for clip in clips)]
    film = encode_tracks(tmp_path / "film.mkv", sounds, 16000)
    done = tiny("pt", film)
    assert (done.returncode, done.stdout) == (0, clips[0].reference + "\n")
    assert f"warning: {film}: audio track 2 of 3 is used, the first with sound; these are not: 1, 3" in done.stderr
    chosen = tiny("pt", film, "--track", "3")
    assert (chosen.returncode, chosen.stdout) == (0, clips[1].reference + "\n")
    assert "warning" not in chosen.stderr
    missing = tiny("pt", film, "--track", "4")
    assert missing.returncode == 1
    assert f"{film} has 3 audio track(s), so track 4 does not exist: choose one of 1 to 3" in missing.stderr
    assert "0 is not positive" in tiny("pt", film, "--track", "0").stderr


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
