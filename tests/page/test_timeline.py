"""The page's timeline: seeking, dragging the edges of turns, zooming, and what it shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from kikitori.page.view import to_view
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from tests.support.browser import VIEW_OF, last_seek, note_seeks, saved, speakers, words
from tests.support.player import PART, PLAYER, is_playing, place_of, slider

pytestmark = pytest.mark.slow

SPEAKER_COLOURS = ["#1d4ed8", "#b45309"]
COLOURS_IN = """async timeline => {
    for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);  // until it is drawn
    const canvas = timeline.querySelector('canvas');
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const columns = [];
    for (let x = 0; x < canvas.width; x++) {
        const seen = new Set();
        for (let y = 0; y < canvas.height; y++) {
            const place = 4 * (y * canvas.width + x);
            if (data[place + 3] === 255) {
                seen.add('#' + [0, 1, 2].map(n => data[place + n].toString(16).padStart(2, '0')).join(''));
            }
        }
        columns.push([...seen]);
    }
    return columns;
}"""
"""The opaque colours in each column of the canvas."""


def test_the_timeline_is_moved_by_keys_and_says_where_it_is(page, panel):
    slider(panel).focus()
    places = {"ArrowRight": 5, "ArrowUp": 10, "ArrowLeft": 5, "PageUp": 19, "Home": 0, "End": 19, "ArrowDown": 14}
    for key, seconds in places.items():
        page.keyboard.press(key)
        assert slider(panel).get_attribute("aria-valuenow") == str(seconds)
        assert slider(panel).get_attribute("aria-valuetext") == f"0:{seconds:02} of 0:19"
    assert [slider(panel).get_attribute(f"aria-value{end}") for end in ("min", "max")] == ["0", "19"]
    assert not is_playing(page)
    assert panel.locator(".turn[aria-current] .words").inner_text() == words(panel)[3]


def test_a_click_on_a_row_or_the_timeline_plays_from_there(page, panel):
    note_seeks(panel)
    times = page.evaluate(f"{PLAYER}.sheet.times")
    panel.locator(".turn .time").nth(2).click()
    assert last_seek(page) == pytest.approx(times[2][0], abs=0.05)
    assert is_playing(page)
    expect(panel.locator(".turn[aria-current]")).to_have_count(1)
    assert panel.locator(".turn[aria-current] .words").inner_text() == words(panel)[2]
    page.evaluate(f"{PLAYER}.pause()")
    box = slider(panel).bounding_box()
    page.mouse.move(*place_of(page, panel, sum(times[0]) / 2))  # away from edges
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 5)
    assert not is_playing(page)  # until the button is released
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.mouse.up()
    assert last_seek(page) == pytest.approx(page.evaluate(f"{PLAYER}.total") / 2, rel=0.02)
    assert is_playing(page)


def subtitle_times(page, panel) -> list[tuple[float, float]]:
    """Start and end of each subtitle of the saved SRT."""
    lines = [line.split(" --> ") for line in saved(page, panel, "srt")[1].splitlines() if " --> " in line]
    return [(seconds_of(start), seconds_of(end)) for start, end in lines]


def seconds_of(clock: str) -> float:
    hours, minutes, seconds = clock.replace(",", ".").split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def test_an_edge_of_a_turn_is_dragged_in_one_step(page, panel):
    times = page.evaluate(f"{PLAYER}.sheet.times")
    subtitles = subtitle_times(page, panel)
    start, end = times[2]
    page.mouse.move(*place_of(page, panel, start + 0.02))
    assert slider(panel).evaluate("timeline => getComputedStyle(timeline).cursor") == "ew-resize"
    page.mouse.down()
    page.mouse.move(*place_of(page, panel, start + 0.5))
    page.mouse.move(*place_of(page, panel, start + 1.02))
    page.mouse.up()
    moved = page.evaluate(f"{PLAYER}.sheet.times")
    assert moved[2] == [pytest.approx(start + 1, abs=0.03), end]
    assert moved[:2] + moved[3:] == times[:2] + times[3:]
    assert panel.locator(".turn .time").nth(2).inner_text() == f"0:{moved[2][0]:04.1f}"  # it is no longer an estimate
    assert moved[2][0] in [pytest.approx(first, abs=0.001) for first, _ in subtitle_times(page, panel)]
    assert not is_playing(page)
    slider(panel).press("Control+z")
    assert page.evaluate(f"{PLAYER}.sheet.times") == times
    assert subtitle_times(page, panel) == subtitles


def test_a_row_that_begins_before_the_one_above_moves_there_with_the_cursor(page, panel):
    said = words(panel)
    row = panel.get_by_label("Text of this row").nth(1)
    row.focus()
    row.press("Home")
    start, (_, end) = page.evaluate(f"{PLAYER}.sheet.times.slice(0, 2)")
    page.evaluate(f"view => view.moveEdge(1, false, {start[0]} + 0.05)", page.evaluate_handle(VIEW_OF))
    page.keyboard.press("Alt+Shift+ArrowLeft")
    assert words(panel) == [said[1], said[0], *said[2:]]
    assert page.evaluate(f"{PLAYER}.sheet.times[0]") == [pytest.approx(start[0] - 0.05), end]
    page.keyboard.press("X")  # the cursor has stayed in its row
    assert words(panel)[0] == "X" + said[1]
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert words(panel) == said
    expect(panel.get_by_label("Text of this row").nth(1)).to_be_focused()


def test_a_finger_drags_the_end_of_a_turn_and_a_tap_there_plays(page, panel):
    note_seeks(panel)
    times = page.evaluate(f"{PLAYER}.sheet.times")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *seconds: float) -> None:
        places = [dict(zip("xy", place_of(page, panel, place), strict=True)) for place in seconds]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", times[0][1] - 0.05)
    touch("touchEnd")
    assert last_seek(page) == pytest.approx(times[0][1] - 0.05, abs=0.05)
    assert is_playing(page)
    page.evaluate(f"{PLAYER}.pause()")
    touch("touchStart", times[0][1] - 0.05)
    touch("touchMove", times[0][1] - 0.5)
    touch("touchMove", times[0][1] - 0.85)
    touch("touchEnd")
    assert page.evaluate(f"{PLAYER}.sheet.times[0]") == [times[0][0], pytest.approx(times[0][1] - 0.8, abs=0.03)]
    assert not is_playing(page)
    slider(panel).press("Control+z")
    assert page.evaluate(f"{PLAYER}.sheet.times") == times


def test_the_timeline_shows_who_speaks_when(page, panel):
    """Each turn's part of the canvas has the colour of its speaker."""
    columns = slider(panel).evaluate(COLOURS_IN)
    total, times = page.evaluate(f"[{PLAYER}.total, {PLAYER}.sheet.times]")
    for (start, end), speaker in zip(times, speakers(panel), strict=True):
        first, last = (round(share / total * len(columns)) for share in (start, end))
        seen = {colour for column in columns[first + 3 : last - 3] for colour in column}
        assert seen == {SPEAKER_COLOURS[int(speaker[-1]) - 1]}


def shown_part(page) -> tuple[float, float]:
    """Start and end of what the timeline shows, in seconds."""
    part = page.evaluate(PART)
    return part["from"], part["from"] + part["span"]


def test_a_closer_view_is_sought_dragged_and_scrolled_as_the_whole(page, panel):
    closer = panel.get_by_role("button", name="Zoom in")
    whole = panel.get_by_role("button", name="Show the whole recording")
    start, end = page.evaluate(f"{PLAYER}.sheet.times")[1]
    slider(panel).press("Home")
    expect(whole).to_be_disabled()
    closer.click()
    assert shown_part(page) == (0, pytest.approx(page.evaluate(f"{PLAYER}.total") / 2))
    closer.click()
    expect(closer).to_be_disabled()
    assert shown_part(page) == (0, 5)
    columns = slider(panel).evaluate(COLOURS_IN)
    edge = round(start / 5 * len(columns))
    sides = [set().union(*side) for side in (columns[: edge - 3], columns[edge + 3 :])]
    assert sides == [{colour} for colour in SPEAKER_COLOURS]
    page.mouse.move(*place_of(page, panel, start))
    page.mouse.down()
    page.mouse.move(*place_of(page, panel, start + 0.2))
    page.mouse.move(*place_of(page, panel, start + 0.1))
    page.mouse.up()
    assert page.evaluate(f"{PLAYER}.sheet.times")[1] == [pytest.approx(start + 0.1, abs=0.01), end]
    slider(panel).press("Control+z")
    slider(panel).press("PageUp")
    assert slider(panel).get_attribute("aria-valuenow") == slider(panel).get_attribute("aria-valuemax") == "19"
    assert shown_part(page)[1] == pytest.approx(page.evaluate(f"{PLAYER}.total"))
    panel.get_by_label("Part of the recording").fill("2")
    assert shown_part(page) == (2, 7)
    note_seeks(panel)
    page.mouse.click(*place_of(page, panel, 4.5))
    assert last_seek(page) == pytest.approx(4.5, abs=0.02)
    whole.click()
    assert shown_part(page)[1] == pytest.approx(page.evaluate(f"{PLAYER}.total"))


def test_wheel_and_keys_zoom_and_scroll(page, panel):
    total = page.evaluate(f"{PLAYER}.total")
    page.mouse.move(*place_of(page, panel, total / 4))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    assert shown_part(page) == (pytest.approx(total / 8, rel=0.02), pytest.approx(5 / 8 * total, rel=0.02))
    page.mouse.wheel(5000, 0)
    assert shown_part(page) == (pytest.approx(total / 2), pytest.approx(total))
    panel.get_by_label("Text of this row").first.focus()
    page.keyboard.press("Alt+0")
    assert shown_part(page) == (0, pytest.approx(total))
    page.keyboard.press("Alt+i")
    assert shown_part(page)[1] < total
    page.keyboard.press("Alt+o")
    assert shown_part(page) == (0, pytest.approx(total))
    slider(panel).press("+")
    slider(panel).press("+")
    assert shown_part(page)[1] < total / 2
    slider(panel).press("-")
    slider(panel).press("0")
    assert shown_part(page) == (0, pytest.approx(total))


def test_a_closer_view_follows_what_is_playing(page, panel):
    slider(panel).press("+")
    slider(panel).press("+")
    page.evaluate(f"{PLAYER}.play(4.8)")
    page.wait_for_function(f"{PART}.from > 4 && {PLAYER}.now > {PART}.from")
    page.evaluate(f"{PLAYER}.timeline.showPart({{ from: 14, span: 5 }})")  # the visitor scrolls away
    now = page.evaluate(f"{PLAYER}.now")
    page.wait_for_function(f"{PLAYER}.now > {now + 0.3}")
    assert shown_part(page)[0] == 14
    page.evaluate(f"{PLAYER}.pause()")
    panel.locator(".transcript").get_by_role("button", name="Play", exact=True).click()
    assert shown_part(page)[0] < 14


def test_two_fingers_zoom_and_do_not_move_the_sound(page, panel):
    slider(panel).press("ArrowRight")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *seconds: float) -> None:
        places = [dict(zip("xy", whole[place], strict=True)) for place in seconds]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    whole = {seconds: place_of(page, panel, seconds) for seconds in (5, 8, 10, 14)}
    touch("touchStart", 8)
    touch("touchStart", 8, 10)
    touch("touchMove", 5, 14)
    touch("touchEnd")
    total = page.evaluate(f"{PLAYER}.total")
    start, end = shown_part(page)
    assert end - start == pytest.approx(max(5, total * 2 / 9), rel=0.02)
    assert start < 8 and end > 10
    assert page.evaluate(f"{PLAYER}.now") == 5
    assert not is_playing(page)


PARTIAL = Transcript(
    "a.wav",
    (Turn("spk_0", "はい。", 0.0, 10.0, "aligned"), Turn("spk_1", "もしもし。", 10.0, 30.0, "aligned")),
    "diarize",
    "Japanese",
    "tiny",
    30.0,
    "",
    (TranscriptWarning("partial", "only the first 30 s are in this transcript"),),
)


def test_a_partial_timeline_is_as_long_as_the_recording(page, shown):
    place = shown(to_view(PARTIAL, "a.wav") | {"length": 120.0})
    expect(place.locator(".clock")).to_have_text("0:00 / 2:00")
    columns = slider(place).evaluate(COLOURS_IN)
    quarter = len(columns) // 4
    coloured = [number for number, seen in enumerate(columns) if set(seen) & set(SPEAKER_COLOURS)]
    assert quarter - 5 < coloured[-1] < quarter + 5


def test_the_player_says_that_it_cannot_play_and_its_timeline_still_leads_to_the_text(page, shown):
    place = shown(to_view(replace(PARTIAL, warnings=()), "a.wav"))
    expect(place.locator(".player").get_by_role("status")).to_contain_text("can't be played")
    expect(place.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    expect(place.locator(".turn[aria-current]")).to_have_count(0)
    box = slider(place).bounding_box()
    slider(place).click(position={"x": box["width"] / 2, "y": 5})
    assert place.locator(".turn[aria-current] .words").inner_text() == "もしもし。"
    expect(place.locator(".clock")).to_have_text("0:15 / 0:30")
