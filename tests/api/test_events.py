"""The events of a stream: they add up to what is answered without a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kikitori.api.answers import diarized_answer
from kikitori.api.events import Events
from kikitori.api.outcome import Outcome
from kikitori.transcript import Transcript, Turn
from kikitori.update import Transcription, Update

BLANK = Transcript("a.wav", (), "diarize", "Japanese", "tiny", 0.0, "")
TEXTS = st.lists(st.sampled_from(["はい。", "Bom dia.", "um", "Sim, é a Ana!"]), min_size=0, max_size=3)


@st.composite
def window_turns(draw) -> list[tuple[Turn, ...]]:
    """The turns of windows of 10 s, some of which overlap the next one by 2 s, and some of which are measured."""
    windows, start = [], 0.0
    for texts in draw(st.lists(TEXTS, max_size=4)):
        end = start + 10
        is_measured = draw(st.booleans())
        windows.append(
            tuple(
                Turn(f"spk_{number}", text, start + number, start + number + 1, "aligned")
                if is_measured
                else Turn(f"spk_{number}", text, start, end, "window")
                for number, text in enumerate(texts)
            )
        )
        start = end - draw(st.sampled_from([0.0, 2.0]))
    return windows


@given(window_turns())
def test_streamed_segments_and_deltas_are_those_of_the_whole_answer(windows):
    updates = [Update(turns, duration_seconds=40.0, tokens=((1, -0.5),)) for turns in windows]
    made = Transcription(iter(updates), BLANK)
    transcript = made.finish()
    events, outcome = Events(with_segments=True), Outcome()
    sent = []
    for step in [*updates, transcript]:
        outcome.add(step)
        sent += events.of(step)
    whole = diarized_answer(outcome)
    assert [event for event in sent if event["type"] == "transcript.text.segment"] == whole["segments"]
    deltas = [event for event in sent if event["type"] == "transcript.text.delta"]
    assert "".join(event["delta"] for event in deltas) == whole["text"]
    assert [event["segment_id"] for event in deltas] == [segment["id"] for segment in whole["segments"]]
    assert sent[-1] == {"type": "transcript.text.done", "text": whole["text"]}


def test_a_segment_is_sent_as_soon_as_the_next_window_begins():
    events = Events(with_segments=True)
    first = Turn("spk_0", "はい。", 0.0, 12.0, "window")
    assert [event["type"] for event in events.of(Update((first,)))] == ["transcript.text.delta"]
    sent = list(events.of(Update((Turn("spk_1", "ええ。", 10.0, 20.0, "window"),))))
    assert [event["type"] for event in sent] == ["transcript.text.delta", "transcript.text.segment"]
    assert (sent[1]["text"], sent[1]["end"]) == ("はい。", 11.0)
