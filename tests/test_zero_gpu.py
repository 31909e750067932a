"""The page on ZeroGPU, as far as a machine without a GPU can tell (tests/zero_gpu_page.py)."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import soundfile
from conftest import one_recording, until
from gradio_client import Client
from gradio_client.exceptions import AppError
from visits import open_tab, run_button, upload, visit

from benchmarks.load import request
from benchmarks.served import served
from inference import DIRECTIONS
from speech.audio import load_audio


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("zero_gpu")


@pytest.fixture(scope="module")
def server(folder):
    with served(program=("tests/zero_gpu_page.py", str(folder))) as (_, address):
        yield address


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "talk.flac"
    soundfile.write(path, np.tile(load_audio(one_recording("pt").path), 100), 16000)
    return path


def asked(folder, what: str) -> list[dict]:
    """What the service was asked for."""
    lines = (folder / "asked").read_text().splitlines()
    return [request for request in map(json.loads, lines) if request["what"] == what]


def answers(server: str, direction: str = "pt") -> bool:
    """Whether a program is given the words of a recording."""
    recording = one_recording(direction)
    transcript = Client(server, verbose=False).predict(**request(direction, recording.path))
    return transcript["text"] == recording.text


IN_THE_MIDDLE_OF_A_SENTENCE = """() =>
    [...document.querySelectorAll(".draft p")].some(({ textContent }) => /[^.!?]$/.test(textContent))"""
"""As a text ends only while it is written."""


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_worker_answers_and_no_more_is_asked_for_than_the_clip_needs(server, folder, direction):
    before = len(asked(folder, "/release"))
    assert answers(server, direction)
    seconds = len(load_audio(one_recording(direction).path)) / 16000
    lent = asked(folder, "/schedule")[before:]
    assert [int(one["durationSeconds"]) for one in lent] == [pytest.approx(15 + seconds / 2, abs=1)]
    assert [one["fail"] for one in asked(folder, "/release")[before:]] == ["false"]


def test_a_text_is_seen_while_a_worker_writes_it_and_stop_gives_the_gpu_back(server, folder, browser, long_recording):
    with visit(browser, server) as page:
        panel = open_tab(page, "pt")
        upload(panel, long_recording)
        run_button(panel, "pt").click()
        page.wait_for_function(IN_THE_MIDDLE_OF_A_SENTENCE)
        panel.get_by_role("button", name="Stop", exact=True).click()
        run_button(panel, "pt").wait_for()
    until(lambda: len(asked(folder, "/schedule")) == len(asked(folder, "/release")))
    assert answers(server)


def test_a_worker_that_dies_is_told_in_a_sentence_and_the_next_one_answers(server, folder, long_recording):
    (folder / "worker").unlink(missing_ok=True)
    job = Client(server, verbose=False).submit(**request("pt", long_recording))
    until((folder / "worker").exists)
    os.kill(int((folder / "worker").read_text()), signal.SIGKILL)
    with pytest.raises(AppError, match="GPU task aborted"):
        job.result()
    assert answers(server)
