"""Recordings that the command line cannot use, or not all of."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from kikitori.audio.files import load_audio
from kikitori.cli import run as command_line
from kikitori.strings import format_time
from tests.support.recordings import EXAMPLES, RECORDINGS, one_recording, recordings_in
from tests.support.sound_files import encode, encode_tracks


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


def test_no_model_is_loaded_for_recordings_that_cannot_be_used(run, tmp_path, monkeypatch):
    """The folder that holds no checkpoint would be an error if it were loaded. Paths are shown as they were typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "b.wav").write_text("this is no sound")
    options = ["--direction", "pt", "--checkpoint", tmp_path, "--max_seconds", "1"]
    done = run("./a.wav", "../c/a.wav", "empty", "b.wav", one_recording("pt").path, *options)
    assert (done.returncode, done.stdout) == (1, "")
    missing = "does not exist: check the path"
    assert done.stderr.splitlines()[:-1] == [
        "error: empty holds no recordings: choose another folder or list, or search its subfolders too",
        f"error: ./a.wav {missing}",
        f"error: ../c/a.wav {missing}",
        "error: b.wav cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM",
    ]
    assert done.stderr.splitlines()[-1].startswith(f"error: {one_recording('pt').path} is ")
    assert done.stderr.endswith("the limit is 1 s: cut it into shorter recordings\n")


def test_an_incomplete_result_is_exit_code_3(tiny, monkeypatch):
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 3)
    recording = one_recording("pt")
    done = tiny("pt", recording.path)
    assert done.returncode == 3
    warnings = [line for line in done.stderr.splitlines() if line.startswith(f"warning: {recording.path}: 0:00 to")]
    assert len(warnings) == 1 and "the model did not finish" in warnings[0]
    assert recording.reference.startswith(done.stdout.strip()) and done.stdout.strip()


@pytest.mark.slow
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
    assert "'0' is not a whole number above 0" in tiny("pt", film, "--track", "0").stderr
