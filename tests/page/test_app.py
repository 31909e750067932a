"""What the page promises ZeroGPU, as far as a machine without one can tell."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
import torch

import app
from kikitori.model.qwen import load_qwen_model
from kikitori.page import jobs
from kikitori.result import Alignment, DecodingResult
from kikitori.tasks import TINY
from kikitori.transcript import Transcript, TranscriptWarning, Turn, Word
from tests.support.recordings import one_recording

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


def test_the_gpu_is_asked_for_by_the_length_of_the_recording():
    assert jobs.gpu_seconds("pt", None, [np.zeros(15 * 16000, np.float32)] * 2) == 30
    assert jobs.gpu_seconds("diarize", None, np.zeros(120 * 16000, np.float32), MADE.turns) == 75


def test_the_duration_takes_what_the_gpu_function_takes():
    asked, run = (inspect.signature(function).parameters for function in (jobs.gpu_seconds, jobs.run_model))
    assert list(asked) == list(run)


def test_what_comes_back_from_a_gpu_worker_can_be_pickled():
    for made in ([DecodingResult("はい。", "end", (1, 2), (-0.1, 0.0))], Alignment(MADE.turns, 1)):
        assert pickle.loads(pickle.dumps(made)) == made


def test_on_zero_gpu_the_model_is_moved_after_loading(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    model = load_qwen_model(str(TINY.folder), torch.bfloat16, "meta")
    assert {parameter.device.type for parameter in model.model.parameters()} == {"meta"}


def test_a_draft_comes_with_the_progress_and_leaves_the_view(monkeypatch):
    monkeypatch.setattr("kikitori.model.generate.STREAM_EVERY_TOKENS", 4)
    recording = one_recording("pt")
    (_, empty), (message, view), *_, (_, last) = jobs.read_recordings(
        [str(recording.path)], jobs.JobOptions("pt", "tiny")
    )
    assert empty == {"sheets": [], "running": True}
    (draft,) = message["draft"]
    assert view is None and recording.reference.startswith(draft) and 0 < len(draft) < len(recording.reference)
    assert last["sheets"][0]["transcript"]["text"] == recording.reference


def test_how_long_there_is_to_wait_follows_from_what_is_done():
    assert jobs.progress(0.0, 60.0, 1.0) == {"done": 0.0, "total": 60.0, "left": None}
    assert jobs.progress(15.0, 60.0, 5.0) == {"done": 15.0, "total": 60.0, "left": 15.0}
    assert jobs.progress(15.0, None, 5.0) == {"done": 15.0, "total": None, "left": None}


@pytest.mark.parametrize(
    "request_",
    [
        ["exe", MADE.to_dict(), [[0.5, 1.25]]],
        ["txt", {}, []],
        ["txt", None, []],
        ["txt"],
        1,
        ["txt", {"turns": 3}, []],
        *(["srt", MADE.to_dict(), times] for times in (None, [], [1], [[1, 0.5]], [[0, "1"]], [[0, 1], [1, 2]])),
    ],
)
def test_what_the_view_would_not_ask_for_is_refused_in_a_sentence(request_):
    assert set(asyncio.run(app.write_file(request_))) == {"error"}


@pytest.mark.parametrize("view", [None, {}, {"sheets": []}, {"sheets": [{}], "current": 7}, {"sheets": "x"}, "x", 3])
def test_what_no_view_shows_is_answered_by_a_sentence(view):
    (error,) = jobs.compare_shown(view, "Bom dia.")["errors"]
    assert error["text"] == "There is no transcript yet: transcribe a recording first"


@pytest.mark.parametrize(("reference", "said"), [(50_001, 1), (1, 50_001)])
def test_texts_that_would_take_long_to_compare_are_refused(reference, said):
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text="a" * said),))
    view = {"sheets": [{"transcript": transcript.to_dict(), "sound": "a.wav"}]}
    (error,) = jobs.compare_shown(view, "a" * reference)["errors"]
    assert error["text"] == (
        "The longer of the two texts has 50,001 characters; the limit is 50,000: compare a shorter recording"
    )


def test_an_hours_reading_is_compared_word_by_word():
    words = ["pão", "vinho"] * 5_000
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text=" ".join(words)),))
    words[7] = "queijo"
    shown = jobs.compare_shown({"sheets": [{"transcript": transcript.to_dict(), "sound": ""}]}, " ".join(words))
    assert len(transcript.text) == 49_999
    assert shown["words"] == {"errors": 1, "length": 10_000}


def corrected_view(*texts: str) -> dict:
    """A view of a call of three turns with these texts in it; emptied ones stay in the view."""
    record = CALL.to_dict()
    turns = [turn | {"text": text, "speaker": "Ana"} for turn, text in zip(record["turns"], texts, strict=True)]
    return {"sheets": [{"transcript": record | {"turns": turns}, "sound": "call.wav"}]}


def test_rows_that_were_emptied_are_not_compared():
    shown = jobs.compare_shown(corrected_view("um", "", "dois"), "um dois")
    assert shown["words"] == {"errors": 0, "length": 2}


def test_a_translation_is_made_of_what_was_corrected():
    """Times are measured anew, for the turns as the model wrote them; the words stay those of the visitor."""
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
    assert [(turn.text, turn.timing) for turn in guessed] == [("um", "window"), ("dois", "window")]
    assert 0 < guessed[0].end_seconds == guessed[1].start_seconds < 9.0


def test_texts_are_compared_one_after_another():
    (compared,) = [fn for fn in app.build_demo("tiny").fns.values() if fn.name == "compare_shown"]
    assert compared.queue and compared.concurrency_limit == 1 and compared.concurrency_id != "model"


def test_a_file_that_the_visitor_did_not_upload_is_not_opened():
    view = {"sheets": [{"transcript": MADE.to_dict(), "sound": "/etc/hostname"}], "current": 0}
    ((message, shown),) = jobs.translate_call(["/tmp/gradio/a.wav"], view, "tiny")
    (error,) = message["errors"]
    assert error["text"] == "a.wav is not the call that is uploaded: transcribe it again first"
    assert shown["sheets"] == view["sheets"] and not shown["running"]


@pytest.mark.parametrize("address", ["https://example.com/a.wav", "HTTP://example.com/a.wav"])
def test_no_component_that_takes_files_fetches_an_address(address):
    takers = [block for block in app.build_demo("tiny").blocks.values() if isinstance(block, (gr.Audio, gr.File))]
    assert len(takers) == 6
    for taker in takers:
        with pytest.raises(gr.Error, match="is an address, which is never fetched"):
            asyncio.run(taker.async_move_resource_to_block_cache(address))


def test_a_programs_job_does_not_keep_everyone_waiting():
    """Gradio gives all that share a queue the lowest limit among them."""
    served = [fn for fn in app.build_demo("tiny").fns.values() if fn.concurrency_id == "model"]
    assert len(served) == 10 and {fn.concurrency_limit for fn in served} == {app.MAX_AT_ONCE}


def test_the_environment_chooses_the_checkpoint(monkeypatch):
    monkeypatch.setenv("SPEECH_CHECKPOINT", "tiny")
    assert app.build_parser().parse_args([]).checkpoint == "tiny"
    assert app.build_parser().parse_args(["--checkpoint", "elsewhere"]).checkpoint == "elsewhere"
    monkeypatch.delenv("SPEECH_CHECKPOINT")
    assert app.build_parser().parse_args([]).checkpoint is None


def test_the_environment_pins_beside_the_options(monkeypatch, capsys):
    monkeypatch.setenv("SPEECH_REVISION", "Qwen/Qwen3-ASR-1.7B=abc  Qwen/Qwen3-ForcedAligner-0.6B=def\n")
    pins = ["Qwen/Qwen3-ASR-1.7B=abc", "Qwen/Qwen3-ForcedAligner-0.6B=def"]
    assert app.build_parser().parse_args([]).revision == pins
    assert app.build_parser().parse_args(["--revision", "a/b=c"]).revision == [*pins, "a/b=c"]
    with pytest.raises(SystemExit):
        app.main(["--checkpoint", "tiny"])
    assert "error: --revision Qwen/Qwen3-ASR-1.7B=abc names no checkpoint" in capsys.readouterr().err
