"""The page on ZeroGPU, as far as a machine without a GPU can tell (tests/zero_gpu_page.py)."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pytest
import soundfile
from conftest import one_recording, start_server
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from inference import DIRECTIONS
from speech.audio import load_audio

ENDPOINTS = {"diarize": "/diarize", "pt": "/transcribe_portuguese", "en2ja": "/translate", "ja2en": "/translate"}
SHOWN_MS = 60_000
"""A limit for a broken page, not a measurement."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("zero_gpu")


@pytest.fixture(scope="module")
def server(folder):
    process, address = start_server(program=("tests/zero_gpu_page.py", str(folder)))
    yield address
    process.terminate()
    process.wait(timeout=120)


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "talk.flac"
    soundfile.write(path, np.tile(load_audio(one_recording("pt").path), 100), 16000)
    return path


def asked(folder, what: str) -> list[dict]:
    """What the service was asked for."""
    lines = (folder / "asked").read_text().splitlines()
    return [request for request in map(json.loads, lines) if request["what"] == what]


def answer(server: str, direction: str) -> dict:
    options = {"direction": direction} if DIRECTIONS[direction].translates else {}
    sound = handle_file(str(one_recording(direction).path))
    return Client(server, verbose=False).predict(audio=sound, api_name=ENDPOINTS[direction], **options)


def said(direction: str) -> str:
    return "".join(part.partition("|> ")[2] or part for part in one_recording(direction).reference.split(" <|"))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_worker_answers_and_no_more_is_asked_for_than_the_clip_needs(server, folder, direction):
    before = len(asked(folder, "/release"))
    assert answer(server, direction)["text"] == said(direction)
    seconds = len(load_audio(one_recording(direction).path)) / 16000
    lent = asked(folder, "/schedule")[before:]
    assert [int(one["durationSeconds"]) for one in lent] == [pytest.approx(15 + seconds / 2, abs=1)]
    assert [one["fail"] for one in asked(folder, "/release")[before:]] == ["false"]


def test_a_text_is_seen_while_a_worker_writes_it_and_stop_gives_the_gpu_back(server, folder, browser, long_recording):
    page = browser.new_page()
    page.set_default_timeout(SHOWN_MS)
    page.goto(server)
    page.get_by_role("tab", name="Portuguese").click()
    panel = page.locator("[role=tabpanel]:visible")
    panel.locator("input[type=file]").first.set_input_files(long_recording)
    panel.locator("[data-testid*=waveform]").first.wait_for()
    panel.get_by_role("button", name="Transcribe", exact=True).click()
    panel.locator(".draft p").first.wait_for()
    panel.get_by_role("button", name="Stop", exact=True).click()
    expect(panel.get_by_role("button", name="Transcribe", exact=True)).to_be_visible(timeout=SHOWN_MS)
    page.close()
    wait_for(lambda: len(asked(folder, "/schedule")) == len(asked(folder, "/release")))
    assert answer(server, "pt")["text"] == said("pt")


def test_a_worker_that_dies_is_told_in_a_sentence_and_the_next_one_answers(server, folder, long_recording):
    (folder / "worker").unlink(missing_ok=True)
    job = Client(server, verbose=False).submit(audio=handle_file(str(long_recording)), api_name=ENDPOINTS["pt"])
    wait_for((folder / "worker").exists)
    os.kill(int((folder / "worker").read_text()), signal.SIGKILL)
    with pytest.raises(AppError, match="GPU task aborted"):
        job.result()
    assert answer(server, "pt")["text"] == said("pt")


def wait_for(done) -> None:
    """A limit for what never comes, not a measurement."""
    for _ in range(600):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")
