"""Steps of a visitor in a browser: open the page, open a tab, upload, run, and read the result."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.server import PATIENCE_SECONDS

TABS = {
    "diarize": "Call",
    "en2ja": "Translate",
    "ja2en": "Translate",
    "pt": "Portuguese",
    "transcribe": "Any language",
}
HINTS = {
    "diarize": "Japanese phone call",
    "en2ja": "as text in the other",
    "ja2en": "as text in the other",
    "pt": "Portuguese speech",
    "transcribe": "30 languages",
}
RUN = {
    "diarize": "Transcribe",
    "en2ja": "Translate",
    "ja2en": "Translate",
    "pt": "Transcribe",
    "transcribe": "Transcribe",
}

expect.set_options(timeout=1000 * PATIENCE_SECONDS)


@contextlib.contextmanager
def visit(browser: Browser, address: str, **options) -> Iterator[Page]:
    """Open the page in a new browser context with these options. Fails if one of its scripts raises an error."""
    errors = []
    with contextlib.closing(browser.new_context(**options)) as context:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.get_by_role("tab").first.wait_for()
        try:
            yield page
        except Exception as error:
            # A script's error, or a sentence on the page, is often the reason why something else never came.
            print(page.locator("body").inner_text())
            assert errors == [], str(error)
            raise
    assert errors == []


def shown_panel(page: Page) -> Locator:
    """The panel of the open tab."""
    return page.locator("[role=tabpanel]:visible")


def open_tab(page: Page, direction: str) -> Locator:
    """Open the tab of a direction, choose the direction, and return the panel."""
    page.get_by_role("tab", name=TABS[direction], exact=True).click()
    panel = shown_panel(page)
    expect(panel).to_contain_text(HINTS[direction])  # the earlier tab has disappeared
    if direction == "ja2en":
        panel.get_by_label("日本語 → English").check()
    return panel


def upload(panel: Locator, path) -> None:
    """Upload one recording."""
    panel.locator("input[type=file]").first.set_input_files(path)
    panel.locator("[data-testid*=waveform]").first.wait_for()


def upload_several(panel: Locator, paths: list, label: str = "Files") -> None:
    """Upload several recordings at once."""
    panel.get_by_role("button", name=re.compile(rf"^{label} *▼?$")).click()
    panel.locator("input[type=file]").last.set_input_files(paths)
    expect(panel.get_by_role("link").filter(has_text="⇣")).to_have_count(len(paths))


def run_button(panel: Locator, direction: str) -> Locator:
    """The button that starts a job; it is visible while no job runs."""
    return panel.get_by_role("button", name=RUN[direction], exact=True)


def choose_option(panel: Locator, label: str) -> None:
    """Check an option."""
    panel.get_by_role("button", name="Options").click()
    panel.get_by_label(label).check()


def words(panel: Locator) -> list[str]:
    """Wait for rows, and return the text of each."""
    panel.locator(".turn").first.wait_for()
    return panel.locator(".turn:not([hidden]) .words").all_inner_texts()


def speakers(panel: Locator) -> list[str]:
    """The speaker of each row."""
    return panel.locator(".turn:not([hidden]) .speaker").all_inner_texts()


def transcribed(page: Page, direction: str, path) -> Locator:
    """Transcribe a recording, and return the panel that shows the transcript."""
    panel = open_tab(page, direction)
    upload(panel, path)
    run_to_the_end(panel, direction)
    return panel


def run_to_the_end(panel: Locator, direction: str) -> None:
    """Press the button, and wait until the job is done."""
    run_button(panel, direction).click()
    panel.locator(".turn").first.wait_for()
    run_button(panel, direction).wait_for()


def saved(page: Page, panel: Locator, suffix: str) -> tuple[str, str]:
    """Save a format; returns the file's name and text."""
    with page.expect_download() as caught:
        panel.get_by_role("button", name=f"Save {suffix.upper()}").click()
    return caught.value.suggested_filename, caught.value.path().read_text(encoding="utf-8")
