"""A page with a transcribed call, for the modules that have no page of their own."""

from __future__ import annotations

import pytest

from tests.support.browser import open_tab, transcribed, visit
from tests.support.player import PLAYER
from tests.support.recordings import example


@pytest.fixture(scope="module")
def opened(browser, server):
    with visit(browser, server, viewport={"width": 1280, "height": 700}) as page:
        yield page, transcribed(page, "diarize", example("call_appointment").path)


@pytest.fixture
def page(opened):
    """The page. Its call is paused at its start, and all of it is in sight."""
    page, _ = opened
    open_tab(page, "diarize")
    page.evaluate(f"{PLAYER}.pause(); {PLAYER}.seek(0); {PLAYER}.setSpeed(1); {PLAYER}.timeline.zoom(0)")
    page.evaluate("window.sought = 0")
    return page


@pytest.fixture
def panel(opened, page):
    return opened[1]
