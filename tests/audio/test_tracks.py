"""Which of a file's audio tracks is read."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio import tracks
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import open_recording
from kikitori.errors import AudioError
from tests.support.sound_files import encode, encode_tracks, two_tones

SILENT = np.zeros(4 * SAMPLE_RATE, np.float32)
WAVE = np.sin(np.arange(4 * SAMPLE_RATE) / 9).astype(np.float32)
FAINT, SOFT = 9.5e-4 * WAVE, 1.05e-3 * WAVE  # -60.4 and -59.6 dBFS
LOW, HIGH = two_tones(SAMPLE_RATE, 4.0), two_tones(SAMPLE_RATE, 4.0)[::-1]
LATE = np.concatenate([SILENT[: 3 * SAMPLE_RATE], LOW[:SAMPLE_RATE]])


@pytest.mark.parametrize(
    ("sounds", "chosen", "others"),
    [
        ((LOW, HIGH), 1, "2"),
        ((SILENT, HIGH), 2, "1"),
        ((FAINT, SILENT, HIGH, LOW), 3, "1, 2, 4"),
        ((SILENT, LATE), 2, "1"),
        ((SILENT, SOFT), 2, "1"),
        ((SILENT, FAINT), 1, "2"),
        ((LATE, HIGH), 1, "2"),  # the first one has sound, if only in the end
    ],
)
def test_the_first_track_with_sound_is_read_and_the_others_named(tmp_path, sounds, chosen, others):
    recording = open_recording(encode_tracks(tmp_path / "film.mkv", sounds, SAMPLE_RATE))
    read = np.concatenate(list(recording.blocks))[:, 0]
    np.testing.assert_allclose(read, sounds[chosen - 1], atol=1e-4)
    (warning,) = recording.warnings
    assert warning.kind == "other_tracks"
    assert warning.message == (
        f"audio track {chosen} of {len(sounds)} is used, the first with sound; these are not: {others}"
    )


@pytest.mark.parametrize(("seconds", "chosen"), [(2.5, HIGH), (3.5, LATE)])
def test_a_track_that_is_silent_for_the_first_minute_loses_to_one_with_sound(tmp_path, monkeypatch, seconds, chosen):
    monkeypatch.setattr(tracks, "PROBE_SECONDS", seconds)
    recording = open_recording(encode_tracks(tmp_path / "film.mkv", (LATE, HIGH), SAMPLE_RATE))
    np.testing.assert_allclose(np.concatenate(list(recording.blocks))[:, 0], chosen, atol=1e-4)


def test_the_warning_names_tracks_by_language_and_title(tmp_path):
    titles = [{}, {"language": "por", "title": "Comentário"}, {"title": "x" * 41}, {"language": "und"}]
    film = encode_tracks(tmp_path / "film.mkv", [LOW] * 4, SAMPLE_RATE, titles)
    recording = open_recording(film)
    list(recording.blocks)
    (warning,) = recording.warnings
    assert warning.message.endswith(f"these are not: 2 (por, Comentário), 3 ({'x' * 40}), 4")


def test_silence_that_all_tracks_share_is_read_past_the_first_minute(tmp_path, monkeypatch):
    monkeypatch.setattr(tracks, "PROBE_SECONDS", 1.0)
    recording = open_recording(encode_tracks(tmp_path / "film.mkv", (SILENT, LATE), SAMPLE_RATE))
    np.testing.assert_allclose(np.concatenate(list(recording.blocks))[:, 0], LATE, atol=1e-4)


def test_tracks_are_not_searched_beyond_the_longest_recording(tmp_path):
    film = encode_tracks(tmp_path / "film.mkv", (SILENT, LATE), SAMPLE_RATE)
    with pytest.raises(AudioError, match=r"film\.mkv is more than 2 s long"):
        list(open_recording(film, max_seconds=2).blocks)


@pytest.mark.parametrize(("sounds", "track"), [((SILENT, HIGH), 1), ((SILENT, HIGH), 2), ((HIGH,), None)])
def test_a_chosen_or_only_track_is_read_without_a_warning(tmp_path, sounds, track):
    recording = open_recording(encode_tracks(tmp_path / "film.mkv", sounds, SAMPLE_RATE), track=track)
    read = np.concatenate(list(recording.blocks))[:, 0]
    np.testing.assert_allclose(read, sounds[(track or 1) - 1], atol=1e-4)
    assert recording.warnings == []


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".m4a"])
def test_a_track_that_does_not_exist_is_an_error_with_their_number(tmp_path, suffix):
    path = encode(tmp_path / f"clip{suffix}", LOW, SAMPLE_RATE)
    assert len(list(open_recording(path, track=1).blocks))
    with pytest.raises(AudioError, match=r"has 1 audio track\(s\), so track 2 does not exist: choose one of 1 to 1"):
        list(open_recording(path, track=2).blocks)


def test_a_track_number_below_one_is_the_callers_bug(tmp_path):
    with pytest.raises(ValueError, match="track must be at least 1, not 0"):
        open_recording(tmp_path / "clip.wav", track=0)
