"""The texts that were read aloud, their scores, and the tab that a reload opens again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_tab, run_button, shown_panel, upload, visit, wait_for_end, words
from tests.support.recordings import RECORDINGS, recordings_in

pytestmark = pytest.mark.slow
SAVE_ALL = "() => Promise.all(speechPage.views.map(view => view.keeper.saveNow()))"


def test_each_recording_has_its_own_reference_and_score(browser, server):
    first, second = recordings_in(RECORDINGS, "pt")[:2]
    project = f"{first.path.name} + 1 more"
    with visit(browser, server) as page:
        panel = open_tab(page, "pt")
        reference, score = panel.get_by_label("Reference text"), panel.locator(".score")
        name = panel.locator(".score-card .recording")
        upload(panel, first.path, second.path)
        reference.fill(first.reference)
        run_button(panel, "pt").click()
        wait_for_end(panel)
        expect(score).to_have_text("100% correct")
        expect(name).to_have_text(first.path.name)

        panel.get_by_role("button", name=second.path.name).click()
        expect(reference).to_have_value("")
        expect(score).to_be_hidden()
        reference.fill(second.reference)
        panel.get_by_role("button", name="Compare with the reference").click()
        expect(score).to_have_text("100% correct")
        panel.get_by_role("button", name=first.path.name).click()
        expect(reference).to_have_value(first.reference)
        expect(name).to_have_text(first.path.name)
        panel.get_by_role("button", name=second.path.name).click()
        expect(name).to_have_text(second.path.name)

        changed = panel.get_by_text("The text has changed since this comparison.")
        assert not changed.is_visible()
        panel.locator(".words").press("x")
        expect(changed).to_be_visible()
        panel.get_by_role("button", name="Compare again").click()
        expect(changed).to_be_hidden()
        expect(score).not_to_have_text("100% correct")

        page.evaluate(SAVE_ALL)
        page.reload()
        panel = shown_panel(page)  # the tab that was in use
        assert words(panel) == [f"x{second.reference}"]
        expect(reference).to_have_value(second.reference)
        expect(name).to_have_text(second.path.name)

        panel.get_by_role("button", name="New transcript").click()
        expect(reference).to_have_value("")
        expect(score).to_be_hidden()
        reference.fill("Olá.")
        page.reload()
        expect(reference).to_have_value("Olá.")
        panel.locator(".projects .open", has_text=project).click()
        expect(reference).to_have_value(second.reference)
        panel.get_by_role("button", name="New transcript").click()
        expect(reference).to_have_value("Olá.")  # it is the next job's
        assert panel.locator(".elsewhere").is_hidden()
        panel = open_tab(page, "diarize")
        panel.get_by_role("button", name="1 more under Portuguese").click()
        expect(shown_panel(page).locator(".projects .open")).to_have_text(project)
