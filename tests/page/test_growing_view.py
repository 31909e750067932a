"""What the page shows while a recording is transcribed, without a browser and without a server."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from kikitori.audio.files import Recording, load_audio
from kikitori.page import jobs, messages
from kikitori.page.outline import Outline
from kikitori.page.view import GrowingView, to_view
from kikitori.peaks import Peaks
from kikitori.server.jobs import run_job
from kikitori.transcript import TranscriptWarning, Turn
from kikitori.update import Transcription, Update
from tests.support.page import CHECKPOINTS, MADE
from tests.support.recordings import one_recording


def test_a_draft_comes_with_the_progress_and_does_not_change_the_view(monkeypatch):
    monkeypatch.setattr("kikitori.model.shared_batches.STREAM_EVERY_TOKENS", 4)
    recording = one_recording("pt")
    (_, empty), (message, view), *_, (_, last) = jobs.read_recordings(
        [str(recording.path)], jobs.JobOptions("pt", CHECKPOINTS)
    )
    assert empty == {"sheets": [], "first": 0, "running": True, "files": []}
    (draft,) = message["draft"]
    assert view is None and recording.reference.startswith(draft) and 0 < len(draft) < len(recording.reference)
    assert [turn["text"] for turn in last["sheets"][0]["transcript"]["turns"]] == [recording.reference]


def test_the_outline_of_the_sound_comes_with_the_first_words_and_stays():
    """It equals that of the file, which is all read by then."""
    path = one_recording("pt").path
    values = [view for _, view in jobs.read_recordings([str(path)], jobs.JobOptions("pt", CHECKPOINTS)) if view]
    for shown in (*(value["append"] for value in values[1:-1]), values[-1]["sheets"][0]):
        assert shown["peaks"] == outline_of(path)
        assert shown["length"] == pytest.approx(len(load_audio(path)) / 16000, abs=0.001)


def outline_of(path) -> dict:
    peaks = Peaks()
    peaks.add(load_audio(path)[:, np.newaxis])
    return {"levels": b64encode(peaks.levels).decode(), "each": peaks.samples_per_level / 16000}


def test_a_call_that_is_stopped_early_has_the_outline_of_all_its_sound():
    """As soon as that is read; nothing is transcribed yet."""
    path = str(one_recording("pt").path)
    outline = Outline(path, True, 60.0)
    outline.wait()
    view = GrowingView(Transcription(iter(()), MADE), path, outline)
    assert view.add(Update())["peaks"] == outline_of(path)


def test_an_outline_that_is_closed_is_read_no_further(monkeypatch):
    is_closed = threading.Event()

    def blocks():
        yield np.ones((160, 1), np.float32)
        is_closed.wait()
        yield np.ones((160, 1), np.float32)

    monkeypatch.setattr("kikitori.page.outline.open_recording", lambda *_: Recording(blocks(), []))
    outline = Outline("call.wav", True, 60.0)
    outline.close()
    is_closed.set()
    outline.wait()
    assert outline.peaks is None


def test_the_first_message_says_that_the_model_is_loaded(monkeypatch):
    options = jobs.JobOptions("pt", CHECKPOINTS)
    monkeypatch.setattr("kikitori.model.checkpoints._LOADED", {})
    path = str(one_recording("pt").path)
    said = [["loading" in (message or {}) for message, _ in jobs.read_recordings([path], options)] for _ in range(2)]
    assert said[0][0] and not any(said[0][1:] + said[1])


def test_the_time_left_is_estimated_from_the_work_done():
    assert messages.progress(0.0, 60.0, 1.0) == {"done": 0.0, "total": 60.0, "left": None}
    assert messages.progress(15.0, 60.0, 5.0) == {"done": 15.0, "total": 60.0, "left": 15.0}
    assert messages.progress(15.0, None, 5.0) == {"done": 15.0, "total": None, "left": None}


@pytest.mark.slow
def test_a_refused_recording_does_not_count_as_work(tmp_path):
    """A silent recording of ten minutes and a good one of 5 s: the time left is about the good one."""
    soundfile.write(tmp_path / "silent.wav", np.zeros(600 * 16000, np.float32), 16000)
    good = str(one_recording("pt").path)
    options = jobs.JobOptions("pt", CHECKPOINTS)
    steps = list(jobs.read_recordings([str(tmp_path / "silent.wav"), good], options))
    progress = [message for message, _ in steps if message and "done" in message]
    assert progress[-1]["done"] == pytest.approx(progress[-1]["total"], abs=0.1)
    assert progress[-1]["left"] == pytest.approx(0, abs=0.1)
    assert all(one["left"] is None or one["left"] < 60 for one in progress)


def test_a_damaged_recording_is_shown_with_its_words_and_a_warning(tmp_path):
    """The page's view, and the transcript that the API returns."""
    recording = one_recording("pt")
    sound, rate = soundfile.read(recording.path, dtype="float32")
    soundfile.write(tmp_path / "clip.wav", np.concatenate([sound, np.zeros(5 * rate, np.float32)]), rate)
    data = (tmp_path / "clip.wav").read_bytes()
    (tmp_path / "clip.wav").write_bytes(data[: -4 * rate])
    options = jobs.JobOptions("pt", CHECKPOINTS)
    *_, (message, view) = jobs.read_recordings([str(tmp_path / "clip.wav")], options)
    assert message is None
    shown = view["sheets"][0]["transcript"]
    assert [turn["text"] for turn in shown["turns"]] == [recording.reference]
    assert [warning["kind"] for warning in shown["warnings"]] == ["damaged"]
    returned = deque(run_job(options, str(tmp_path / "clip.wav")), maxlen=1).pop().transcript
    assert [warning.kind for warning in returned.warnings] == ["damaged"]
    assert returned.duration_seconds == pytest.approx(len(sound) / rate + 3, abs=0.01)


def long_steps(count: int, peaks: Peaks):
    """The updates of a call with this many windows; the last turn of each stays open until the next."""
    for number in range(count):
        peaks.add(np.full((110 * 16000, 1), number / count, np.float32))
        start, end = 110.0 * number, 110.0 * number + 120
        turns = tuple(Turn(f"spk_{n % 2}", f"{number:04} {n:04} words", start, end, "window") for n in range(20))
        warnings = (TranscriptWarning("loop", "a sentence", start, end),)
        yield Update(turns[:-1], turns[-1:], warnings, (f"{number:04} raw",), end)


def grow(count: int) -> list[dict]:
    """The values that are sent for a call with this many windows."""
    made = long_call(count)
    view = GrowingView(made, "call.wav", Outline("call.wav", True, 1.0))
    return [view.add(step) for step in made]


def long_call(count: int) -> Transcription:
    peaks = Peaks()
    return Transcription(long_steps(count, peaks), replace(MADE, turns=(), warnings=()), peaks)


@pytest.mark.slow
def test_the_last_window_of_a_long_call_is_sent_in_as_few_bytes_as_the_second(monkeypatch):
    """The first has no neighbour whose times it changes."""
    monkeypatch.setattr("kikitori.page.view.REPEAT_SECONDS", 0.0)
    sizes = [len(json.dumps(value)) for value in grow(130)]  # four hours
    assert sizes[-1] < 1.1 * sizes[1] < 5 * sizes[0]


@pytest.mark.slow
@pytest.mark.parametrize("repeated", [0.0, 60.0])
@pytest.mark.parametrize("shown", [1, 3])
def test_what_was_sent_adds_up_to_the_whole_view(monkeypatch, repeated, shown):
    """Also if Gradio shows only some of the values, as long as those that it skips are repeated."""
    monkeypatch.setattr("kikitori.page.view.REPEAT_SECONDS", repeated)
    turns, times, warnings, raw_texts, levels = [], [], [], [], ""
    values = grow(10)
    for value in values[:: shown if repeated else 1] + values[-1:]:
        kept = value["kept"]
        turns[kept["turns"] :] = value["transcript"]["turns"]
        times[kept["turns"] :] = value["times"]
        warnings[kept["warnings"] :] = value["transcript"]["warnings"]
        raw_texts[kept["raw_texts"] :] = value["raw_texts"]
        levels = levels[: kept["levels"] // 3 * 4] + value["peaks"]["levels"]
    made = long_call(10)
    whole = to_view(made.finish(), "call.wav")
    assert b64decode(levels) == made.peaks.levels
    assert turns == whole["transcript"]["turns"]
    assert times == whole["times"]
    assert warnings == whole["transcript"]["warnings"]
    assert "\n".join(raw_texts) == whole["transcript"]["raw_text"]
    assert values[-1]["speakers"] == whole["speakers"]
    assert values[-1]["transcript"]["duration_seconds"] == whole["transcript"]["duration_seconds"]
