"""From windows to one transcript, with faults put in where a model would make them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.errors import AudioError, DamagedError, RefusedError
from kikitori.job import Job
from kikitori.pipeline import transcribe_blocks
from kikitori.result import Alignment, DecodingResult, last
from kikitori.strings import format_time
from kikitori.tasks import TASKS, Plan
from kikitori.timing import estimate_times
from kikitori.transcript import Transcript, TranscriptWarning, Word
from kikitori.update import Transcription, Update
from tests.support.engines import ScriptedEngine
from tests.support.recordings import example

CALL = load_audio(example("call_appointment").path)
QUIET = np.random.default_rng(0).normal(0, 1e-4, 5 * SAMPLE_RATE).astype(np.float32)
SOUND = np.concatenate([CALL, QUIET, CALL])
BLANK = Transcript("a.wav", (), "pt", "Portuguese", "none", 0.0, "")
PLAIN = Plan(window_seconds=60, overlap_seconds=0, has_speakers=False)
LINKED = Plan(window_seconds=25, overlap_seconds=8, has_speakers=True)
HALF = 0.75 * (len(CALL) + len(CALL)) / SAMPLE_RATE
"""Between the length of the whole recording's window and that of its halves, in seconds."""


def started(engine, plan=PLAIN, sound=SOUND, blocks=None, **options) -> Transcription:
    blocks = blocks or [block[:, np.newaxis] for block in np.array_split(sound, 9)]
    task = TASKS["diarize" if plan.has_speakers else "pt"]
    return Transcription(transcribe_blocks(blocks, Job(task, plan, engine, **options)), BLANK)


def run(decode, plan=PLAIN, sound=SOUND, align=None, **options) -> Transcript:
    transcription = started(ScriptedEngine(decode, align), plan, sound, align=align is not None, **options)
    for _ in transcription:
        assert transcription.transcript.warnings[-1].kind == "partial"
    transcript = transcription.transcript
    assert transcript.duration_seconds == round(len(sound) / SAMPLE_RATE, 3)
    return transcript


def kinds(transcript: Transcript) -> list[str]:
    return [warning.kind for warning in transcript.warnings]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (DecodingResult("Bom dia", "budget"), "budget"),
        (DecodingResult("Bom dia, bom dia. " * 9, "end"), "loop"),
        (DecodingResult("Bom <|im_start|> dia.", "end"), "control_token"),
        (DecodingResult("system\nBom dia.", "end"), "echo"),
        (DecodingResult("Bom d\ufffd.", "end"), "broken_character"),
        (DecodingResult("", "end"), "empty"),
    ],
)
def test_a_faulty_window_is_retried_in_halves(bad, kind):
    lengths = []

    def decode(waveform):
        lengths.append(len(waveform) / SAMPLE_RATE)
        return bad if lengths[-1] > HALF else DecodingResult(f"Parte {len(lengths)}.", "end")

    transcript = run(decode)
    assert len(lengths) == 3 and sum(lengths[1:]) == pytest.approx(lengths[0])
    assert [turn.text for turn in transcript.turns] == ["Parte 2.", "Parte 3."]
    assert kinds(transcript) == []

    stubborn = run(lambda waveform: bad)
    assert set(kinds(stubborn)) == {kind} | ({"no_speech"} if kind == "empty" else set())
    spans = [(w.start_seconds, w.end_seconds) for w in stubborn.warnings if w.kind == kind]
    assert len(spans) == 4 and spans == sorted(spans) and all(start < end for start, end in spans)
    assert all(f"{format_time(w.start_seconds)} to " in w.message for w in stubborn.warnings if w.kind == kind)
    assert stubborn.raw_text.split("\n") == [line for _ in spans for line in bad.text.split("\n")]


def test_text_in_another_script_is_a_warning_and_is_not_retried():
    calls = []
    transcript = run(lambda waveform: calls.append(1) or DecodingResult("駅はどこですか。", "end"))
    assert len(calls) == 1 and kinds(transcript) == ["other_script"]
    assert "letters of Portuguese" in transcript.warnings[0].message


def test_a_good_window_is_decoded_once():
    engine = ScriptedEngine(lambda waveform: "Bom dia.")
    transcript = started(engine).finish()
    assert engine.batches == [1]
    (turn,) = transcript.turns
    assert turn.timing == "estimated"
    assert turn.start_seconds == pytest.approx(0.3, abs=0.4)
    assert turn.end_seconds == pytest.approx(len(SOUND) / SAMPLE_RATE, abs=0.7)


def test_rules_are_applied_to_final_and_to_open_turns_and_not_to_raw_text():
    """Where windows of a call meet, turns are linked by what the model wrote."""
    rules = (("もしもし", "やあ"), ("はい", "ええ"))
    words = ("いいえ", "どうも", "ええ", "はいはい", "では", "また", "うん", "はい", "そう", "ねえ")
    spoken = [f"<|spk_{n % 2}|> もしもし、{word}。" for n, word in enumerate(words)]
    texts = {}  # by the window's length; each begins with the last turn of the one before

    def write(waveform):
        first = 3 * len(texts)
        return texts.setdefault(len(waveform), " ".join(spoken[first : first + 4]))

    plain, replaced = (started(ScriptedEngine(write), LINKED, replacements=some) for some in ((), rules))
    for one, other in itertools.zip_longest(plain, replaced):
        if isinstance(one, Update):
            written = [turn.text for turn in (*one.turns, *one.open_turns)]
            expected = [text.replace("もしもし", "やあ").replace("はい", "ええ") for text in written]
            assert [turn.text for turn in (*other.turns, *other.open_turns)] == expected
            assert other.raw_texts == one.raw_texts
    written = sum(text.count("<|spk_") for text in texts.values())
    assert len(replaced.transcript.turns) == len(plain.transcript.turns) < written  # what windows share is there once
    assert replaced.transcript.warnings == plain.transcript.warnings


def test_a_rule_that_deletes_all_text_does_not_claim_that_nobody_spoke():
    engine = ScriptedEngine(lambda waveform: "Bom dia.")
    transcript = started(engine, PLAIN, replacements=(("Bom dia.", ""),)).finish()
    assert (transcript.turns, transcript.raw_text, transcript.warnings) == ((), "Bom dia.", ())


def test_silence_is_never_decoded():
    transcript = run(None, sound=np.tile(QUIET, 5))
    assert kinds(transcript) == ["no_speech"] and transcript.turns == ()


def test_aligned_times_skip_silence_that_was_cut_out_and_repairs_are_counted():
    """A word in the first second and one in the last second of a window from which five seconds are missing."""

    def align(waveform, turns):
        seconds = len(waveform) / SAMPLE_RATE
        words = (Word("Bom", 0.5, 1.0), Word(" dia.", seconds - 1.0, seconds - 0.5))
        (turn,) = turns
        times = {"start_seconds": 0.5, "end_seconds": seconds - 0.5}
        return Alignment((replace(turn, words=words, timing="aligned", **times),), 3)

    transcript = run(lambda waveform: DecodingResult("Bom dia.", "end"), align=align)
    (turn,) = transcript.turns
    end = len(SOUND) / SAMPLE_RATE
    assert turn.words[0].start_seconds == pytest.approx(0.5, abs=0.3)
    assert turn.words[1].start_seconds == pytest.approx(end - 1.0, abs=0.3)
    assert (turn.start_seconds, turn.end_seconds) == (turn.words[0].start_seconds, turn.words[1].end_seconds)
    assert [w.message for w in transcript.warnings] == [
        "3 of the aligner's times were zero-length, backward or outside: they were repaired"
    ]


def test_a_weak_link_is_a_warning_with_its_time():
    windows = [
        "<|spk_0|> はい、そうです。",
        "<|spk_0|> まったく別の話です。 <|spk_1|> ええ。",
        "<|spk_0|> そうですか。",
    ]
    texts = itertools.chain(windows, itertools.repeat("<|spk_0|> 何もわかりません。"))  # over the seams
    plan = Plan(window_seconds=20, overlap_seconds=5, has_speakers=True)
    transcript = run(lambda waveform: DecodingResult(next(texts), "end"), plan=plan, stereo=False)
    assert set(kinds(transcript)) == {"weak_link"}
    assert all(0 < warning.start_seconds < 40 for warning in transcript.warnings)


def test_a_third_window_over_the_seam_replaces_a_weak_link():
    """Both windows wrote other words where they overlap; what is written in between has words of both."""
    texts = [
        "<|spk_0|> いろはにほへと。 <|spk_1|> ちりぬるをわか。",
        "<|spk_0|> よたれそつねな。 <|spk_1|> らむうゐのおく。",
        "<|spk_0|> ちりぬるをわか。 <|spk_1|> よたれそつねな。 <|spk_0|> らむうゐのおく。",
    ]
    waveforms = []

    def decode(waveform):
        waveforms.append(waveform)
        return DecodingResult(texts[len(waveforms) - 1], "end")

    transcript = run(decode, LINKED, np.concatenate([CALL, CALL]))
    assert [(turn.speaker, turn.text) for turn in transcript.turns] == [
        ("spk_0", "いろはにほへと。"),
        ("spk_1", "ちりぬるをわか。"),
        ("spk_0", "よたれそつねな。"),
        ("spk_1", "らむうゐのおく。"),
    ]
    assert kinds(transcript) == []
    first, second, third = waveforms
    assert len(third) <= max(len(first), len(second))


@pytest.mark.slow
def test_the_first_window_is_decoded_alone_and_then_ever_more_together():
    engine = ScriptedEngine(lambda waveform: "Bom dia.")
    blocks = [SOUND[:, np.newaxis] for _ in range(12)]
    transcription = started(engine, replace(PLAIN, window_seconds=5), blocks=blocks)
    *updates, final = [step for step in transcription if isinstance(step, Update)]
    assert engine.batches[:5] == [1, 2, 4, 8, 16] and max(engine.batches) == 16
    assert len(updates) == sum(engine.batches) == len(transcription.transcript.turns)
    done = [update.duration_seconds for update in updates]
    assert done == sorted(set(done)) and final.duration_seconds == round(12 * len(SOUND) / SAMPLE_RATE, 3)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [PLAIN, LINKED], ids=["plain", "linked"])
@pytest.mark.parametrize("times", [1, 10])
def test_a_recording_that_breaks_off_is_transcribed_up_to_there(plan, times):
    sound = np.tile(SOUND, times)

    def broken():
        yield sound[:, np.newaxis]
        raise OSError("the disk is gone")

    engine = ScriptedEngine(lambda waveform: f"<|spk_0|> Janela de {len(waveform)}.")
    whole = started(engine, plan, blocks=[sound[:, np.newaxis]], stereo=False).finish()
    transcription = started(engine, plan, blocks=broken(), stereo=False)
    with pytest.raises(OSError, match="the disk is gone"):
        transcription.finish()
    assert transcription.transcript.turns == whole.turns
    assert kinds(transcription.transcript)[-1] == "partial"


def test_a_damaged_recording_gets_a_warning_with_its_time_and_is_an_error_without_text():
    def damaged():
        yield CALL[:, np.newaxis]
        raise DamagedError("a.wav", 2.5)

    done = started(ScriptedEngine(lambda waveform: "Bom dia."), blocks=damaged()).finish()
    seconds = round(len(CALL) / SAMPLE_RATE, 3)
    (warning,) = done.warnings
    assert (warning.kind, warning.start_seconds, warning.end_seconds) == ("damaged", 2.5, seconds)
    assert warning.message == "0:02: the recording is damaged, and what was said from here on may be missing"
    assert [turn.text for turn in done.turns] == ["Bom dia."] and done.duration_seconds == seconds
    with pytest.raises(DamagedError, match=r"a\.wav is damaged after 2\.5 s"):
        started(ScriptedEngine(lambda waveform: ""), blocks=damaged()).finish()


def test_warnings_of_the_reader_come_with_the_next_update():
    reading = [TranscriptWarning("other_tracks", "one")]

    def blocks():
        yield SOUND[:, np.newaxis]
        reading.append(TranscriptWarning("opposite_channels", "two"))

    job = Job(TASKS["pt"], PLAIN, ScriptedEngine(lambda waveform: "Bom dia."))
    transcription = Transcription(transcribe_blocks(blocks(), job, reading), BLANK)
    first = next(step for step in transcription if isinstance(step, Update))
    assert first.warnings[0].kind == "other_tracks"
    assert kinds(transcription.finish()) == ["other_tracks", "opposite_channels"]


@pytest.mark.parametrize("stereo", [True, None])
def test_a_stereo_call_that_goes_on_in_mono_is_transcribed_up_to_there_or_to_its_end(monkeypatch, stereo):
    monkeypatch.setattr("kikitori.audio.channels.PROBE_SECONDS", 20.0)
    silent = np.zeros_like(CALL)
    pair = np.concatenate([np.stack([CALL, silent], 1), np.stack([silent, CALL], 1)])
    engine = ScriptedEngine(lambda waveform: DecodingResult("<|spk_0|> はい。", "end"))
    transcription = started(engine, LINKED, blocks=[*np.array_split(pair, 4), CALL[:, np.newaxis]], stereo=stereo)
    if stereo:
        time = format_time(len(pair) / SAMPLE_RATE)
        with pytest.raises(AudioError, match=rf"1 channel\(s\) at {time}; .*turn the stereo option off"):
            list(transcription)
    else:
        list(transcription)
        assert transcription.transcript.duration_seconds == round(3 * len(CALL) / SAMPLE_RATE, 3)
    starts = [turn.start_seconds for turn in transcription.transcript.turns]
    expected = [0, len(CALL) / SAMPLE_RATE, 2 * len(CALL) / SAMPLE_RATE][: 2 if stereo else 3]
    assert starts == pytest.approx(expected, abs=1.0)


def test_a_refused_recording_is_not_transcribed():
    def silent():
        yield SOUND[:, np.newaxis]
        raise RefusedError("file_empty", name="it")

    engine = ScriptedEngine(lambda waveform: "Bom dia.")
    with pytest.raises(RefusedError, match="it is empty"):
        started(engine, blocks=silent()).finish()
    assert engine.batches == []


@pytest.mark.slow
def test_the_last_turns_are_shown_at_once_and_settled_turns_stay():
    """A window's last turns may change with the next window."""
    texts = iter(
        ["<|spk_0|> いろはにほへと。 <|spk_1|> ちりぬるを。", "<|spk_0|> ちりぬるを。 <|spk_1|> わかよたれそ。"]
    )
    engine = ScriptedEngine(lambda _: next(texts))
    transcription = started(engine, LINKED, np.concatenate([CALL, CALL]), stereo=False)
    shown, settled = [], []
    for step in transcription:
        if isinstance(step, Update):
            settled += step.turns
            shown.append([turn.text for turn in transcription.transcript.turns])
            assert transcription.transcript.turns == estimate_times((*settled, *step.open_turns))
    assert shown[0] == ["いろはにほへと。", "ちりぬるを。"]
    assert shown[-1] == ["いろはにほへと。", "ちりぬるを。", "わかよたれそ。"]
    assert len(settled) == 3


@pytest.mark.slow
def test_the_last_window_of_a_long_recording_costs_what_the_first_one_does():
    """An update holds what is new, however much came before: all updates have one size."""
    engine = ScriptedEngine(lambda waveform: f"Janela de {len(waveform)}.")
    steps = transcribe_blocks(
        (SOUND[:, np.newaxis] for _ in range(20)),
        Job(TASKS["pt"], replace(PLAIN, window_seconds=5), engine),
    )
    updates = [step for step in steps if isinstance(step, Update)]
    assert len(updates) > 100
    assert {(len(one.turns), len(one.open_turns), len(one.raw_texts)) for one in updates[:-1]} == {(1, 0, 1)}


def test_earlier_results_are_not_kept():
    """Taking the last result of a growing list keeps one, not all."""
    alive = []

    class Result(DecodingResult):
        def __del__(self):
            alive.remove(self.text)

    def grow():
        for number in range(50):
            alive.append(str(number))
            yield Result(str(number), "cancelled")
            assert len(alive) <= 3

    assert last(grow()).text == "49"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (5.9, "0:05"), (750, "12:30"), (3723, "1:02:03")])
def test_times_look_like_a_clocks(seconds, shown):
    assert format_time(seconds) == shown
