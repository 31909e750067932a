"""A page with a transcribed call, for the modules that have no page of their own."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import soundfile

from kikitori.audio.files import load_audio
from tests.support.browser import VIEW_OF, open_tab, transcribed, visit
from tests.support.live_page import SPOKEN, launch
from tests.support.player import PLAYER
from tests.support.recordings import example


@pytest.fixture(scope="session")
def speaking(browser, tmp_path_factory):
    """Chromium whose microphone hears SPOKEN once for each page that listens."""
    talk = tmp_path_factory.mktemp("talk") / "talk.wav"
    pause = np.zeros(16000, np.float32)
    parts = [part for one in SPOKEN for part in (pause, load_audio(one.path))]
    soundfile.write(talk, np.concatenate([*parts, pause]), 16000, subtype="PCM_16")
    capture = f"--use-file-for-fake-audio-capture={talk}%noloop"
    with contextlib.closing(launch(browser, "--use-fake-ui-for-media-stream", capture)) as made:
        yield made


@pytest.fixture(scope="module")
def opened(browser, server):
    with visit(browser, server, viewport={"width": 1280, "height": 700}) as page:
        yield page, transcribed(page, "diarize", example("call_appointment").path)


@pytest.fixture
def page(opened):
    """The page. Its call is as it was transcribed, paused at its start, and all of it is in sight."""
    page, _ = opened
    open_tab(page, "diarize")
    page.evaluate("view => { while (view.history.canUndo) view.undo(); }", page.evaluate_handle(VIEW_OF))
    page.evaluate(f"{PLAYER}.pause(); {PLAYER}.seek(0); {PLAYER}.setSpeed(1); {PLAYER}.timeline.zoom(0)")
    page.evaluate("window.sought = 0")
    return page


@pytest.fixture
def panel(opened, page):
    return opened[1]


@pytest.fixture
def shown(page):
    """Return a function that shows recordings in a second view; their sound can't be played."""

    def show(*sheets: dict):
        page.evaluate(
            """value => {
                const place = document.body.appendChild(document.createElement('div'));
                place.id = 'tried';
                place.className = 'transcript gradio-container';
                speechPage.mountView(place, { value }, {}, () => {}, 'any');
            }""",
            {"sheets": sheets, "running": False},
        )
        return page.locator("#tried")

    yield show
    page.evaluate("document.getElementById('tried').remove(); speechPage.views.pop()")
