"""From windows to one transcript, with faults put in where a model would make them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from conftest import example

from speech.alignment import Alignment
from speech.audio import SAMPLE_RATE, load_audio
from speech.decoded import Decoded
from speech.errors import RefusedError
from speech.pipeline import Plan, format_time, transcribe_blocks
from speech.transcript import Transcript, Word

CALL = load_audio(example("call_appointment").path)
QUIET = np.random.default_rng(0).normal(0, 1e-4, 5 * SAMPLE_RATE).astype(np.float32)
SOUND = np.concatenate([CALL, QUIET, CALL])
BLANK = Transcript("a.wav", (), "pt", "Portuguese", "none", 0.0, "")
PLAIN = Plan(window_seconds=60, overlap_seconds=0, has_speakers=False)
LINKED = Plan(window_seconds=25, overlap_seconds=8, has_speakers=True)
HALF = 0.75 * (len(CALL) + len(CALL)) / SAMPLE_RATE
"""Between the length of the whole recording's window and that of its halves, in seconds."""


def one_by_one(decode):
    """A decoder of lists from one of single waveforms."""
    return lambda waveforms: iter([[decode(waveform) for waveform in waveforms]])


def run(decode, plan=PLAIN, sound=SOUND, **options) -> Transcript:
    blocks = [block[:, np.newaxis] for block in np.array_split(sound, 9)]
    *partial, transcript = transcribe_blocks(blocks, BLANK, plan, one_by_one(decode), **options)
    assert all(one.warnings[-1].kind == "partial" for one in partial)
    assert transcript.duration_seconds == round(len(sound) / SAMPLE_RATE, 3)
    return transcript


def kinds(transcript: Transcript) -> list[str]:
    return [warning.kind for warning in transcript.warnings]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (Decoded("Bom dia", "budget"), "budget"),
        (Decoded("Bom dia, bom dia. " * 9, "end"), "loop"),
        (Decoded("Bom <|im_start|> dia.", "end"), "control_token"),
        (Decoded("system\nBom dia.", "end"), "echo"),
        (Decoded("", "end"), "empty"),
    ],
)
def test_a_bad_window_is_tried_again_in_halves(bad, kind):
    lengths = []

    def decode(waveform):
        lengths.append(len(waveform) / SAMPLE_RATE)
        return bad if lengths[-1] > HALF else Decoded(f"Parte {len(lengths)}.", "end")

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


def test_a_good_window_is_decoded_once():
    calls = []
    transcript = run(lambda waveform: calls.append(len(waveform)) or Decoded("Bom dia.", "end"))
    assert len(calls) == 1
    (turn,) = transcript.turns
    assert turn.timing == "window"
    assert turn.start_seconds == pytest.approx(0.3, abs=0.4)
    assert turn.end_seconds == pytest.approx(len(SOUND) / SAMPLE_RATE, abs=0.7)


def test_silence_is_never_decoded():
    transcript = run(None, sound=np.tile(QUIET, 5))
    assert kinds(transcript) == ["no_speech"] and transcript.turns == ()


def test_aligned_times_skip_the_silence_that_was_left_out_and_mending_is_counted():
    """A word in the first second and one in the last second of a window from which five seconds are missing."""

    def align(waveform, turns):
        seconds = len(waveform) / SAMPLE_RATE
        words = (Word("Bom", 0.5, 1.0), Word(" dia.", seconds - 1.0, seconds - 0.5))
        (turn,) = turns
        times = {"start_seconds": 0.5, "end_seconds": seconds - 0.5}
        return Alignment((replace(turn, words=words, timing="aligned", **times),), 3)

    transcript = run(lambda waveform: Decoded("Bom dia.", "end"), align=align)
    (turn,) = transcript.turns
    end = len(SOUND) / SAMPLE_RATE
    assert turn.words[0].start_seconds == pytest.approx(0.5, abs=0.3)
    assert turn.words[1].start_seconds == pytest.approx(end - 1.0, abs=0.3)
    assert (turn.start_seconds, turn.end_seconds) == (turn.words[0].start_seconds, turn.words[1].end_seconds)
    assert [w.message for w in transcript.warnings] == [
        "3 of the aligner's times were zero-length, backward or outside: they are mended"
    ]


def test_a_weak_link_is_a_warning_with_its_time():
    windows = [
        "<|spk_0|> はい、そうです。",
        "<|spk_0|> まったく別の話です。 <|spk_1|> ええ。",
        "<|spk_0|> そうですか。",
    ]
    texts = itertools.chain(windows, itertools.repeat("<|spk_0|> 何もわかりません。"))  # over the seams
    plan = Plan(window_seconds=20, overlap_seconds=5, has_speakers=True)
    transcript = run(lambda waveform: Decoded(next(texts), "end"), plan=plan, stereo=False)
    assert set(kinds(transcript)) == {"weak_link"}
    assert all(0 < warning.start_seconds < 40 for warning in transcript.warnings)


def test_a_weak_link_is_mended_by_a_window_over_the_seam():
    """Both windows wrote other words where they overlap; what is written in between has words of both."""
    texts = [
        "<|spk_0|> いろはにほへと。 <|spk_1|> ちりぬるをわか。",
        "<|spk_0|> よたれそつねな。 <|spk_1|> らむうゐのおく。",
        "<|spk_0|> ちりぬるをわか。 <|spk_1|> よたれそつねな。 <|spk_0|> らむうゐのおく。",
    ]
    waveforms = []

    def decode(waveform):
        waveforms.append(waveform)
        return Decoded(texts[len(waveforms) - 1], "end")

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
def test_the_first_window_goes_alone_and_then_ever_more_together():
    sizes = []

    def decode(waveforms):
        sizes.append(len(waveforms))
        yield [Decoded("Bom dia.", "end")] * len(waveforms)

    plan = replace(PLAIN, window_seconds=5)
    blocks = (SOUND[:, np.newaxis] for _ in range(12))
    *partial, transcript = transcribe_blocks(blocks, BLANK, plan, decode)
    assert sizes[:5] == [1, 2, 4, 8, 16] and max(sizes) == 16
    partial = [one for one in partial if not one.draft]
    assert len(partial) == sum(sizes) == len(transcript.turns)
    done = [one.duration_seconds for one in partial]
    assert done == sorted(set(done))


@pytest.mark.slow
@pytest.mark.parametrize("plan", [PLAIN, LINKED], ids=["plain", "linked"])
@pytest.mark.parametrize("times", [1, 10])
def test_what_fails_while_reading_comes_after_all_that_was_read(plan, times):
    """A recording that breaks off is read as far as it goes, to the last word, and then the failure is told."""
    sound = np.tile(SOUND, times)

    def broken():
        yield sound[:, np.newaxis]
        raise OSError("the disk is gone")

    def stream(blocks):
        decode = one_by_one(lambda waveform: Decoded(f"<|spk_0|> Janela de {len(waveform)}.", "end"))
        return transcribe_blocks(blocks, BLANK, plan, decode, stereo=False)

    *_, whole = stream([sound[:, np.newaxis]])
    done = []
    with pytest.raises(OSError, match="the disk is gone"):
        for transcript in stream(broken()):
            done.append(transcript)
    assert done[-1].turns == whole.turns and kinds(done[-1])[-1] == "partial"


def test_a_recording_that_is_refused_is_not_read():
    def silent():
        yield SOUND[:, np.newaxis]
        raise RefusedError("it is silent")

    with pytest.raises(RefusedError, match="it is silent"):
        list(transcribe_blocks(silent(), BLANK, PLAIN, None))


@pytest.mark.slow
def test_what_is_heard_is_there_at_once_and_what_is_settled_stays():
    """A window's last turns may change with the next one, and are shown all the same."""
    windows = ["<|spk_0|> いろはにほへと。 <|spk_1|> ちりぬるを。", "<|spk_0|> ちりぬるを。 <|spk_1|> わかよたれそ。"]
    texts = iter(windows)
    decode = one_by_one(lambda _: Decoded(next(texts), "end"))
    blocks = [np.concatenate([CALL, CALL])[:, np.newaxis]]
    made = list(transcribe_blocks(blocks, BLANK, LINKED, decode, stereo=False))
    first, *_, last = [one for one in made if not one.draft]
    assert [turn.text for turn in first.turns] == ["いろはにほへと。", "ちりぬるを。"] and first.open_turns
    assert [turn.text for turn in last.turns] == ["いろはにほへと。", "ちりぬるを。", "わかよたれそ。"]
    assert last.settled == last.turns
    for one, two in itertools.pairwise(made):
        assert two.turns[: len(one.settled)] == one.settled


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (5.9, "0:05"), (750, "12:30"), (3723, "1:02:03")])
def test_times_are_shown_as_on_a_clock(seconds, shown):
    assert format_time(seconds) == shown
