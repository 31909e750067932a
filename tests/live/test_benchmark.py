"""What benchmarks.live measures, on events whose times are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import live
from benchmarks.live import SPEECH_TOKENS_PER_SECOND
from benchmarks.live_playing import Shown
from benchmarks.live_upstream import CHUNK_SECONDS, read_again
from kikitori import load_model
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.live.cutting import MAX_SECONDS
from kikitori.live.events import Closed, Event, Words
from kikitori.model import generate
from kikitori.model.budget import token_budget
from kikitori.transcript import Turn
from tests.support.recordings import one_recording


def closed(stretch: int, text: str) -> Closed:
    return Closed(stretch, 0, 1, 1, (Turn(None, text),), ())


def shown(*events: Event) -> Shown:
    """Events that come one second after another."""
    shown = Shown()
    for seconds, event in enumerate(events, start=1):
        shown.add(event, seconds)
    return shown


def test_delays_count_from_the_end_of_each_word():
    made = shown(
        Words(0, 0, 1, "", "Bom die"),
        Words(0, 0, 2, "Bom", " dia."),
        closed(0, "Bom dia."),
        Words(1, 0, 4, "", "Sim."),
        closed(1, "Sim."),
    )
    delays = list(made.delays([("Bom", 0.5), (" dia.", 1.0), ("Sim.", 3.5), (" Adeus.", 4)]))
    assert delays == [(0.5, 1.5), (1.0, 2.0), (0.5, 1.5)]
    assert (made.text, made.changed) == ("Bom dia. Sim.", 0)


@pytest.mark.parametrize("second", [Words(0, 0, 2, "Boa", ""), closed(0, "Boa tarde.")])
def test_firm_text_that_changes_is_counted(second):
    assert shown(Words(0, 0, 1, "Bom", " dia"), second).changed == 1


@pytest.fixture(scope="module")
def portuguese():
    return load_model("pt", checkpoint="tiny")


def test_upstreams_method_reads_all_sound_again(portuguese):
    recording = one_recording("pt")
    whole_chunks = np.pad(load_audio(recording.path), (0, 2 * CHUNK_SECONDS * SAMPLE_RATE))
    texts = [text for text, _ in read_again(portuguese, whole_chunks)]
    assert len(texts) == len(whole_chunks) // (CHUNK_SECONDS * SAMPLE_RATE)
    assert texts[-1] == recording.reference


@pytest.mark.slow
def test_the_work_of_a_shape_is_measured_with_as_many_tokens_as_speech_has(portuguese, monkeypatch, capsys):
    monkeypatch.setattr(live, "random_model", lambda options: portuguese)
    budgets = []
    monkeypatch.setattr(generate, "token_budget", lambda seconds: budgets.append(token_budget(seconds)) or 10)
    live.main(["--shape", "1.7b", "--rows", "1"])
    assert max(budgets) <= 1 + SPEECH_TOKENS_PER_SECOND * MAX_SECONDS
    table = capsys.readouterr().out.splitlines()[2:]
    assert len(table) == 3 and table[2].startswith("| to 15 s | ")
