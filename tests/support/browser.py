"""A visitor of the page in a browser: opens it, turns to a tab, uploads, runs, and reads what is shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.server import PATIENCE_SECONDS

TABS = {
    "diarize": "Diarized Japanese",
    "en2ja": "English ↔ Japanese",
    "ja2en": "English ↔ Japanese",
    "pt": "Portuguese",
}
HINTS = {"diarize": "phone call", "en2ja": "in the other", "ja2en": "in the other", "pt": "Portuguese speech"}
RUN = {"diarize": "Transcribe", "en2ja": "Translate", "ja2en": "Translate", "pt": "Transcribe"}

expect.set_options(timeout=1000 * PATIENCE_SECONDS)


@contextlib.contextmanager
def visit(browser: Browser, address: str, **options) -> Iterator[Page]:
    """The page in a context of its own, of these options; none of its scripts may raise anything."""
    errors = []
    with contextlib.closing(browser.new_context(**options)) as context:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.get_by_role("tab").first.wait_for()
        yield page
    assert errors == []


def shown_panel(page: Page) -> Locator:
    """The panel of the tab in front."""
    return page.locator("[role=tabpanel]:visible")


def open_tab(page: Page, direction: str) -> Locator:
    """The panel of a direction's tab, with that direction chosen."""
    page.get_by_role("tab", name=TABS[direction]).click()
    panel = shown_panel(page)
    expect(panel).to_contain_text(HINTS[direction])  # the tab before it is gone
    if direction == "ja2en":
        panel.get_by_label("日本語 → English").check()
    return panel


def upload(panel: Locator, path) -> None:
    """A recording, as the page's only one."""
    panel.locator("input[type=file]").first.set_input_files(path)
    panel.locator("[data-testid*=waveform]").first.wait_for()


def upload_several(panel: Locator, paths: list, label: str = "Several files") -> None:
    """Recordings at once, in the place for them."""
    panel.get_by_role("button", name=label).click()
    panel.locator("input[type=file]").last.set_input_files(paths)
    expect(panel.get_by_role("link").filter(has_text="⇣")).to_have_count(len(paths))


def run_button(panel: Locator, direction: str) -> Locator:
    """The button that starts the work; it is there while none is done."""
    return panel.get_by_role("button", name=RUN[direction], exact=True)


def choose_option(panel: Locator, label: str) -> None:
    """Check one of the options."""
    panel.get_by_role("button", name="Options").click()
    panel.get_by_label(label).check()


def words(panel: Locator) -> list[str]:
    """The text of each row, when there are rows."""
    panel.locator(".turn").first.wait_for()
    return panel.locator(".turn:not([hidden]) .words").all_inner_texts()


def speakers(panel: Locator) -> list[str]:
    """The speaker of each row."""
    return panel.locator(".turn:not([hidden]) .speaker").all_inner_texts()


def transcribed(page: Page, direction: str, path) -> Locator:
    """The panel of a direction with the whole transcript of a recording in it."""
    panel = open_tab(page, direction)
    upload(panel, path)
    run_to_the_end(panel, direction)
    return panel


def run_to_the_end(panel: Locator, direction: str) -> None:
    """Press the button, and wait until the work is done."""
    run_button(panel, direction).click()
    panel.locator(".turn").first.wait_for()
    run_button(panel, direction).wait_for()


def saved(page: Page, panel: Locator, suffix: str) -> tuple[str, str]:
    """What the Save button of a format gives: name and text."""
    with page.expect_download() as caught:
        panel.get_by_role("button", name=f"Save {suffix.upper()}").click()
    return caught.value.suggested_filename, caught.value.path().read_text(encoding="utf-8")
