"""The page's player and timeline, and the text that follows them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from kikitori.page.view import to_view
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from tests.support.browser import (
    VIEW_OF,
    last_seek,
    note_seeks,
    open_tab,
    run_to_the_end,
    saved,
    speakers,
    start_again,
    transcribed,
    visit,
    words,
)
from tests.support.recordings import example

pytestmark = pytest.mark.slow

CALL = "call_appointment"
PLAYER = f"({VIEW_OF})().player"
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


@pytest.fixture(scope="module")
def opened(browser, server):
    with visit(browser, server, viewport={"width": 1280, "height": 700}) as page:
        yield page, transcribed(page, "diarize", example(CALL).path)


@pytest.fixture
def page(opened):
    """A page with a transcribed call that is paused at its start."""
    page, _ = opened
    open_tab(page, "diarize")
    page.evaluate(f"{PLAYER}.pause(); {PLAYER}.seek(0); {PLAYER}.setSpeed(1); window.sought = 0")
    return page


@pytest.fixture
def panel(opened, page):
    return opened[1]


def is_playing(page) -> bool:
    return page.evaluate(f"{PLAYER}.isPlaying")


def slider(panel):
    return panel.get_by_role("slider", name="Playback position")


def place_of(page, panel, seconds: float) -> tuple[float, float]:
    """Where a time lies on the timeline, in pixels of the window."""
    slider(panel).scroll_into_view_if_needed()
    box = slider(panel).bounding_box()
    return box["x"] + box["width"] * seconds / page.evaluate(f"{PLAYER}.total"), box["y"] + 5


def test_the_buttons_play_pause_skip_and_change_speed_and_volume(page, panel):
    bar = panel.get_by_role("group", name="The recording")
    note_seeks(panel)
    bar.get_by_role("button", name="Forward 3 seconds").click()
    assert last_seek(page) == pytest.approx(3, abs=0.05)
    expect(bar.locator(".clock")).to_have_text("0:03 / 0:19")
    bar.get_by_role("button", name="Back 3 seconds").click()
    expect(bar.locator(".clock")).to_have_text("0:00 / 0:19")
    bar.get_by_label("Speed").select_option("1.5")
    bar.get_by_label("Volume").fill("0.25")
    assert not is_playing(page)
    bar.get_by_role("button", name="Play", exact=True).click()
    bar.get_by_role("button", name="Pause").wait_for()
    page.wait_for_function(f"{PLAYER}.now > 0.2")
    sound = panel.locator(".transcript audio")
    assert sound.evaluate("sound => [sound.paused, sound.playbackRate, sound.volume]") == [False, 1.5, 0.25]
    bar.get_by_role("button", name="Pause").click()
    bar.get_by_role("button", name="Play", exact=True).wait_for()
    assert not is_playing(page)


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


def test_keys_change_the_speed_and_lead_through_the_rows(page, panel):
    rows = panel.get_by_label("Text of this row")
    times = page.evaluate(f"{PLAYER}.sheet.times")
    rows.nth(1).focus()
    page.keyboard.press("Control+Shift+Period")
    page.keyboard.press("Control+Shift+Period")
    expect(panel.locator(".speed")).to_have_value("1.5")
    for _ in range(5):
        page.keyboard.press("Control+Shift+Comma")
    assert panel.locator(".transcript audio").evaluate("sound => sound.playbackRate") == 0.5
    page.keyboard.press("Alt+ArrowDown")
    expect(rows.nth(2)).to_be_focused()
    assert page.evaluate(f"{PLAYER}.now") == pytest.approx(times[2][0], abs=0.01)
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")  # there is no row above the first
    expect(rows.first).to_be_focused()
    page.evaluate(f"{PLAYER}.seek({times[4][0]} + 0.1)")
    page.keyboard.press("Alt+j")
    expect(rows.nth(4)).to_be_focused()


def test_the_timeline_shows_who_speaks_when(page, panel):
    """Each turn's part of the canvas has the colour of its speaker."""
    columns = slider(panel).evaluate(COLOURS_IN)
    total, times = page.evaluate(f"[{PLAYER}.total, {PLAYER}.sheet.times]")
    for (start, end), speaker in zip(times, speakers(panel), strict=True):
        first, last = (round(share / total * len(columns)) for share in (start, end))
        seen = {colour for column in columns[first + 3 : last - 3] for colour in column}
        assert seen == {SPEAKER_COLOURS[int(speaker[-1]) - 1]}


def test_only_one_sound_plays_at_a_time(page, panel):
    """Gradio's waveform of a microphone recording plays such an element, which is not in the document."""
    play = panel.locator(".transcript").get_by_role("button", name="Play", exact=True)
    play.click()
    assert is_playing(page)
    page.evaluate(f"(window.other = new Audio({PLAYER}.audio.src)).play()")
    page.wait_for_function(f"!{PLAYER}.isPlaying")
    play.click()
    page.wait_for_function("other.paused")
    assert is_playing(page)


def test_what_sounds_is_paused_when_its_player_is_hidden(page, panel):
    page.evaluate(f"window.other = new Audio({PLAYER}.audio.src)")
    start_again(panel)
    page.evaluate("other.play()")
    run_to_the_end(panel, "diarize")
    assert page.evaluate("other.paused")


def test_a_tab_that_is_left_is_paused(page, panel):
    panel.locator(".transcript").get_by_role("button", name="Play", exact=True).click()
    page.evaluate(f"window.left = {PLAYER}")
    assert page.evaluate("left.isPlaying")
    open_tab(page, "pt")
    page.wait_for_function("!left.isPlaying")


def test_the_text_follows_until_somebody_scrolls_and_leads_back(page, panel):
    rows = panel.get_by_role("region", name="Transcript")
    back = panel.get_by_role("button", name="Back to playback position")
    top = "rows => rows.scrollTop"
    slider(panel).press("End")
    followed = rows.evaluate(top)
    assert followed > 0
    expect(back).to_be_hidden()
    rows.hover()
    page.mouse.wheel(0, -2000)
    back.wait_for()
    page.evaluate(f"(view => view.following.follow(view.following.line, false))(({VIEW_OF})())")  # as while it plays
    assert rows.evaluate(top) == 0
    back.click()
    assert rows.evaluate(top) == pytest.approx(followed, abs=1)
    expect(back).to_be_hidden()


def test_the_text_stays_under_the_cursor(page, panel):
    rows = panel.get_by_role("region", name="Transcript")
    panel.get_by_label("Text of this row").first.focus()
    before = rows.evaluate("rows => rows.scrollTop")
    page.evaluate(f"{PLAYER}.play({PLAYER}.total - 1)")
    panel.get_by_role("button", name="Back to playback position").wait_for()
    assert rows.evaluate("rows => rows.scrollTop") == before
    panel.get_by_role("button", name="Back to playback position").click()
    assert rows.evaluate("rows => rows.scrollTop") > before


def test_after_a_second_run_it_still_plays(page, panel):
    run_to_the_end(panel, "diarize")
    panel.locator(".turn .time").nth(1).click()
    page.wait_for_function(f"{PLAYER}.now > {PLAYER}.sheet.times[1][0] + 0.1")
    assert is_playing(page)


def test_the_bar_stays_in_sight_when_the_page_is_scrolled(page, panel):
    page.set_viewport_size({"width": 1280, "height": 500})
    page.mouse.move(300, 300)
    page.mouse.wheel(0, 450)
    page.wait_for_function("scrollY > 100")
    assert panel.locator(".player").bounding_box()["y"] == pytest.approx(0, abs=1)
    page.evaluate("scrollTo(0, 0)")
    page.set_viewport_size({"width": 1280, "height": 700})


def test_on_a_phone_the_bar_is_at_the_bottom_and_fingers_hit_its_buttons(page, panel):
    page.set_viewport_size({"width": 390, "height": 844})
    box = panel.locator(".player").bounding_box()
    assert box["y"] + box["height"] == pytest.approx(844, abs=1)
    assert [box["x"], box["width"]] == [0, 390]
    targets = [*panel.locator(".player button").all(), panel.locator(".speed"), slider(panel)]
    for target in targets:
        place = target.bounding_box()
        assert min(place["width"], place["height"]) >= 40
        assert place["x"] >= 0 and place["x"] + place["width"] <= 390
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    end = page.locator("footer").bounding_box()
    assert end["y"] + end["height"] <= panel.locator(".player").bounding_box()["y"]
    page.evaluate("scrollTo(0, 0)")
    page.set_viewport_size({"width": 1280, "height": 700})


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


@pytest.fixture
def shown(page):
    """Return a function that shows a sheet in a second view; its sound can't be played."""

    def show(transcript: Transcript, **more):
        page.evaluate(
            """value => {
                const place = document.body.appendChild(document.createElement('div'));
                place.id = 'tried';
                place.className = 'transcript gradio-container';
                speechPage.mountView(place, { value }, {}, () => {});
            }""",
            {"sheets": [to_view(transcript, "a.wav") | more], "running": False},
        )
        return page.locator("#tried")

    yield show
    page.evaluate("document.getElementById('tried').remove(); speechPage.views.pop()")


def test_a_partial_timeline_is_as_long_as_the_recording(page, shown):
    place = shown(PARTIAL, length=120.0)
    expect(place.locator(".clock")).to_have_text("0:00 / 2:00")
    columns = slider(place).evaluate(COLOURS_IN)
    quarter = len(columns) // 4
    coloured = [number for number, seen in enumerate(columns) if set(seen) & set(SPEAKER_COLOURS)]
    assert quarter - 5 < coloured[-1] < quarter + 5


def test_a_sound_that_cannot_be_played_is_said_and_its_timeline_still_leads_to_the_text(page, shown):
    place = shown(replace(PARTIAL, warnings=()))
    expect(place.locator(".player").get_by_role("status")).to_contain_text("can't be played")
    expect(place.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    expect(place.locator(".turn[aria-current]")).to_have_count(0)
    box = slider(place).bounding_box()
    slider(place).click(position={"x": box["width"] / 2, "y": 5})
    assert place.locator(".turn[aria-current] .words").inner_text() == "もしもし。"
    expect(place.locator(".clock")).to_have_text("0:15 / 0:30")
