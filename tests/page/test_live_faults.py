"""The Live tab when its text is late, ends or never comes, or when the browser can't keep the recording."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.support.browser import shown_panel, visit, wait_for_end, words
from tests.support.live_page import ADDRESS, CHANGE_KEPT, SPOKEN, lines, start, status
from tests.support.recordings import microphone_recording

UPLOAD = re.compile("/upload")
TEXTS = [one.text for one in SPOKEN]


class Server:
    """What comes from the server passes through here.

    is_slow: keep what comes after the beginning of the first words until `let_go`.
    """

    def __init__(self, page: Page, is_slow: bool = False):
        page.route_web_socket(ADDRESS, self._connect)
        self._is_slow, self._is_held = is_slow, False
        self._held: list[str] = []

    def _connect(self, client: WebSocketRoute) -> None:
        self._client = client
        client.connect_to_server().on_message(self._pass_on)

    def _pass_on(self, message: str) -> None:
        if self._is_held:
            self._held.append(message)
            return
        self._client.send(message)
        self._is_held = self._is_slow and json.loads(message)["type"] == "input_audio_buffer.speech_started"

    def let_go(self) -> None:
        """Pass on what was kept, and what comes from now on."""
        self._is_slow = self._is_held = False
        for message in self._held:
            self._client.send(message)

    def end(self) -> None:
        """End the session as the server does when its hour is over."""
        error = {"code": "live_ended", "message": "over", "type": "invalid_request_error"}
        self._client.send(json.dumps({"type": "error", "error": error}))
        self._client.close()


def allow_bytes(page: Page, server: str, number: int) -> None:
    """Limit what the browser may store for the page, in bytes."""
    page.context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", {"origin": server, "quotaSize": number})


def stop(page: Page, panel) -> list[str]:
    """Stop the recording, and return the texts of its transcript."""
    panel.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("tab", name="Portuguese", selected=True)).to_be_visible()
    found = words(panel)
    wait_for_end(panel)
    return found


def test_a_slow_server_is_told_and_nothing_is_lost(speaking, server):
    with visit(speaking, server) as page:
        slow = Server(page, is_slow=True)
        panel = start(page)
        expect(status(panel)).to_contain_text(re.compile(r"The server is busy: the text comes \d+ sec late"))
        slow.let_go()
        expect(lines(panel)).to_have_text(TEXTS)
        expect(status(panel)).not_to_contain_text("busy")


def test_the_recording_goes_on_after_the_last_live_text_and_without_room_to_keep_it(speaking, server):
    with visit(speaking, server) as page:
        live = Server(page)
        allow_bytes(page, server, 1)
        panel = start(page)
        expect(status(panel)).to_contain_text("its storage is full")
        expect(lines(panel).first).to_contain_text(TEXTS[0][:8])
        live.end()
        expect(status(panel)).to_contain_text("Live text ends after 1 hr. The recording goes on")
        expect(panel.locator(".live-time")).to_have_text(re.compile("0:1[2-9] of"))
        assert " ".join(stop(page, panel)).startswith(" ".join(TEXTS[:2]))  # the second was said after that end


def test_captions_whose_recording_was_not_sent_name_no_transcript(browser, server):
    text = microphone_recording().text
    with visit(browser, server) as page:
        panel = start(page)
        expect(lines(panel)).to_have_text([text])
        page.route(UPLOAD, lambda route: route.abort())
        panel.get_by_role("button", name="Stop").click()
        expect(status(panel)).to_contain_text("The recording could not be sent. It is kept in the list below")
        expect(lines(panel)).to_have_text([text])
        see = panel.get_by_role("button", name="Open the transcript")
        expect(see).to_be_hidden()
        page.unroute(UPLOAD)
        panel.get_by_role("listitem").get_by_role("button", name="Transcribe").click()
        expect(page.get_by_role("tab", name="Portuguese", selected=True)).to_be_visible()
        page.get_by_role("tab", name="Live", exact=True).click()
        expect(see).to_be_visible()


def test_a_recording_that_another_page_has_deleted_is_not_offered_any_longer(browser, server):
    with visit(browser, server) as page:
        page.get_by_role("tab", name="Live", exact=True).click()
        page.evaluate(CHANGE_KEPT, "put")
        page.reload()
        page.get_by_role("tab", name="Live", exact=True).click()
        panel = shown_panel(page)
        download = panel.get_by_role("listitem").get_by_role("button", name="Download")
        expect(download).to_be_visible()
        page.evaluate(CHANGE_KEPT, "delete")
        download.click()
        expect(status(panel)).to_contain_text("This recording is no longer in the list: another page of this browser")
        expect(download).to_have_count(0)


def test_where_websockets_are_blocked_stop_transcribes_the_recording(browser, server):
    with visit(browser, server) as page:
        page.route_web_socket(ADDRESS, lambda client: client.close())
        panel = start(page)
        expect(status(panel)).to_contain_text("a firewall or proxy may block the connection")
        expect(panel.locator(".live-time")).to_have_text("0:05")
        assert stop(page, panel) == [microphone_recording().text]
