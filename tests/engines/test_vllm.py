"""A real vLLM, which KIKITORI_VLLM_URL names: it serves assets/tiny. docs/engines.md says how to start one."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from kikitori import load_model, transcribe
from kikitori.audio.files import load_audio
from kikitori.engines.engine import Prompt
from kikitori.engines.vllm.engine import VllmEngine
from kikitori.model.generate import decode
from kikitori.model.recognizer import Recognizer
from kikitori.result import last
from kikitori.tasks import TASKS, TINY, TINY_ALIGNER
from kikitori.transcript import Turn
from tests.support.evaluation import evaluate, figures_of, lines_of, options_for
from tests.support.recordings import EXAMPLES, RECORDINGS, one_recording, recordings_in, who_said_what

URL = os.environ.get("KIKITORI_VLLM_URL", "")
SPOKEN = recordings_in(RECORDINGS)

pytestmark = pytest.mark.skipif(not URL, reason="KIKITORI_VLLM_URL names no vLLM server that serves assets/tiny")


@pytest.fixture(scope="module")
def engine():
    return VllmEngine(replace(TINY, urls=(URL,)), TINY_ALIGNER, needs_speakers=True)


@pytest.fixture(scope="module")
def windowed():
    """The local model with the encoder's attention as in vLLM."""
    recognizer = load_model("pt", checkpoint="tiny").engine.recognizer
    return Recognizer(recognizer.qwen, attention="windowed")


@pytest.mark.parametrize("direction", ["diarize", "en2ja", "ja2en", "pt"])
def test_every_recording_gets_the_tokens_of_the_local_model(engine, windowed, direction):
    sounds = [load_audio(recording.path) for recording in SPOKEN if recording.direction == direction]
    language = TASKS[direction].language
    results, expected = last(engine.stream(sounds, Prompt(language))), decode(windowed, sounds, language)
    assert [(one.text, one.ended_by, one.ids) for one in results] == [
        (one.text, one.ended_by, one.ids) for one in expected
    ]
    for one, other in zip(results, expected, strict=True):
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=0.02)
        assert one.low_confidence == other.low_confidence


def test_the_context_and_the_detected_language_are_those_of_the_local_model(engine, windowed):
    sounds = [load_audio(recording.path) for recording in SPOKEN[:4]]
    for language, context in ((None, ""), (None, "Ana, Rui"), ("Portuguese", "Ana, Rui")):
        results = last(engine.stream(sounds, Prompt(language, context)))
        expected = decode(windowed, sounds, language, context=context)
        assert [one.ids for one in results] == [one.ids for one in expected]


def test_the_budget_ends_a_text(engine):
    (result,) = last(engine.stream([load_audio(SPOKEN[0].path)], Prompt("Portuguese"), max_tokens=5))
    assert (result.ended_by, len(result.ids), len(result.log_probabilities)) == ("budget", 5, 5)


def test_drafts_grow_and_a_closed_stream_leaves_the_server_ready(engine):
    recording = one_recording("pt")
    stream = engine.stream([load_audio(recording.path)] * 8, Prompt("Portuguese"))
    next(stream)
    stream.close()
    call = load_audio(one_recording("diarize").path)
    texts = [results[0].text for results in engine.stream([call], Prompt("Japanese"))]
    assert all(texts[-1].startswith(text) for text in texts)  # words that come at the same time are one draft


def test_a_long_call_is_transcribed_as_by_the_local_model(engine):
    sound = np.concatenate([load_audio(one.path) for one in SPOKEN if one.direction == "diarize"])
    options = {"checkpoint": "tiny"}
    local, remote = load_model("diarize", **options), load_model("diarize", engine="vllm", engine_url=URL, **options)
    recognizer = local.engine.recognizer
    local.engine.recognizer = Recognizer(recognizer.qwen, attention="windowed")
    made, expected = transcribe(remote, sound), transcribe(local, sound)
    assert who_said_what(made.turns) == who_said_what(expected.turns) and made.warnings == expected.warnings


def test_eight_jobs_at_once(engine):
    recordings = [one for one in SPOKEN if one.direction == "pt"]
    model = load_model("pt", checkpoint="tiny", engine="vllm", engine_url=URL)
    chosen = [recordings[number % len(recordings)] for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda one: transcribe(model, one.path).text, chosen))
    assert made == [one.reference for one in chosen]


def test_words_are_aligned_in_this_process(engine):
    recording = one_recording("pt")
    alignment = engine.align(load_audio(recording.path), (Turn(None, recording.reference),), "Portuguese")
    assert alignment.turns[0].timing == "aligned"


def test_an_evaluation_has_the_results_of_the_local_model(tmp_path, capsys):
    remote, local = tmp_path / "remote", tmp_path / "local"
    code, _, errors = evaluate(capsys, *options_for(EXAMPLES, remote), "--engine", "vllm", "--engine-url", URL)
    assert code == 0, errors
    evaluate(capsys, *options_for(EXAMPLES, local))
    assert [line | {"seconds": 0} for line in lines_of(remote)] == [line | {"seconds": 0} for line in lines_of(local)]
    assert figures_of(remote) == figures_of(local)
