"""The page's player, and the text that follows it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import VIEW_OF, call_transcribed, last_seek, note_seeks, open_tab, run_to_the_end, upload
from tests.support.player import PLAYER, is_playing, slider
from tests.support.recordings import example

pytestmark = pytest.mark.slow


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
    page.evaluate(f"{PLAYER}.pause()")
    page.evaluate(f"{PLAYER}.play(); other.play()")  # the event that the first one plays comes after the second plays
    page.wait_for_function(f"!{PLAYER}.isPlaying && !other.paused && other.currentTime > 0.1")
    page.evaluate("other.pause()")


def test_what_sounds_is_paused_when_its_player_is_hidden(page, panel):
    page.evaluate(f"window.other = new Audio({PLAYER}.audio.src)")
    upload(panel, example("call_appointment").path)
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
    call_transcribed(page)
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


WITH_ALL_TOOLS = """view => {
    window.before = view.sheet;
    const turns = view.sheet.transcript.turns.map(turn => ({ ...turn, source: "Yes.", low_confidence: [[0, 2]] }));
    view.put({ ...view.sheet, transcript: { ...view.sheet.transcript, turns } });
}"""


def test_on_a_phone_the_tools_take_two_rows_and_keep_their_names(page, panel):
    page.evaluate(f"({WITH_ALL_TOOLS})(({VIEW_OF})())")
    assert "Find" in panel.locator(".tools .buttons").inner_text()
    page.set_viewport_size({"width": 390, "height": 844})
    tools = panel.locator(".tools .buttons")
    names = [
        "New transcript",
        "Undo",
        "Redo",
        "Find",
        "Unsure words: 6",
        "Checked",
        "Subtitle limits",
        "Copy",
        "Download",
    ]
    places = [tools.get_by_role("button", name=name, exact=True).bounding_box() for name in names]
    places.append(tools.get_by_label("Languages shown").bounding_box())
    assert len({place["y"] for place in places}) == 2
    assert all(place["width"] >= 40 and place["height"] >= 44 for place in places)
    page.evaluate(f"({VIEW_OF})().put(before)")
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
    slider(panel).press("+")  # the bar that scrolls it comes
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    end = page.locator("footer").bounding_box()
    assert end["y"] + end["height"] <= panel.locator(".player").bounding_box()["y"]
    page.evaluate("scrollTo(0, 0)")
    page.set_viewport_size({"width": 1280, "height": 700})
