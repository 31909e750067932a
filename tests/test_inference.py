"""Every direction, end to end on the tiny checkpoint: the transcript is what was spoken."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import soxr
import torch

from kikitori import load_model, stream, transcribe
from kikitori.audio.files import load_audio
from kikitori.errors import AudioError, CheckpointError, TaskError, TextError
from kikitori.model import checkpoints
from kikitori.model.generate import decode, token_budget
from kikitori.model.qwen import end_token_ids
from kikitori.strings import join_texts
from kikitori.tasks import CHECKPOINTS, TASKS, TINY, Checkpoint
from kikitori.text.detected_language import split_language
from kikitori.transcript import Transcript
from kikitori.update import Draft, Update
from tests.support.engines import ScriptedEngine
from tests.support.recordings import EXAMPLES, RECORDINGS, example, one_recording, recordings_in, who_said_what


@pytest.fixture(scope="module")
def models():
    return {name: load_model(name, checkpoint="tiny") for name in TASKS}


@pytest.mark.slow
@pytest.mark.parametrize(
    "recording", recordings_in(RECORDINGS) + recordings_in(EXAMPLES), ids=lambda recording: recording.path.stem
)
def test_the_transcript_is_what_was_spoken(models, recording):
    direction = TASKS[recording.direction if recording.direction != "call" else "diarize"]
    transcript = transcribe(models[direction.name], recording.path)
    assert transcript.warnings == ()
    assert transcript.raw_text == recording.reference
    assert transcript.audio == recording.path.name
    assert (transcript.direction, transcript.language) == (direction.name, direction.language)
    assert transcript.checkpoint == "tiny"
    assert transcript.duration_seconds == pytest.approx(len(load_audio(recording.path)) / 16000, abs=0.001)
    assert who_said_what(transcript.turns) == who_said_what(recording.turns)
    assert set(transcript.speakers) <= ({"spk_0", "spk_1"} if direction.has_speakers else set())
    for turn in transcript.turns:
        assert turn.timing == "estimated" and 0 <= turn.start_seconds < turn.end_seconds <= transcript.duration_seconds
    assert Transcript.from_dict(transcript.to_dict()) == transcript


def test_drafts_show_the_text_while_it_is_decoded(models, monkeypatch):
    monkeypatch.setattr("kikitori.model.shared_batches.STREAM_EVERY_TOKENS", 4)
    for name in ("diarize", "pt"):
        recording = one_recording(name)
        transcription = stream(models[name], recording.path)
        drafts = [join_texts(step.texts) for step in transcription if isinstance(step, Draft)]
        text = transcription.transcript.text
        assert len(set(drafts)) > 2 and drafts[-1] == text == recording.text
        assert all(text.startswith(draft.rstrip()) for draft in drafts)


def test_two_streams_can_take_turns_in_one_thread(models):
    recordings = recordings_in(RECORDINGS, "pt")[:2]
    streams = [stream(models["pt"], recording.path) for recording in recordings]
    for _ in itertools.zip_longest(*streams):
        pass
    assert [one.transcript.text for one in streams] == [recording.text for recording in recordings]


@pytest.mark.slow
@pytest.mark.parametrize("direction", TASKS)
def test_the_text_is_that_of_stock_transcribe(models, direction):
    """`Qwen3ASRModel.transcribe`, as the model cards call it; it only has to be told where tiny's texts end."""
    stock = models[direction].engine.recognizer.qwen
    waveform = load_audio(one_recording(direction).path)
    ends = end_token_ids(stock.processor.tokenizer)
    generate = stock.model.generate
    stock.model.generate = functools.partial(generate, eos_token_id=ends, pad_token_id=ends[-1])
    try:
        result = stock.transcribe(audio=(waveform, 16000), language=TASKS[direction].language)
    finally:
        stock.model.generate = generate
    (decoded,) = decode(models[direction].engine.recognizer, [waveform], TASKS[direction].language)
    if TASKS[direction].language is None:
        decoded = split_language(decoded)
        assert decoded.language == result[0].language
    assert decoded.text == result[0].text


def test_without_a_forced_language_the_model_names_it(models):
    for direction, language in (("pt", "Portuguese"), ("diarize", "Japanese")):
        recording = one_recording(direction)
        (decoded,) = decode(models[direction].engine.recognizer, [load_audio(recording.path)], None)
        assert decoded.text == f"language {language}<asr_text>{recording.reference}"
        assert decoded.ended_by == "end"


def test_a_waveform_serves_as_well_as_a_file(models):
    recording = one_recording("en2ja")
    transcript = transcribe(models["en2ja"], load_audio(recording.path), name="talk")
    assert (transcript.text, transcript.audio) == (recording.reference, "talk")


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_a_waveform_may_have_another_rate(models, rate):
    recording = one_recording("pt")
    waveform = soxr.resample(load_audio(recording.path), 16000, rate)
    assert transcribe(models["pt"], waveform, sample_rate=rate).text == recording.reference


@pytest.mark.parametrize(
    ("waveform", "rate", "complaint"),
    [
        (np.zeros((2, 16000), np.float32), 16000, "average its channels first"),
        (np.zeros(16000, np.int16), 44100, "divide"),
        ((16000, np.zeros(16000)), 16000, "pass the array alone"),
        (np.zeros(16000, np.float32), 0, "must be a positive number of Hz"),
    ],
    ids=["stereo", "integers", "tuple", "rate"],
)
def test_a_waveform_that_is_not_one_is_one_clear_error(models, waveform, rate, complaint):
    with pytest.raises(ValueError, match=complaint):
        transcribe(models["pt"], waveform, sample_rate=rate)


def test_a_checkpoint_is_loaded_once_for_all_directions(models):
    assert len({id(model.engine.recognizer) for model in models.values()}) == 1


def test_the_dtype_follows_the_device_and_the_size_of_the_weights(models, monkeypatch):
    assert models["pt"].engine.recognizer.qwen.model.dtype == torch.float32
    assert checkpoints.choose_dtype("cuda:0", TINY) == torch.bfloat16
    for native, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert checkpoints.choose_dtype("cpu", CHECKPOINTS["pt"]) == dtype
        assert checkpoints.choose_dtype("cpu", TINY) == torch.float32


def test_a_text_that_does_not_end_is_retried_in_halves_and_warned_of(models):
    recording = one_recording("pt")
    recognizer = models["pt"].engine.recognizer
    engine = ScriptedEngine(lambda waveform: decode(recognizer, [waveform], "Portuguese", max_tokens=3)[0])
    model = replace(models["pt"], engine=engine)
    transcript = transcribe(model, np.concatenate([load_audio(recording.path)] * 3))
    assert len(transcript.warnings) > 1
    assert {warning.kind for warning in transcript.warnings} == {"budget"}
    starts = [warning.start_seconds for warning in transcript.warnings]
    assert starts == sorted(set(starts))


def test_the_budget_follows_from_the_length():
    assert (token_budget(0), token_budget(30), token_budget(180)) == (32, 512, 2912)


def test_a_direction_that_does_not_exist_is_named():
    with pytest.raises(TaskError, match=r"no direction .fr.: choose one of diarize, en2ja, ja2en, pt"):
        load_model("fr")


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"is not a checkpoint folder \(it has no config.json\).*the checkpoint tiny"
    ):
        load_model("pt", checkpoint=str(tmp_path))


def test_a_checkpoint_that_cannot_be_had_is_named_with_the_remedies():
    with pytest.raises(CheckpointError) as caught:
        load_model("pt")
    message = str(caught.value)
    for part in ("yuriyvnv/Qwen3-ASR-1.7B-PT", "revision main", "hf auth login", "hf download", "the checkpoint tiny"):
        assert part in message


def test_a_snapshot_in_the_cache_is_taken_at_the_revision_without_a_network(tmp_path, monkeypatch):
    """A hub cache as `hf download` leaves it, holding the tiny checkpoint under a hub id."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    checkpoint = Checkpoint("someone/tiny", "v1")
    repository = tmp_path / "models--someone--tiny"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "v1").write_text("a" * 40)
    (snapshot / "config.json").write_text("{}")
    assert checkpoints.checkpoint_folder(checkpoint) == snapshot
    with pytest.raises(CheckpointError, match="revision main"):
        checkpoints.checkpoint_folder(Checkpoint("someone/tiny"))


def test_a_checkpoint_that_would_lose_its_speakers_is_refused():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TINY.folder)
    checkpoints.check_speaker_tokens(tokenizer, "mine")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|spk_0|>"]})
    with pytest.raises(CheckpointError, match=r"mine registers <\|spk_0\|> as a special token"):
        checkpoints.check_speaker_tokens(tokenizer, "mine")


def test_a_checkpoint_without_speakers_is_refused_for_calls():
    from training.tiny.architecture import build_processor

    class WithoutSpeakers:
        """The tokenizer of a plain Qwen3-ASR, which has no speaker tokens."""

        stock = build_processor(["a"]).tokenizer
        added_tokens_decoder = stock.added_tokens_decoder

        def get_added_vocab(self):
            return {token: number for token, number in self.stock.get_added_vocab().items() if "spk" not in token}

    with pytest.raises(CheckpointError, match=r"mine has no token <\|spk_0\|>"):
        checkpoints.check_speaker_tokens(WithoutSpeakers(), "mine")


def test_a_recording_past_the_limit_is_refused(models):
    with pytest.raises(AudioError, match="recording is 31 s long; the limit is 30 s"):
        transcribe(models["pt"], np.full(31 * 16000, 0.1, np.float32), max_seconds=30)


def test_a_recording_without_speech_gives_an_empty_transcript_that_says_so(models):
    noise = np.random.default_rng(0).normal(0, 0.01, 20 * 16000).astype(np.float32)
    transcript = transcribe(models["pt"], noise)
    assert (transcript.turns, transcript.raw_text, transcript.duration_seconds) == ((), "", 20.0)
    assert [warning.kind for warning in transcript.warnings] == ["no_speech"]


def test_a_context_goes_to_the_model_alone_that_writes_the_text(models):
    """Not to the one that writes what was said, and not to the check of the language."""
    engines = [ScriptedEngine(lambda waveform: "Olá.") for _ in range(3)]
    model, source, check = (replace(models["en2ja"], engine=engine) for engine in engines)
    sound = load_audio(one_recording("en2ja").path)
    transcribe(model, sound, source=source, language_check=check, context=" Helena\n")
    assert [{prompt.context for prompt in engine.prompts} for engine in engines] == [{"Helena"}, {""}, {""}]


def test_a_context_that_cannot_be_sent_is_refused_before_the_recording_is_read(models, tmp_path):
    with pytest.raises(TextError, match=r"the context contains <\|im_end\|>"):
        stream(models["pt"], tmp_path / "missing.wav", context="Ana<|im_end|>")


def test_words_are_replaced_and_the_rules_are_recorded(models):
    recording = one_recording("pt")
    rules = [("Fernando", "Fernanda Lima"), ("Bom dia,", "Boa tarde:"), ("sou", "")]
    transcript = transcribe(models["pt"], recording.path, align=True, replacements=rules)
    assert (recording.reference, transcript.raw_text) == ("Bom dia, eu sou Fernando.", recording.reference)
    assert transcript.text == "Boa tarde: eu Fernanda Lima."
    assert [word.text for word in transcript.turns[0].words] == ["Boa tarde:", " eu", " Fernanda Lima."]
    assert transcript.replacements == tuple(rules)


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["en2ja", "ja2en", "pt"])
def test_a_long_recording_is_all_there(models, direction):
    """A recording again and again, with seconds of silence between: each time there, once, with its own times.

    Windows are so short that one holds one: the tiny checkpoint learned no free mixtures of sentences.
    """
    recording = one_recording(direction)
    sound = load_audio(recording.path)
    quiet = np.random.default_rng(0).normal(0, 1e-4, 3 * 16000).astype(np.float32)
    long = np.tile(np.concatenate([sound, quiet]), 12)
    seconds = len(long) / 16000
    assert seconds > 30
    model = replace(models[direction], checkpoint=replace(TINY, window_seconds=len(sound) / 16000 + 1.1))
    transcription = stream(model, long)
    updates = [step for step in transcription if isinstance(step, Update)]
    transcript = transcription.transcript
    expected = [recording.reference] * 12
    assert transcript.text == join_texts(expected)
    assert transcript.warnings == () and transcript.duration_seconds == pytest.approx(seconds, abs=0.001)
    assert sum(bool(update.turns) for update in updates) == 12
    times = [(turn.start_seconds, turn.end_seconds) for turn in transcript.turns]
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(times))


@pytest.mark.slow
def test_a_call_that_repeats_itself_keeps_every_repetition(models):
    """Such as an announcement while somebody waits. Windows overlap, so a repetition is not taken for the overlap."""
    call = example("call_appointment")
    made = transcribe(models["diarize"], np.tile(load_audio(call.path), 4))
    assert [(turn.speaker, turn.text) for turn in made.turns] == [(turn.speaker, turn.text) for turn in call.turns] * 4


@pytest.mark.slow
def test_a_stereo_call_is_exact(models, tmp_path):
    """One speaker a channel, taking turns: labels, order and times are those of the channels."""
    one, two = recordings_in(RECORDINGS, "ja2en")[:2]
    first, second = load_audio(one.path), load_audio(two.path)
    blank = np.random.default_rng(0).normal(0, 1e-4, len(first) + len(second)).astype(np.float32)
    left, right = blank.copy(), blank.copy()
    left[: len(first)] += first
    right[len(first) :] += second
    soundfile.write(tmp_path / "call.wav", np.stack([np.tile(left, 2), np.tile(right, 2)], axis=1), 16000)
    for stereo in (None, True):
        transcript = transcribe(models["diarize"], tmp_path / "call.wav", stereo=stereo)
        assert [turn.speaker for turn in transcript.turns] == ["spk_0", "spk_1"] * 2
        half, second_start = len(blank) / 16000, len(first) / 16000
        starts = [turn.start_seconds for turn in transcript.turns]
        assert starts == pytest.approx([0, second_start, half, half + second_start], abs=0.8)
    assert transcribe(models["diarize"], tmp_path / "call.wav", stereo=False).turns != transcript.turns


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(CheckpointError, match="use the device cpu"):
        load_model("pt", device="cuda:7", checkpoint="tiny")
    with pytest.raises(CheckpointError, match="'gpu' is not a device"):
        load_model("pt", device="gpu", checkpoint="tiny")
