"""What is made of a window's text: retries, warnings, times, labels. The windows are made here, without a detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.pieces import Piece
from kikitori.audio.vad import Span
from kikitori.audio.windows import Window
from kikitori.job import Job, ParsedWindow
from kikitori.joining import ChannelJoiner, LinkJoiner, PlainJoiner
from kikitori.pipeline import in_groups, parse_windows, with_sources
from kikitori.result import Alignment, DecodingResult
from kikitori.tasks import TASKS, Plan
from kikitori.transcript import TranscriptWarning, Turn, Word
from tests.support.engines import ScriptedEngine

PLAIN = Plan(window_seconds=60, overlap_seconds=0, has_speakers=False)
CALLS = Plan(window_seconds=60, overlap_seconds=10, has_speakers=True)
CONTEXT = "Helena, Kikitori, São João"
LOOP = "Bom dia. " * 20
UNFINISHED = DecodingResult("Bom", "budget")


def window(*lengths: float, start: float = 0.0, gap: float = 0.0, channel: int | None = None) -> Window:
    """Pieces of these lengths in seconds. gap: the seconds of the recording that are left out between them."""
    pieces = []
    for length in lengths:
        samples = round(length * SAMPLE_RATE)
        pieces.append(Piece(round(start * SAMPLE_RATE), np.full(samples, 0.1, np.float32), Span(0, samples), 0))
        start += length + gap
    return Window(tuple(pieces), channel)


def job(decode, plan: Plan = PLAIN, align=None) -> Job:
    task = TASKS["diarize" if plan.has_speakers else "pt"]
    return Job(task, plan, ScriptedEngine(decode, align), align=align is not None)


def parsed(one: Window, result: DecodingResult, job: Job) -> list[ParsedWindow]:
    return list(parse_windows([one], [result], job))


def seconds(windows: list[ParsedWindow]) -> list[tuple[float, float]]:
    return [(one.window.start_seconds, one.window.end_seconds) for one in windows]


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (3, [1, 2]), (40, [1, 2, 4, 8, 16, 9]), (50, [1, 2, 4, 8, 16, 16, 3])]
)
def test_ever_more_windows_are_decoded_together(count, sizes):
    groups = list(in_groups(window(1, start=n) for n in range(count)))
    assert list(map(len, groups)) == sizes
    assert [one.start_seconds for group in groups for one in group] == list(range(count))


def test_a_faulty_window_ends_as_four_quarters_at_most():
    stubborn = job(lambda waveform: UNFINISHED)
    made = parsed(window(*[1] * 16), UNFINISHED, stubborn)
    assert stubborn.engine.batches == [2, 2, 2]
    assert seconds(made) == [(0, 4), (4, 8), (8, 12), (12, 16)]
    assert [[warning.kind for warning in one.warnings] for one in made] == [["budget"]] * 4


def test_halves_that_are_good_take_the_place_of_a_faulty_window():
    engine = job(lambda waveform: f"De {len(waveform)}.")
    made = parsed(window(2, 3), UNFINISHED, engine)
    assert [(one.raw_text, one.warnings) for one in made] == [("De 32000.", ()), ("De 48000.", ())]
    (turn,) = made[1].turns
    assert (turn.text, turn.start_seconds, turn.end_seconds, turn.timing) == ("De 48000.", 2, 5, "window")


@pytest.mark.parametrize(("length", "count"), [(2.0, 2), (1.99, 1)])
def test_a_window_of_four_seconds_is_retried_and_a_shorter_one_is_not(length, count):
    assert len(parsed(window(2, length), UNFINISHED, job(lambda waveform: "Bom dia."))) == count


def test_halves_of_a_call_overlap_and_others_do_not():
    one = window(*[1] * 6)
    assert seconds(parsed(one, UNFINISHED, job(lambda waveform: "Bom dia."))) == [(0, 3), (3, 6)]
    assert seconds(parsed(one, UNFINISHED, job(lambda waveform: "<|spk_0|> はい。", CALLS))) == [(0, 3), (2, 6)]


def test_a_windows_warnings_have_its_time():
    (made,) = parsed(window(1.2345, start=65.4375625), UNFINISHED, job(None))
    (warning,) = made.warnings
    assert (warning.kind, warning.start_seconds, warning.end_seconds) == ("budget", 65.438, 66.672)
    (turn,) = made.turns
    assert (turn.start_seconds, turn.end_seconds) == (65.438, 66.672)
    assert warning.message.startswith("1:05 to 1:06: the model did not finish")


def test_aligned_times_become_times_of_the_recording():
    """Four seconds are left out after the first two; a word that ends there does not reach over the gap."""
    words = (Word("Bom", 1.0, 2.0), Word(" dia.", 2.0, 3.50049))
    turn = Turn(None, "Bom dia.", 1.0, 3.50049, "aligned", words)
    (made,) = parsed(
        window(2, 3, start=10, gap=4),
        DecodingResult("Bom dia.", "end"),
        job(None, align=lambda waveform, turns: Alignment((turn,), 7)),
    )
    assert made.turns == (
        replace(turn, start_seconds=11.0, end_seconds=17.5, words=(Word("Bom", 11.0, 12.0), Word(" dia.", 16.0, 17.5))),
    )
    assert made.repaired == 7


def test_a_turn_that_ends_before_a_gap_does_not_reach_over_it():
    turn = Turn(None, "Bom", 0.12345, 2.0, "aligned", (Word("Bom", 0.12345, 2.0),))
    engine = job(None, align=lambda waveform, turns: Alignment((turn,), 0))
    (made,) = parsed(window(2, 3, start=10, gap=4), DecodingResult("Bom", "end"), engine)
    assert made.turns == (replace(turn, start_seconds=10.123, end_seconds=12.0, words=(Word("Bom", 10.123, 12.0),)),)


def test_a_window_without_words_is_not_aligned():
    (made,) = parsed(window(0.5), DecodingResult("", "end"), job(None, align=lambda waveform, turns: 1 / 0))
    assert (made.turns, made.warnings, made.repaired) == ((), (), 0)


def with_context(first: str, second: str, third: str = "") -> tuple[list[ParsedWindow], ScriptedEngine]:
    """What becomes of a window of 8 s whose first text may be an echo. second: without context. third: of halves."""
    texts = iter([second, third, third])
    asked = replace(job(lambda waveform: next(texts)), context=CONTEXT)
    return parsed(window(*[1] * 8, start=60), DecodingResult(first, "end"), asked), asked.engine


def test_a_copied_context_is_replaced_by_what_the_model_writes_without_it():
    (made,), engine = with_context("Helena, Kikitori, São João", "Bom dia.")
    assert [prompt.context for prompt in engine.prompts] == [""]
    assert (made.raw_text, [turn.text for turn in made.turns]) == ("Bom dia.", ["Bom dia."])
    (warning,) = made.warnings
    assert (warning.kind, warning.start_seconds, warning.end_seconds) == ("context_echo", 60, 68)
    assert warning.message.startswith("1:00 to 1:08: the model copied the context")


def test_names_of_the_context_that_were_really_said_are_kept():
    (made,), engine = with_context("Helena, Kikitori, São João", "helena kikitori são joão")
    assert [prompt.context for prompt in engine.prompts] == [""]
    assert (made.raw_text, made.warnings) == ("Helena, Kikitori, São João", ())


def test_a_text_that_copies_no_context_is_not_asked_for_again():
    (made,), engine = with_context("Helena e São João.", "")
    assert (made.raw_text, made.warnings, engine.prompts) == ("Helena e São João.", (), [])


def test_a_window_that_is_faulty_without_context_is_retried_in_halves_without_context():
    made, engine = with_context("Helena, Kikitori, São João", LOOP, "Bom dia.")
    assert [prompt.context for prompt in engine.prompts] == ["", ""]
    assert [one.raw_text for one in made] == ["Bom dia."] * 2
    assert [[warning.kind for warning in one.warnings] for one in made] == [["context_echo"], []]


def test_a_faulty_text_is_retried_in_halves_with_the_context():
    made, engine = with_context(LOOP, "Bom dia.", "Bom dia.")
    assert [prompt.context for prompt in engine.prompts] == [CONTEXT]
    assert [one.warnings for one in made] == [(), ()]


def test_what_was_said_is_with_the_first_turn_of_a_window():
    result = DecodingResult("<|spk_0|> はい。 <|spk_1|> ええ。", "end")
    two = [*parsed(window(3), result, job(None, CALLS)), *parsed(window(2), DecodingResult("", "end"), job(None))]
    first, second = with_sources(two, job(lambda waveform: f"<|spk_0|> De {len(waveform)}. <|spk_1|> Sim."))
    assert [turn.source for turn in first.turns] == ["De 48000. Sim.", ""]
    assert second.turns == ()


def joined(joiner, *windows: tuple[Window, tuple[Turn, ...]]) -> tuple[list[tuple], list[TranscriptWarning]]:
    """The turns that the joiner makes of windows, as speaker and text, and its warnings."""
    turns, warnings = [], []
    for one, spoken in windows:
        update = joiner.add(ParsedWindow(one, "", spoken, (), 0))
        turns += update.turns
        warnings += update.warnings
    return [(turn.speaker, turn.text) for turn in (*turns, *joiner.open_turns)], warnings


def test_an_update_reaches_to_the_end_of_its_window():
    update = PlainJoiner().add(ParsedWindow(window(1.2345, start=65.4375625), "Bom", (), (), 0))
    assert update.duration_seconds == 66.672


def test_a_channel_is_a_speaker_in_the_order_of_first_words():
    turns, _ = joined(
        ChannelJoiner(),
        (window(1, channel=0), ()),
        (window(1, start=1, channel=1), (Turn("spk_7", "はい。"), Turn("spk_3", "ええ。"))),
        (window(1, start=2, channel=0), (Turn(None, "もしもし。"),)),
        (window(1, start=3, channel=1), (Turn("spk_0", "では。"),)),
    )
    assert turns == [("spk_0", "はい。ええ。"), ("spk_1", "もしもし。"), ("spk_0", "では。")]


def test_a_half_whose_sound_the_window_before_has_changes_nothing():
    joiner = LinkJoiner(job(None, CALLS))
    said = "はい、そうです。", "駅は市役所の隣です。", "ありがとうございます。", "では、また。"
    first = tuple(Turn(f"spk_{number % 2}", text) for number, text in enumerate(said))
    half = Turn("spk_0", "駅の写真です。"), Turn("spk_1", "ありがとう。")
    second = Turn("spk_0", said[2]), Turn("spk_1", said[3]), Turn("spk_0", "さようなら。")
    windows = (window(10, 10), first), (window(8, start=10), half), (window(20, start=12), second)
    turns, warnings = joined(joiner, *windows)
    assert turns == [*((turn.speaker, turn.text) for turn in first), ("spk_0", "さようなら。")]
    assert warnings == [] and joiner._job.engine.batches == []


def test_labels_that_change_in_the_middle_of_a_window_are_linked_through_a_third():
    """The first window gives two turns to one speaker, and so all that follow to the wrong one."""
    ship, cold, subway = "新潟から広島まで船で行きます。", "今日は涼しいですね。", "長崎から高知まで地下鉄で行きます。"
    back, ear, yes = "母は背中が悪いです。", "三日前から耳が痛いです。", "松本様ですね。"
    heard = f"<|spk_0|> {ship} <|spk_1|> {cold} <|spk_0|> {subway} <|spk_1|> {back} <|spk_0|> {ear} <|spk_1|> {yes}"
    joiner = LinkJoiner(job(lambda waveform: heard, CALLS))
    first = Turn("spk_0", ship), Turn("spk_1", f"{cold}{subway}"), Turn("spk_0", ear)
    second = Turn("spk_0", subway), Turn("spk_1", back), Turn("spk_0", ear), Turn("spk_1", yes)
    turns, warnings = joined(joiner, (window(5, 10), first), (window(10, 5, start=5), second))
    assert [speaker for speaker, _ in turns[-4:]] == ["spk_0", "spk_1", "spk_0", "spk_1"]
    assert [text for _, text in turns[-3:]] == [back, ear, yes]
    assert (warnings, joiner._job.engine.batches) == ([], [1])


@pytest.mark.parametrize(
    ("said", "share"), [(("いろはに", "ほへとち"), None), (("いろは", "にほへ", "とち"), "38%")], ids=["half", "less"]
)
def test_a_link_by_less_than_half_of_the_overlap_is_a_warning(said, share):
    """The second window gives all words to one speaker. The third one, over the seam, shows nothing better."""
    joiner = LinkJoiner(job(lambda waveform: "<|spk_0|> まったく別の話", CALLS))
    first = tuple(Turn(f"spk_{number}", text) for number, text in enumerate(said))
    second = (Turn("spk_0", "".join(said) + "そうですか。"),)
    _, warnings = joined(joiner, (window(10, 2, start=5.0125625), first), (window(2, 10, start=15.0125625), second))
    found = [(warning.kind, warning.start_seconds, warning.end_seconds) for warning in warnings]
    assert found == ([("weak_link", 15.013, 15.013)] if share else [])
    assert all(warning.message.startswith("from 0:15 on") for warning in warnings)
    assert all(warning.message.endswith(f"agree by {share}") for warning in warnings)
    assert joiner._job.engine.batches == [1]
