"""What benchmarks.live measures, on events whose times are known."""

from __future__ import annotations

import pytest

from benchmarks.live_playing import Shown
from kikitori.live.events import Closed, Event, Words
from kikitori.transcript import Turn


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
