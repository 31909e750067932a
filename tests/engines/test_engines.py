"""What every engine does, whichever it is: the same results, streams that can be closed, times."""

from __future__ import annotations

import pytest

from kikitori.audio.files import load_audio
from kikitori.engines.engine import Prompt
from kikitori.engines.journal import Journal, JournaledEngine
from kikitori.engines.local import LocalEngine
from kikitori.engines.zero_gpu import AlignRequest, HeardLanguage, StreamRequest, ZeroGpuEngine, gpu_seconds
from kikitori.errors import CheckpointError
from kikitori.result import last
from kikitori.server.jobs import served_model
from kikitori.tasks import TASKS, TINY, TINY_ALIGNER, Checkpoint, choose_checkpoints
from kikitori.text.detected_language import MAX_PREFIX_TOKENS
from kikitori.transcript import Turn
from tests.support.recordings import RECORDINGS, recordings_in

SPOKEN = recordings_in(RECORDINGS, "pt")[:3]
SOUNDS = [load_audio(recording.path) for recording in SPOKEN]
PORTUGUESE = Prompt("Portuguese")
JOB = {"direction": "pt"}


@pytest.fixture(params=["local", "zero_gpu", "journalled"])
def engine(request, tmp_path):
    local = LocalEngine(TINY, TINY_ALIGNER)
    if request.param == "local":
        return local
    if request.param == "zero_gpu":
        return ZeroGpuEngine(TINY, TINY_ALIGNER)
    return JournaledEngine(local, Journal(tmp_path / "a.journal", JOB, resume=False))


@pytest.mark.slow
def test_the_last_results_are_whole_and_in_order(engine):
    results = last(engine.stream(SOUNDS, PORTUGUESE))
    assert [result.text for result in results] == [recording.reference for recording in SPOKEN]
    assert {result.ended_by for result in results} == {"end"}


def test_results_grow(engine, monkeypatch):
    monkeypatch.setattr("kikitori.model.shared_batches.STREAM_EVERY_TOKENS", 4)
    texts = [results[0].text.rstrip("\ufffd") for results in engine.stream(SOUNDS[:1], PORTUGUESE)]
    assert len(texts) > 2 and all(SPOKEN[0].reference.startswith(text) for text in texts)
    assert texts[-1] == SPOKEN[0].reference


def test_a_closed_stream_leaves_the_engine_ready(engine, monkeypatch):
    monkeypatch.setattr("kikitori.model.shared_batches.STREAM_EVERY_TOKENS", 4)
    stream = engine.stream(SOUNDS[:1], PORTUGUESE)
    assert next(stream)[0].ended_by == "cancelled"
    stream.close()
    assert last(engine.stream(SOUNDS[1:2], PORTUGUESE))[0].text == SPOKEN[1].reference


@pytest.mark.slow
def test_two_streams_take_turns(engine):
    one, two = engine.stream(SOUNDS[:1], PORTUGUESE), engine.stream(SOUNDS[1:2], PORTUGUESE)
    next(one), next(two)
    assert [last([*one])[0].text, last([*two])[0].text] == [recording.reference for recording in SPOKEN[:2]]


def test_the_prompt_is_obeyed(engine):
    (result,) = last(engine.stream(SOUNDS[:1], Prompt(None)))
    assert result.text == f"language Portuguese<asr_text>{SPOKEN[0].reference}"


def test_turns_get_times_in_order(engine):
    alignment = engine.align(SOUNDS[0], (Turn(None, SPOKEN[0].reference),), "Portuguese")
    (turn,) = alignment.turns
    assert turn.timing == "aligned" and "".join(word.text for word in turn.words) == SPOKEN[0].reference
    times = [time for word in turn.words for time in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times) and times[-1] <= len(SOUNDS[0]) / 16000


def test_the_first_request_also_hears_the_language():
    engine = ZeroGpuEngine(TINY, TINY_ALIGNER, check=TINY)
    results = last(engine.stream(SOUNDS, PORTUGUESE))
    assert [result.text for result in results] == [recording.reference for recording in SPOKEN]
    (heard,) = last(HeardLanguage(engine).stream(SOUNDS[:1], Prompt(None)))
    assert heard.text.startswith("language Portuguese<asr_text>") and len(heard.ids) == MAX_PREFIX_TOKENS
    assert [result.text for result in last(engine.stream(SOUNDS[:1], PORTUGUESE))] == [SPOKEN[0].reference]


def test_a_checkpoint_for_the_language_that_is_missing_does_not_stop_the_job(tmp_path):
    engine = ZeroGpuEngine(TINY, TINY_ALIGNER, check=Checkpoint(folder=tmp_path / "none"))
    assert last(engine.stream(SOUNDS[:1], PORTUGUESE))[0].text == SPOKEN[0].reference
    with pytest.raises(CheckpointError, match="does not exist"):
        next(HeardLanguage(engine).stream(SOUNDS[:1], Prompt(None)))


def test_it_says_who_answers(engine):
    assert engine.name == "tiny"


def test_a_journal_decodes_each_window_once(tmp_path):
    local = LocalEngine(TINY, TINY_ALIGNER)
    first = JournaledEngine(local, Journal(tmp_path / "a.journal", JOB, resume=False))
    expected = last(first.stream(SOUNDS, PORTUGUESE))

    class Unused:
        name = "tiny"

        def stream(self, waveforms, prompt, max_tokens=None):
            raise AssertionError("decoded again")

    resumed = JournaledEngine(Unused(), Journal(tmp_path / "a.journal", JOB, resume=True))
    assert resumed.journal.resumed == 3
    assert last(resumed.stream(SOUNDS, PORTUGUESE)) == expected


def test_a_journal_of_another_job_is_replaced(tmp_path):
    local = LocalEngine(TINY, TINY_ALIGNER)
    last(JournaledEngine(local, Journal(tmp_path / "a.journal", JOB, resume=False)).stream(SOUNDS, PORTUGUESE))
    assert Journal(tmp_path / "a.journal", {"direction": "en2ja"}, resume=True).resumed == 0


def test_zero_gpu_is_asked_for_what_the_sound_needs():
    request = StreamRequest(TINY, TINY_ALIGNER, tuple(SOUNDS), PORTUGUESE)
    seconds = sum(map(len, SOUNDS)) / 16000
    assert gpu_seconds(request) == pytest.approx(15 + seconds / 2)
    align = AlignRequest(TINY, TINY_ALIGNER, SOUNDS[0], (), "Portuguese")
    assert gpu_seconds(align) == pytest.approx(15 + len(SOUNDS[0]) / 32000)


def test_an_engine_for_calls_refuses_a_checkpoint_without_speakers(monkeypatch):
    def refuse(tokenizer, name):
        raise CheckpointError("no_speaker_token", name=name, tag="<|spk_0|>")

    monkeypatch.setattr("kikitori.engines.local.check_speaker_tokens", refuse)
    with pytest.raises(CheckpointError, match="can't mark speakers"):
        next(served_model(TASKS["diarize"], choose_checkpoints(["tiny"])).engine.stream(SOUNDS[:1], PORTUGUESE))
    assert last(served_model(TASKS["pt"], choose_checkpoints(["tiny"])).engine.stream(SOUNDS[:1], PORTUGUESE))
    assert last(ZeroGpuEngine(TINY, TINY_ALIGNER).stream(SOUNDS[:1], PORTUGUESE))
    assert last(StreamRequest(TINY, TINY_ALIGNER, tuple(SOUNDS[:1]), PORTUGUESE).run())
