"""The text that was read aloud, its score, and the tab that a reload opens again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_tab, run_button, shown_panel, upload, visit, wait_for_end, words
from tests.support.recordings import RECORDINGS, recordings_in

pytestmark = pytest.mark.slow


def test_a_reference_belongs_to_its_project_and_its_score_to_what_is_shown(browser, server):
    first, second = recordings_in(RECORDINGS, "pt")[:2]
    name = f"{first.path.name} + 1 more"
    with visit(browser, server) as page:
        panel = open_tab(page, "pt")
        upload(panel, first.path, second.path)
        reference, score = panel.get_by_label("Reference text"), panel.locator(".score")
        reference.fill(first.reference)
        run_button(panel, "pt").click()
        wait_for_end(panel)
        expect(score).to_have_text("100% correct")
        assert panel.locator(".score-card .recording").inner_text() == first.path.name
        panel.get_by_role("button", name=second.path.name).click()
        expect(panel.locator(".score-card .recording")).to_have_text(second.path.name)
        expect(score).not_to_have_text("100% correct")
        changed = panel.get_by_text("The text has changed since this comparison.")
        assert not changed.is_visible()
        panel.locator(".words").press("x")
        expect(changed).to_be_visible()
        panel.get_by_role("button", name="Compare again").click()
        expect(changed).to_be_hidden()
        page.evaluate("() => Promise.all(speechPage.views.map(view => view.keeper.saveNow()))")
        page.reload()
        panel = shown_panel(page)
        assert words(panel) == [f"x{second.reference}"]
        expect(reference).to_have_value(first.reference)
        expect(panel.locator(".score-card .recording")).to_have_text(second.path.name)
        panel.get_by_role("button", name="New transcript").click()
        expect(panel.locator(".projects .open")).to_have_text(name)
        panel.locator(".projects .open").click()
        expect(panel.locator(".score-card")).to_be_hidden()
        panel.get_by_role("button", name="Compare with the reference").click()  # its result is that of before
        expect(panel.locator(".score-card .recording")).to_have_text(second.path.name)
        panel.get_by_role("button", name="New transcript").click()
        assert panel.locator(".elsewhere").is_hidden()
        panel = open_tab(page, "diarize")
        panel.get_by_role("button", name="1 more under Portuguese").click()
        expect(shown_panel(page).locator(".projects .open")).to_have_text(name)
        reference.fill("Olá.")
        page.reload()
        expect(reference).to_have_value("Olá.")
