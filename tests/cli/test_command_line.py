"""The command line as a user types it: output, exit codes, and a bad file among good ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from subprocess import CompletedProcess

import numpy as np
import pytest
import soundfile

import inference
from benchmarks.served import ROOT
from kikitori.output.writers import WRITERS, write_txt
from kikitori.tasks import TASKS
from kikitori.transcript import Transcript
from tests.support.recordings import one_recording, who_said_what


@pytest.fixture
def run(capfd):
    """The command line without the start of a process, which takes longer than all the rest."""

    def run(*arguments: object) -> CompletedProcess:
        words = list(map(str, arguments))
        try:
            code = inference.main(words)
        except SystemExit as ended:  # wrong usage
            code = ended.code
        return CompletedProcess(words, code, *capfd.readouterr())

    return run


@pytest.fixture
def tiny(run):
    return lambda direction, *arguments: run(*arguments, "--direction", direction, "--checkpoint", "tiny")


@pytest.mark.slow
def test_a_process_prints_and_exits_as_is_seen_here(tiny, tmp_path):
    here = tiny("diarize", one_recording("diarize").path, tmp_path / "nowhere.mp3")
    command, environment = [sys.executable, ROOT / "inference.py", *here.args], os.environ | {"PYTHONUTF8": "1"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (process.returncode, process.stdout, process.stderr) == (1, here.stdout, here.stderr)
    assert here.returncode == 1


@pytest.mark.parametrize("direction", TASKS)
def test_the_text_is_all_that_stands_on_stdout(tiny, direction):
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
    assert "error: notes.wav cannot be decoded as audio or video" in done.stderr
    assert "error: nowhere.mp3 does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"{good.path.stem}.txt"]
    assert (tmp_path / "out" / f"{good.path.stem}.txt").read_text(encoding="utf-8") == good.reference + "\n"


def test_several_texts_are_told_apart_on_stdout(tiny):
    first, second = (one_recording(direction).path for direction in ("en2ja", "pt"))
    done = tiny("en2ja", first, second)
    assert [line for line in done.stdout.splitlines() if line.startswith("==> ")] == [
        f"==> {first} <==",
        f"==> {second} <==",
    ]


def test_json_files_hold_what_txt_files_hold(tiny, tmp_path):
    recording = one_recording("diarize")
    assert tiny("diarize", recording.path, "--output_dir", tmp_path, "--output_format", "json").returncode == 0
    written = json.loads((tmp_path / f"{recording.path.stem}.json").read_text(encoding="utf-8"))
    assert write_txt(Transcript.from_dict(written)).count("[spk_") == len(recording.turns)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "clip.wav is empty (0 bytes): record or copy it again"),
        (b"hello", "clip.wav cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM"),
        (np.zeros(16000, np.float32), "clip.wav is silent: its peak is digital zero"),
        (np.full(800, 0.1, np.float32), "clip.wav is 0.05 s long; the shortest that can be transcribed is 0.1 s"),
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
    assert f"error: {complaint}" in done.stderr.splitlines()[-1]


def test_a_checkpoint_folder_that_is_not_one_is_one_sentence(run, tmp_path):
    done = run(one_recording("pt").path, "--direction", "pt", "--checkpoint", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: {tmp_path} is not a checkpoint folder (it has no config.json): "
        "give the folder that holds config.json and *.safetensors, or use --checkpoint tiny"
    ]


def test_no_model_is_loaded_for_files_that_are_not_there(run, tmp_path):
    """With any, the folder that holds no checkpoint would be the complaint."""
    done = run(tmp_path / "a.wav", tmp_path, "--direction", "pt", "--checkpoint", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: a.wav does not exist: check the path (only local files are read)",
        f"error: {tmp_path.name} is a folder: name the recordings inside it",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a.wav"], "--direction"),
        (["a.wav", "--direction", "fr"], "invalid choice: 'fr'"),
        (["--direction", "pt"], "audio"),
        (["x/a.wav", "y/a.mp3", "--direction", "pt", "-o", "out"], "would both be written to a.txt"),
        (["a.wav", "--direction", "en2ja", "--source"], "--source is not shown in txt: use -f json, srt, vtt, all"),
    ],
)
def test_wrong_usage_is_exit_code_2(run, arguments, complaint):
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_an_incomplete_result_is_exit_code_3(tiny, monkeypatch):
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 3)
    recording = one_recording("pt")
    done = tiny("pt", recording.path)
    assert done.returncode == 3
    warnings = [
        line for line in done.stderr.splitlines() if line.startswith(f"warning: {recording.path.name}: 0:00 to")
    ]
    assert len(warnings) == 1 and "the model did not finish" in warnings[0]
    assert recording.reference.startswith(done.stdout.strip()) and done.stdout.strip()


@pytest.mark.parametrize("drafted", [True, False])
def test_an_interrupt_is_exit_code_130_and_keeps_what_is_done(tiny, monkeypatch, tmp_path, drafted):
    stream = inference.stream

    def interrupted(*arguments, **options):
        yield next(one for one in stream(*arguments, **options) if bool(one.draft) == drafted)
        raise KeyboardInterrupt

    monkeypatch.setattr("kikitori.cli.run.stream", interrupted)
    recording = one_recording("pt")
    assert tiny("pt", recording.path, "-o", tmp_path).returncode == 130
    written = [file.read_text(encoding="utf-8") for file in tmp_path.glob("*.txt")]
    assert written == ([] if drafted else [recording.reference + "\n"])


def test_every_format_in_one_call(tiny, tmp_path):
    recording = one_recording("diarize")
    done = tiny("diarize", recording.path, "-f", "all", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    stem = recording.path.stem
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f"{stem}.{suffix}" for suffix in WRITERS)
    turns = recording.turns
    for suffix in ("txt", "srt", "vtt", "tsv"):
        assert (tmp_path / f"{stem}.{suffix}").read_text(encoding="utf-8").count("[spk_") >= len(turns)
    assert (tmp_path / f"{stem}.rttm").read_text().count("SPEAKER ") == len(turns)
    assert "times inside a window are estimated" in done.stderr


def test_times_are_measured_where_they_are_asked_for(tiny):
    recording = one_recording("diarize")
    done = tiny("diarize", recording.path, "--align", "-f", "json")
    assert done.returncode == 0, done.stderr
    transcript = Transcript.from_dict(json.loads(done.stdout))
    assert who_said_what(transcript.turns) == who_said_what(recording.turns)
    assert {turn.timing for turn in transcript.turns} == {"aligned"}
    starts = [turn.start_seconds for turn in transcript.turns]
    assert starts == sorted(set(starts))


def test_what_was_said_stands_below_its_translation(tiny):
    recording = one_recording("en2ja")
    done = tiny("en2ja", recording.path, "--source", "-f", "srt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:4] == [recording.reference, recording.said]
    assert "note: " in done.stderr and "--align" not in done.stderr  # which translations can't have


def test_what_was_said_is_no_use_beside_itself(tiny):
    done = tiny("pt", one_recording("pt").path, "--source", "-f", "srt")
    assert done.returncode == 2 and done.stdout == ""
    assert "error: pt writes what was said: a source is shown beside translations only" in done.stderr


def test_translations_cannot_be_aligned(tiny):
    done = tiny("en2ja", one_recording("en2ja").path, "--align")
    assert done.returncode == 2 and done.stdout == ""
    assert "error: words can't be aligned for en2ja: the text is in another language than the speech" in done.stderr


def test_all_formats_need_a_folder(tiny):
    done = tiny("pt", one_recording("pt").path, "-f", "all")
    assert done.returncode == 2 and "--output_dir" in done.stderr


def test_a_recording_past_the_limit_is_refused(tiny):
    done = tiny("pt", one_recording("pt").path, "--max-seconds", "1")
    assert done.returncode == 1
    assert "the limit is 1 s: cut it into shorter recordings" in done.stderr


def test_noise_gives_an_empty_transcript_that_says_so(tiny, tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.01, 5 * 16000).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, 16000)
    done = tiny("pt", tmp_path / "noise.wav")
    assert (done.returncode, done.stdout) == (0, "")
    assert "warning: noise.wav: there is no speech in this recording, or the model found none" in done.stderr


def test_what_was_done_before_the_damage_is_kept(tiny, tmp_path):
    """A recording and half of another one: to a file, and to the terminal."""
    recording = one_recording("pt")
    sound = np.tile(soundfile.read(recording.path, dtype="float32")[0], 2)
    soundfile.write(tmp_path / "twice.flac", sound, 16000)
    data = (tmp_path / "twice.flac").read_bytes()
    (tmp_path / "twice.flac").write_bytes(data[: int(len(data) * 0.75)])
    done = tiny("pt", tmp_path / "twice.flac", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "error: twice.flac is damaged after" in done.stderr and "warning: twice.flac: only the first" in done.stderr
    assert (tmp_path / "out" / "twice.txt").read_text(encoding="utf-8").startswith(recording.reference)
    assert tiny("pt", tmp_path / "twice.flac").stdout.startswith(recording.reference)
