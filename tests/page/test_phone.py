"""What a phone's narrow screen shows."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import VIEW_OF, open_tab

LEAST_GAP = 12  # pixels between two labels, so that they do not read as one sentence
GAPS = """() => {
    const labels = [...document.querySelectorAll('[role=tab]')].filter(tab => tab.checkVisibility()).map(tab => {
        const range = document.createRange();
        range.selectNodeContents(tab);
        return range.getBoundingClientRect();
    });
    return labels.slice(1).map((label, number) => label.left - labels[number].right);
}"""
LINES = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getClientRects().length;
}"""


@pytest.fixture
def phone(page):
    before = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    yield page
    page.set_viewport_size(before)


def test_tabs_are_apart(phone):
    gaps = phone.evaluate(GAPS)
    assert len(gaps) == 4 and min(gaps) >= LEAST_GAP, gaps


def test_the_times_of_the_player_are_one_line(phone, panel):
    assert panel.locator(".clock").evaluate(LINES) == 1


def test_a_transcript_without_rows_has_no_frame(phone):
    panel = open_tab(phone, "pt")
    view = phone.evaluate_handle(VIEW_OF)
    phone.evaluate("view => { view.props.value = { sheets: [], running: true }; view.show(); }", view)
    expect(panel).to_have_attribute("data-state", "transcript")
    expect(panel.locator(".block.transcript")).to_have_css("border-top-width", "0px")
    phone.evaluate("view => { view.props.value = { running: false }; view.show(); }", view)
