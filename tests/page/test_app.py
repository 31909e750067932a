"""The page's handlers and jobs, without a browser and without a server."""

from __future__ import annotations

import inspect
import json
import pickle
import shutil
import threading
from base64 import b64decode, b64encode
from collections import deque
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
import soundfile
import torch

from kikitori.audio.files import Recording, load_audio
from kikitori.engines import zero_gpu
from kikitori.engines.engine import Prompt
from kikitori.errors import RefusedError, SpeechError
from kikitori.model.qwen import load_qwen_model
from kikitori.page import app, handlers, jobs, messages, tabs
from kikitori.page.comparison import compare
from kikitori.page.outline import Outline
from kikitori.page.view import GrowingView, to_view
from kikitori.peaks import Peaks
from kikitori.result import Alignment, DecodingResult
from kikitori.server.jobs import run_job
from kikitori.strings import Duration, Level
from kikitori.tasks import TINY, TINY_ALIGNER, choose_checkpoints
from kikitori.transcript import Transcript, TranscriptWarning, Turn, Word
from kikitori.update import Transcription, Update
from tests.support.coroutines import finish
from tests.support.recordings import one_recording

CHECKPOINTS = choose_checkpoints(["tiny"])
MADE = Transcript(
    audio="a.wav",
    turns=(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"),),
    direction="diarize",
    language="Japanese",
    checkpoint="tiny",
    duration_seconds=2.0,
    raw_text="<|spk_0|> はい。",
    warnings=(TranscriptWarning("budget", "a sentence"),),
)
CALL = replace(
    MADE,
    turns=tuple(Turn(f"spk_{n % 2}", text, 0.0, 9.0, "window") for n, text in enumerate(("um", "mais", "três"))),
    duration_seconds=9.0,
)


def test_the_gpu_is_requested_for_the_length_of_the_sound():
    windows = (np.zeros(15 * 16000, np.float32),) * 2
    assert zero_gpu.gpu_seconds(zero_gpu.StreamRequest(TINY, TINY_ALIGNER, windows, Prompt("Portuguese"))) == 30
    window = np.zeros(120 * 16000, np.float32)
    assert zero_gpu.gpu_seconds(zero_gpu.AlignRequest(TINY, TINY_ALIGNER, window, MADE.turns, "Japanese")) == 75


def test_the_gpu_function_and_its_duration_take_the_same_arguments():
    asked, run = (inspect.signature(function) for function in (zero_gpu.gpu_seconds, zero_gpu.run_on_gpu))
    assert list(asked.parameters) == list(run.parameters)


def test_what_comes_back_from_a_gpu_worker_can_be_pickled():
    for made in ([DecodingResult("はい。", "end", (1, 2), (-0.1, 0.0))], Alignment(MADE.turns, 1)):
        assert pickle.loads(pickle.dumps(made)) == made


def test_on_zero_gpu_the_model_is_moved_after_loading(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    model = load_qwen_model(str(TINY.folder), torch.bfloat16, "meta")
    assert {parameter.device.type for parameter in model.model.parameters()} == {"meta"}


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


@pytest.mark.parametrize(
    ("sent", "value"),
    [("x", "x"), (float("nan"), "nan"), (float("inf"), "inf"), (-1, "-1"), (0.5, "0.5"), (None, "None"), ([], "[]")],
)
def test_a_number_of_recordings_that_is_none_is_one_error_with_the_value(sent, value):
    run = handlers.page_handler(("pt",), CHECKPOINTS)
    ((message, _),) = run(None, [str(one_recording("pt").path)], False, "", "", sent)
    (error,) = message["errors"]
    assert error["text"] == (
        f"The page sent {value} as the number of its recordings, which is a whole number from 0 to 10,000: "
        "reload the page, and try again"
    )


def test_the_time_left_is_estimated_from_the_work_done():
    assert messages.progress(0.0, 60.0, 1.0) == {"done": 0.0, "total": 60.0, "left": None}
    assert messages.progress(15.0, 60.0, 5.0) == {"done": 15.0, "total": 60.0, "left": 15.0}
    assert messages.progress(15.0, None, 5.0) == {"done": 15.0, "total": None, "left": None}


TURN = MADE.to_dict()["turns"][0]
SENT = {"name": "call", "transcript": MADE.to_dict(), "times": [[0.5, 1.25]]}


@pytest.mark.parametrize(
    "request_",
    [
        ["exe", "both", [SENT]],
        ["txt", "both", []],
        ["txt", "both", [SENT, SENT]],
        ["txt", "none", [SENT]],
        ["txt", [], [SENT]],
        ["zip", "both", [{"transcript": SENT["transcript"], "times": SENT["times"]}]],
        ["zip", "both", [SENT | {"name": 1}]],
        ["txt", "both", [SENT | {"transcript": {}}]],
        ["txt", "both", [SENT | {"speakers": None}]],
        ["txt", "both", [SENT | {"speakers": {"spk_0": 7}}]],
        ["txt", "both", None],
        ["txt"],
        1,
        ["txt", "both", [SENT | {"transcript": {"turns": 3}}]],
        ["txt", "both", [SENT | {"transcript": MADE.to_dict() | {"turns": [TURN | {"text": "\x85はい。"}]}}]],
        ["srt", "both", [SENT | {"times": [[0.5, 1e306]]}]],
        *(
            ["srt", "both", [SENT | {"times": times}]]
            for times in (None, [], [1], [[1, 0.5]], [[0, "1"]], [[0, 1], [1, 2]])
        ),
    ],
)
def test_a_request_that_the_page_would_not_send_is_one_error(request_):
    (error,) = finish(handlers.write_file(request_))["errors"]
    assert error["code"] == "not_a_transcript"


@pytest.mark.parametrize("view", [None, {}, {"sheets": []}, {"sheets": [{}], "current": 7}, {"sheets": "x"}, "x", 3])
def test_comparing_something_that_is_not_a_view_is_one_error(view):
    (error,) = jobs.compare_shown(view, "Bom dia.")["errors"]
    assert error["text"] == "There is no transcript yet: transcribe a recording first"


@pytest.mark.parametrize(("reference", "said"), [(50_001, 1), (1, 50_001)])
def test_texts_that_take_too_long_to_compare_are_refused(reference, said):
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text="a" * said),))
    view = {"sheets": [{"transcript": transcript.to_dict(), "sound": "a.wav"}]}
    (error,) = jobs.compare_shown(view, "a" * reference)["errors"]
    assert error["text"] == (
        "The longer of the two texts has 50,001 characters; the limit is 50,000: compare a shorter recording"
    )


def test_a_transcript_that_takes_too_long_to_write_is_refused():
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text="あ" * 300_000, source="a" * 100_001),))
    (error,) = finish(handlers.write_file(["srt", "both", [SENT | {"transcript": transcript.to_dict()}]]))["errors"]
    assert error["text"] == (
        "The transcript has 400,001 characters; the page saves at most 400,000: cut the recording into shorter ones, "
        "or use the command line"
    )


def test_an_hour_of_reading_is_compared_word_by_word():
    words = ["pão", "vinho"] * 5_000
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text=" ".join(words)),))
    words[7] = "queijo"
    shown = jobs.compare_shown({"sheets": [{"transcript": transcript.to_dict(), "sound": ""}]}, " ".join(words))
    assert len(transcript.text) == 49_999
    assert shown["exact"]["words"] == {"errors": 1, "length": 10_000}


def test_the_numbers_of_an_error_reach_the_page_with_their_units():
    errors = [
        RefusedError("too_long", name="a.wav", length=Duration(15155), limit=Duration(14400)),
        RefusedError("silent", name="a.wav", level=Level(-72.34), limit=-60),
        RefusedError("silent", name="a.wav", level=Level("-inf"), limit=-60),
    ]
    shown = json.loads(json.dumps(messages.error_message(*errors), allow_nan=False))["errors"]
    assert [one["values"] for one in shown] == [
        {"name": "a.wav", "length": {"seconds": 15155}, "limit": {"seconds": 14400}},
        {"name": "a.wav", "level": {"decibels": -72.34}, "limit": -60},
        {"name": "a.wav", "level": {"decibels": None}, "limit": -60},
    ]
    assert "is 4 h 12 min long; the limit is 4 h:" in shown[0]["text"]
    assert "its peak is -72.3 dBFS," in shown[1]["text"] and "its peak is digital zero," in shown[2]["text"]


def test_a_comparison_can_ignore_case_and_punctuation_and_differences_side_by_side_are_one():
    shown = compare("— O João Silva, de\nLisboa, viu.", "o joão de Lisboa ouviu-o.")
    assert shown["lenient"]["words"] == {"errors": 2, "length": 6}
    assert shown["lenient"]["pieces"] == [
        {"same": True, "expected": "O João", "written": "o joão"},
        {"same": False, "expected": "Silva,", "written": ""},
        {"same": True, "expected": "de Lisboa,", "written": "de Lisboa"},
        {"same": False, "expected": "viu.", "written": "ouviu-o."},
    ]
    assert shown["exact"]["words"] == {"errors": 6, "length": 7}
    assert shown["exact"]["pieces"] == [
        {"same": False, "expected": "— O João Silva,", "written": "o joão"},
        {"same": True, "expected": "de", "written": "de"},
        {"same": False, "expected": "Lisboa, viu.", "written": "Lisboa ouviu-o."},
    ]


def test_a_reference_of_punctuation_alone_is_none():
    with pytest.raises(SpeechError) as caught:
        compare("… — !", "um")
    assert caught.value.code == "no_reference"


def corrected_view(*texts: str) -> dict:
    """A view of a call with three turns, corrected to these texts; emptied turns stay in the view."""
    record = CALL.to_dict()
    turns = [turn | {"text": text, "speaker": "Ana"} for turn, text in zip(record["turns"], texts, strict=True)]
    return {"sheets": [{"transcript": record | {"turns": turns}, "sound": "call.wav"}]}


def test_emptied_rows_are_not_compared():
    shown = jobs.compare_shown(corrected_view("um", "", "dois"), "um dois")
    assert shown["exact"]["words"] == {"errors": 0, "length": 2}


def test_a_translation_uses_the_corrected_call():
    """Times are measured for the turns as the model wrote them; the words are those of the visitor."""
    call = jobs.read_view(corrected_view("um", "", "dois"))
    word = Word("três", 8.0, 9.0)
    times = [(1.0, 2.0, ()), (4.0, 5.0, ()), (8.0, 9.0, (word,))]
    aligned = replace(
        CALL,
        turns=tuple(
            replace(turn, timing="aligned", start_seconds=start, end_seconds=end, words=words)
            for turn, (start, end, words) in zip(CALL.turns, times, strict=True)
        ),
    )
    first, last = jobs.with_corrections(aligned, call).turns
    assert (first.text, first.speaker, first.start_seconds, first.timing) == ("um", "Ana", 1.0, "aligned")
    assert (last.text, last.speaker, last.start_seconds, last.words) == ("dois", "Ana", 8.0, ())
    kept = jobs.with_corrections(aligned, jobs.read_view(corrected_view("um", "", "três"))).turns
    assert kept[1].words == (word,)

    fewer = replace(aligned, turns=aligned.turns[:2])
    guessed = jobs.with_corrections(fewer, call).turns
    assert [(turn.text, turn.timing) for turn in guessed] == [("um", "estimated"), ("dois", "estimated")]
    assert 0 < guessed[0].end_seconds == guessed[1].start_seconds < 9.0


def test_texts_are_compared_one_after_another():
    (compared,) = [fn for fn in tabs.build_page(CHECKPOINTS).fns.values() if fn.name == "compare_shown"]
    assert compared.queue and compared.concurrency_limit == 1 and compared.concurrency_id != "model"


def test_a_file_that_the_visitor_did_not_upload_is_not_opened():
    view = {"sheets": [{"transcript": MADE.to_dict(), "sound": "/etc/hostname"}], "current": 0}
    ((message, shown),) = jobs.translate_call(["/tmp/gradio/a.wav"], view, CHECKPOINTS)
    (error,) = message["errors"]
    assert error["text"] == "a.wav is not the call that is uploaded: transcribe it again first"
    assert shown == {"running": False}


@pytest.mark.parametrize("address", ["https://example.com/a.wav", "HTTP://example.com/a.wav"])
def test_no_component_that_takes_files_fetches_an_address(address):
    takers = [block for block in tabs.build_page(CHECKPOINTS).blocks.values() if isinstance(block, (gr.Audio, gr.File))]
    assert takers
    for taker in takers:
        with pytest.raises(gr.Error, match="is an address, which is never fetched"):
            finish(taker.async_move_resource_to_block_cache(address))


def test_jobs_of_programs_and_visitors_share_one_limit():
    """Gradio applies the lowest limit of all events that share a queue."""
    served = [fn for fn in tabs.build_page(CHECKPOINTS).fns.values() if fn.concurrency_id == "model"]
    assert served and {fn.concurrency_limit for fn in served} == {tabs.MAX_AT_ONCE}


def test_the_environment_chooses_the_checkpoint(monkeypatch, tmp_path):
    (tmp_path / "config.json").touch()
    shutil.copy(TINY.folder / "model.safetensors", tmp_path)
    monkeypatch.setenv("SPEECH_CHECKPOINT", f"tiny pt={tmp_path}")
    _, checkpoints, _ = app.parse_options([])
    assert (checkpoints["base"], checkpoints["pt"].folder) == (TINY, tmp_path)
    _, checkpoints, _ = app.parse_options(["--checkpoint", f"base={tmp_path}"])
    assert (checkpoints["base"].folder, checkpoints["pt"].folder) == (tmp_path, None)


def test_revisions_of_the_environment_and_of_the_options_add_up(monkeypatch, capsys):
    monkeypatch.setenv("SPEECH_REVISION", "Qwen/Qwen3-ASR-1.7B=abc  Qwen/Qwen3-ForcedAligner-0.6B=def\n")
    _, checkpoints, _ = app.parse_options(["--revision", "yuriyvnv/Qwen3-ASR-1.7B-PT=ghi"])
    assert [checkpoints[role].revision for role in ("base", "aligner", "pt")] == ["abc", "def", "ghi"]
    with pytest.raises(SystemExit):
        app.main(["--checkpoint", "tiny"])
    assert "error: the revision Qwen/Qwen3-ASR-1.7B=abc does not apply to any checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("pt=/nope", "error: the checkpoint folder /nope does not exist: give the folder that holds config.json"),
        ("/nope", "error: the checkpoint /nope is given without the name of what it is for: write NAME=/nope"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_ends_the_program_at_once(capsys, choice, sentence):
    with pytest.raises(SystemExit) as caught:
        app.main(["--checkpoint", choice])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no *.safetensors file"),
        ({"model.safetensors": slice(-100)}, "model.safetensors is damaged or cut off"),
        ({"model.safetensors": slice(100, None)}, "model.safetensors is damaged or cut off"),
        ({"model.bin": slice(100)}, "which could run any code when it is read"),
    ],
    ids=["missing", "cut off", "damaged", "pickled"],
)
def test_weights_that_cannot_be_read_end_the_program_at_once(capsys, tmp_path, files, sentence):
    weights = (TINY.folder / "model.safetensors").read_bytes()
    for name, kept in files.items():
        (tmp_path / name).write_bytes(weights[kept])
    (tmp_path / "config.json").touch()
    with pytest.raises(SystemExit) as caught:
        app.main(["--checkpoint", "tiny", f"--checkpoint=diarize={tmp_path}"])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


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


def test_the_last_window_of_a_long_call_is_sent_in_as_few_bytes_as_the_second(monkeypatch):
    """The first has no neighbour whose times it changes."""
    monkeypatch.setattr("kikitori.page.view.REPEAT_SECONDS", 0.0)
    sizes = [len(json.dumps(value)) for value in grow(130)]  # four hours
    assert sizes[-1] < 1.1 * sizes[1] < 5 * sizes[0]


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
