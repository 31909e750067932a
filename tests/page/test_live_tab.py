"""The Live tab in headless Chromium, whose microphone plays real recordings."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.testclient import TestClient
from websockets.sync.client import connect

from benchmarks.served import served
from kikitori.api.live_visitors import MAX_LIVE, LiveVisitors
from kikitori.engines.vllm.addresses import on_engine
from kikitori.page.live import PATH, SOUND, live_routes
from kikitori.tasks import choose_checkpoints
from tests.support.browser import shown_panel, visit, wait_for_end, words
from tests.support.cut_proxy import network
from tests.support.live_page import KEEP_STREAM, KEPT_IS, SPOKEN, launch, lines, start, status
from tests.support.recordings import microphone_recording

TINY = choose_checkpoints(["tiny"])
SET_MUTED = """isMuted => {
    const [track] = stream.getTracks();
    Object.defineProperty(track, "muted", { configurable: true, value: isMuted });
    track.dispatchEvent(new Event(isMuted ? "mute" : "unmute"));
}"""
FAIL = """name => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", name));
}"""


@pytest.fixture
def deaf(browser):
    """Chromium that gives no page its microphone."""
    with contextlib.closing(launch(browser, "--use-fake-ui-for-media-stream=deny")) as made:
        yield made


def test_words_appear_and_stop_opens_the_transcript_in_its_tab(browser, server):
    text = microphone_recording().text
    with visit(browser, server) as page:
        page.evaluate(KEEP_STREAM)
        panel = start(page)
        expect(panel.locator(".live-time")).to_have_text(re.compile("0:0. of 1:00:00"))
        expect(lines(panel)).to_have_text([text])
        expect(panel.locator(".live-tentative")).to_have_count(0)
        page.evaluate(SET_MUTED, True)
        expect(status(panel)).to_contain_text("The microphone is muted")
        page.evaluate(SET_MUTED, False)
        expect(status(panel)).not_to_contain_text("microphone")
        page.evaluate("stream.getTracks()[0].dispatchEvent(new Event('ended'))")
        expect(status(panel)).to_contain_text("The microphone is gone")
        panel.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("tab", name="Portuguese", selected=True)).to_be_visible()
        assert words(panel) == [text]
        wait_for_end(panel)
        expect(panel.locator(".title")).to_have_text(re.compile(r"live_.+\.wav"))
        page.get_by_role("tab", name="Live", exact=True).click()
        panel = shown_panel(page)
        expect(lines(panel)).to_have_text([text])
        expect(panel.get_by_role("button", name="Transcribe")).to_be_hidden()
        page.wait_for_function(KEPT_IS, arg=0)  # the transcript's project has its sound
        expect(panel).to_contain_text("Its transcript is in the tab “Portuguese”")
        panel.get_by_role("button", name="Open the transcript").click()
        expect(page.get_by_role("tab", name="Portuguese", selected=True)).to_be_visible()
        start(page)
        expect(panel.get_by_role("button", name="Open the transcript")).to_be_hidden()


def test_neither_a_lost_connection_nor_a_restarted_server_nor_a_reload_loses_a_word(speaking, server):
    texts = [one.text for one in SPOKEN]
    with network(server) as net, visit(speaking, net.address) as page:
        panel = start(page)
        expect(lines(panel).first).to_contain_text(texts[0][:8])
        net.cut()
        expect(status(panel)).to_contain_text("The connection is lost. The recording goes on")
        shown = lines(panel).first.inner_text()
        with served(program=("-m", "kikitori", "page")) as (_, restarted):
            net.mend(restarted)
            expect(lines(panel)).to_have_text(texts)
            assert shown.startswith(texts[0][:8])
            expect(status(panel)).not_to_contain_text("connection")
            page.reload()
            kept = panel.get_by_role("listitem")
            expect(kept).to_contain_text("Portuguese")
            kept.get_by_role("button", name="Transcribe").click()
            expect(page.get_by_role("tab", name="Portuguese", selected=True)).to_be_visible()
            assert " ".join(words(panel)).startswith(texts[0])
            wait_for_end(panel)
            page.get_by_role("tab", name="Live", exact=True).click()
            expect(kept).to_have_count(0)


def test_the_page_says_why_there_is_no_sound_and_no_text(deaf, server):
    with visit(deaf, server) as page, contextlib.ExitStack() as others:
        panel = start(page)
        expect(status(panel)).to_contain_text("Allow it in the browser's address bar")
        for name, sentence in (("NotFoundError", "No microphone was found"), ("NotReadableError", "can't be used")):
            page.evaluate(FAIL, name)
            start(page)
            expect(status(panel)).to_contain_text(sentence)
        place = urlsplit(server)
        for _ in range(MAX_LIVE):
            others.enter_context(connect(f"ws://{place.netloc}{SOUND}"))
        start(page)
        expect(status(panel)).to_contain_text(f"{MAX_LIVE} visitors have live text")


def reason(checkpoints=TINY, visitors: LiveVisitors | None = None) -> list[str]:
    """The codes with which the server says that it has no live text now."""
    app = Starlette(routes=live_routes(checkpoints, visitors or LiveVisitors()))
    return [error["code"] for error in TestClient(app).get(PATH).json().get("errors", [])]


def test_the_server_says_whether_it_has_live_text(monkeypatch):
    assert reason() == []
    assert reason(on_engine(TINY, "vllm", ["http://127.0.0.1:9"])) == ["live_remote"]
    assert reason(visitors=LiveVisitors(limit=0)) == ["live_full"]
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    assert reason() == ["live_borrowed"]
