"""The captions of the Live tab stay on the screen with the button and what hinders, unless the reader scrolls away."""

from __future__ import annotations

import io
import json

from PIL import Image
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.support.browser import visit
from tests.support.live_page import ADDRESS, KEEP_STREAM, lines, start, status

SENTENCE = "Quero marcar a consulta para quinta, e depois preciso de ir ao mercado com a minha irmã."
TEXT = "conversation.item.input_audio_transcription"
PHONE, PHONE_ON_ITS_SIDE, LAPTOP = (
    {"width": width, "height": height} for width, height in ((390, 844), (844, 390), (1280, 800))
)


class Speaker:
    """Replaces the server, which would need minutes of sound for so many lines.

    is_ready: whether the model is loaded at once.
    """

    def __init__(self, page: Page, is_ready: bool = True):
        self._count = 0
        self._is_ready = is_ready
        page.route_web_socket(ADDRESS, self._connect)

    def _connect(self, client: WebSocketRoute) -> None:
        self._client = client
        client.on_message(lambda _: None)
        self._send(type="session.created", session={"max_seconds": 3600})
        if self._is_ready:
            self.get_ready()

    def get_ready(self) -> None:
        """Say that the model is loaded."""
        self._send(type="kikitori.ready")

    def _send(self, **event: object) -> None:
        self._client.send(json.dumps(event))

    def say(self, count: int) -> None:
        """Write so many lines."""
        for _ in range(count):
            self._count += 1
            item = str(self._count)
            self._send(type="input_audio_buffer.speech_started", item_id=item, audio_start_ms=0)
            text = f"{item}. {SENTENCE}"
            self._send(type=f"{TEXT}.completed", item_id=item, transcript=text, turns=[])


def listen(page: Page) -> tuple[Speaker, Locator]:
    speaker = Speaker(page)
    page.evaluate(KEEP_STREAM)
    panel = start(page)
    expect(panel.locator(".live-time")).to_contain_text(" of ")  # the session has begun
    return speaker, panel


def assert_seen(page: Page, *elements: Locator) -> None:
    """Assert that all of each is inside the window, and in the text's box if it is in that."""
    for element in elements:
        box = element.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= page.viewport_size["height"] + 1, (element, box)


def last(panel: Locator, number: int) -> Locator:
    """The line of this number, once it is the last one."""
    expect(lines(panel).last).to_contain_text(f"{number}. ")
    return lines(panel).last


def test_the_newest_line_the_button_and_what_hinders_are_on_the_screen(browser, server):
    with visit(browser, server, viewport=PHONE) as page:
        speaker, panel = listen(page)
        fixed = panel.get_by_role("button", name="Stop"), status(panel)
        for number in range(1, 13):
            speaker.say(1)
            assert_seen(page, last(panel, number), *fixed)
        page.evaluate("stream.getTracks()[0].dispatchEvent(new Event('ended'))")
        expect(status(panel)).to_contain_text("The microphone is gone")
        assert_seen(page, last(panel, 12), *fixed)
        for screen in (PHONE, PHONE_ON_ITS_SIDE, LAPTOP):
            page.set_viewport_size(screen)
            for _ in ("larger", "as before"):
                panel.get_by_role("button", name="Larger captions").click()
                number += 1
                speaker.say(1)
                assert_seen(page, last(panel, number), *fixed)


def test_nothing_moves_when_the_model_is_loaded(browser, server):
    with visit(browser, server, viewport=LAPTOP) as page:
        speaker = Speaker(page, is_ready=False)
        panel = start(page)
        box = panel.get_by_role("log")
        expect(box).to_have_text("Loading the model …")
        place = box.bounding_box()
        speaker.get_ready()
        expect(box).to_contain_text("What is said appears here")
        assert box.bounding_box() == place


def test_a_reader_who_has_scrolled_up_is_left_alone_until_the_end(browser, server):
    with visit(browser, server, viewport=PHONE) as page:
        speaker, panel = listen(page)
        speaker.say(20)
        last(panel, 20)
        box = panel.get_by_role("log")
        box.hover()
        page.mouse.wheel(0, -400)
        page.wait_for_function(
            "box => box.scrollHeight - box.scrollTop - box.clientHeight >= 400", arg=box.element_handle()
        )
        first = lines(panel).first.bounding_box()
        speaker.say(3)
        last(panel, 23)
        assert lines(panel).first.bounding_box() == first
        page.mouse.wheel(0, 5000)
        page.wait_for_function(
            "box => box.scrollHeight - box.scrollTop - box.clientHeight < 1", arg=box.element_handle()
        )
        speaker.say(3)
        assert_seen(page, last(panel, 26))
        page.mouse.move(5, 5)
        page.evaluate("scrollTo(0, 0)")
        before = page.evaluate("scrollY")
        speaker.say(3)
        last(panel, 29)
        assert page.evaluate("scrollY") == before


def contrast_at_top(page: Page, box: Locator) -> int:
    """How far the colours in the first pixels inside the box's upper edge lie apart, 0 to 255."""
    place = box.bounding_box()
    edge = {"x": place["x"] + 16, "y": place["y"] + 2, "width": place["width"] - 40, "height": 3}
    with Image.open(io.BytesIO(page.screenshot(clip=edge))) as image:
        return max(high - low for low, high in image.convert("RGB").getextrema())


def test_large_captions_fade_out_at_the_top_instead_of_being_cut(browser, server):
    with visit(browser, server, viewport=LAPTOP) as page:
        speaker, panel = listen(page)
        panel.get_by_role("button", name="Larger captions").click()
        speaker.say(12)
        last(panel, 12)
        box = panel.get_by_role("log")
        line = lines(panel).first.evaluate("element => parseFloat(getComputedStyle(element).lineHeight)")
        for part in range(4):  # in one of these places a line is at the edge
            box.evaluate("(element, distance) => (element.scrollTop = distance)", 3 * line + part * line / 4)
            assert contrast_at_top(page, box) < 20
