"""The page for those who use a keyboard, a phone or a screen reader."""

from __future__ import annotations

import pytest
from playwright.sync_api import FileChooser, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.support.browser import (
    EXAMPLE_OF,
    JSON_OF,
    call_transcribed,
    last_seek,
    note_seeks,
    open_tab,
    rename,
    shown_panel,
    speakers,
    transcribed,
    visit,
    wait_for_end,
    words,
)
from tests.support.recordings import example, one_recording

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


NAME_OF_FOCUS = """() => {
    const { ariaLabel, labels, textContent } = document.activeElement;
    return (ariaLabel ?? labels?.[0]?.textContent ?? textContent).trim();
}"""


def tab_to(page, name: str) -> None:
    """Press Tab until the element with this name has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate(NAME_OF_FOCUS).startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def choose_with_enter(page, name: str) -> FileChooser:
    """Open a file chooser with Enter. A busy browser may take more than the 5 s for which a key allows it to."""
    for _ in range(3):
        tab_to(page, name)
        try:
            with page.expect_file_chooser(timeout=20_000) as chosen:
                page.keyboard.press("Enter")
            return chosen.value
        except PlaywrightTimeout:
            continue
    raise AssertionError(f"{name} does not open a file chooser")


def test_the_keyboard_alone_is_enough(page):
    """From a file to its text, to an example, and back to the first."""
    recording = one_recording("diarize")
    texts = [turn.text for turn in example("call_order").turns]
    page.wait_for_load_state("networkidle")  # what has the focus could otherwise be made anew before Enter
    panel = shown_panel(page)
    choose_with_enter(page, "Choose files").set_files(recording.path)
    expect(panel.locator(".block.files")).to_contain_text(recording.path.stem)
    tab_to(page, "Word timestamps")
    page.keyboard.press("Space")
    expect(panel.get_by_label("Word timestamps")).to_be_checked()
    assert panel.get_by_label("Word timestamps").evaluate("box => getComputedStyle(box).outlineStyle") == "solid"
    tab_to(page, "Transcribe")
    page.keyboard.press("Enter")
    said = [turn.text for turn in recording.turns]
    assert words(panel) == said
    wait_for_end(panel)
    tab_to(page, "New transcript")
    page.keyboard.press("Enter")
    tab_to(page, "Lunch order")
    page.keyboard.press("Enter")
    assert words(panel) == texts
    expect(panel.get_by_role("slider", name="Playback position")).to_be_visible()
    wait_for_end(panel)
    tab_to(page, "Text of this row")
    page.keyboard.press("Control+A")
    page.keyboard.type("OK")
    assert words(panel) == ["OK", *texts[1:]]
    note_seeks(panel)
    tab_to(page, "Play from")
    page.keyboard.press("Enter")
    assert last_seek(page) == pytest.approx(page.evaluate(JSON_OF, "times")[1][0], abs=0.05)
    tab_to(page, "New transcript")
    page.keyboard.press("Enter")
    tab_to(page, recording.path.name)
    page.keyboard.press("Enter")
    assert words(panel) == said


def test_on_a_phone_a_finished_call_is_read_from_its_start_and_long_names_fit(browser, server):
    with visit(browser, server, viewport={"width": 390, "height": 500}) as page:
        panel = call_transcribed(page)
        rows = panel.get_by_role("region", name="Transcript")
        wait_for_end(panel)
        assert rows.evaluate("rows => [rows.scrollTop, rows.scrollHeight > rows.clientHeight]") == [0, True]
        first = panel.locator(".turn").first
        assert first.evaluate("row => row.getBoundingClientRect().top + scrollY") < 320  # little is above it
        rename(panel, "Speaker 1", "x" * 300)
        assert set(speakers(panel)) == {"x" * 60, "Speaker 2"}
        texts = panel.locator(".turn .words").all()
        assert len({text.bounding_box()["x"] for text in texts}) == 1  # whoever speaks
        panel.get_by_role("button", name="Translate into English").click()
        expect(panel.locator(".recordings [aria-current]")).to_have_text("call_appointment.flac · English")
        wait_for_end(panel)
        edge = panel.locator(".block.transcript").bounding_box()
        for part in panel.locator(".recordings .open, .name, .turn .words").all():
            box = part.bounding_box()
            assert box["x"] + box["width"] <= edge["x"] + edge["width"] and box["width"] > 60


LAPTOP = {"width": 1280, "height": 900}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab_fits_and_has_no_serious_barrier(browser, server, theme):
    """Checked by axe-core: the start and a transcript on each tab, at the widths of a laptop and of a phone."""
    with visit(browser, f"{server}?__theme={theme}") as page:
        for direction, name in EXAMPLE_OF.items():
            page.set_viewport_size(LAPTOP)  # on a phone, Gradio puts the last tabs into a menu
            open_tab(page, direction)
            check_barriers(page, theme)
            page.set_viewport_size(LAPTOP)
            transcribed(page, direction, example(name).path)
            check_barriers(page, theme)
        page.set_viewport_size(LAPTOP)
        page.get_by_role("tab", name="Live", exact=True).click()
        check_barriers(page, theme)


def check_barriers(page, theme: str) -> None:
    """Of the dark theme only the colours are checked, because all else is that of the light one."""
    from axe_playwright_python.sync_playwright import Axe

    is_whole = theme == "light"
    options = {"resultTypes": ["violations"]} | ({} if is_whole else {"runOnly": ["color-contrast"]})
    for width in (1280, 390) if is_whole else (1280,):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        serious = [
            (found["id"], [node["html"] for node in found["nodes"]])
            for found in Axe().run(page, options=options).response["violations"]
            if found["impact"] in ("serious", "critical")
        ]
        assert serious == []
