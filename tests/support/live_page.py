"""Steps of a visitor in the Live tab, and what the tests look at there."""

from __future__ import annotations

import re
import shutil

from playwright.sync_api import Browser, Locator, Page

from kikitori.page.live import SOUND
from tests.support.browser import shown_panel
from tests.support.recordings import RECORDINGS, recordings_in

ADDRESS = re.compile(re.escape(SOUND))
"""Of the WebSocket that the page connects to."""
SPOKEN = recordings_in(RECORDINGS, "pt")[:3]
"""What the microphone of `speaking` hears, a second of silence after each."""
KEEP_STREAM = """() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async wanted => (window.stream = await ask(wanted));
}"""
KEPT_IS = """async wanted => {
    const answer = request => new Promise(done => (request.onsuccess = () => done(request.result)));
    const database = await answer(indexedDB.open("kikitori-live", 1));
    const kept = await answer(database.transaction("recordings").objectStore("recordings").count());
    database.close();
    return kept === wanted;
}"""
"""JavaScript that says whether the browser keeps this number of recordings without a transcript."""


CHANGE_KEPT = """async change => {
    const answer = request => new Promise(done => (request.onsuccess = () => done(request.result)));
    const database = await answer(indexedDB.open("kikitori-live", 1));
    const recordings = database.transaction("recordings", "readwrite").objectStore("recordings");
    const recording = { id: "other", direction: "pt", language: "", begun: 1764230400000, samples: 16000 };
    await answer(change === "put" ? recordings.put(recording) : recordings.delete(recording.id));
    database.close();
}"""
"""JavaScript that puts a recording into those without a transcript, or deletes it, as another page would."""


def launch(browser: Browser, *microphone: str) -> Browser:
    """A second Chromium with another microphone."""
    arguments = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", *microphone]
    return browser.browser_type.launch(executable_path=shutil.which("chromium"), args=arguments)


def start(page: Page, direction: str = "pt") -> Locator:
    """Open the Live tab, choose a direction, and start."""
    page.get_by_role("tab", name="Live", exact=True).click()
    panel = shown_panel(page)
    panel.get_by_label("Direction").select_option(direction)
    panel.get_by_role("button", name="Start").click()
    return panel


def lines(panel: Locator) -> Locator:
    return panel.get_by_role("log").locator("p")


def status(panel: Locator) -> Locator:
    return panel.get_by_role("status")
