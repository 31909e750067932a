"""Hostile files sent through the API and the page. Each becomes a transcript or the expected error."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from benchmarks.load import request
from tests.support.browser import open_tab, run_button, upload, visit, words
from tests.support.hostile_files import EITHER, SOUND
from tests.support.recordings import one_recording

pytestmark = pytest.mark.slow

PER_GROUP = 6
GOOD = one_recording("pt")
LONGER_LIMIT = ("hour", "hours", "claims years")
"""Too long for other tests, whose limit is ten minutes; here it is four hours."""


@pytest.fixture(scope="module")
def spread(hostile):
    """A few files of each kind that can be uploaded."""
    groups: dict[str, list] = {}
    for file in hostile:
        uploads = os.path.isfile(file.path) and not file.path.name.startswith(LONGER_LIMIT)
        if uploads and file.path.stat().st_size < 2_000_000:
            groups.setdefault(file.path.parent.name, []).append(file)
    return [file for files in groups.values() for file in files[:: max(1, len(files) // PER_GROUP)]]


def test_the_api_answers_each_and_stays_usable(server, spread):
    assert len(spread) > 60 and len({file.path.parent for file in spread}) > 9

    def outcome(file) -> str:
        try:
            # One client per request: a shared one loses a result that arrives before it has noted the request.
            Client(server, verbose=False).predict(**request("pt", file.path))
        except AppError as error:
            return str(error)
        return SOUND

    with ThreadPoolExecutor(4) as pool:
        came = list(pool.map(outcome, spread))
    unexpected = [
        (file.path, file.outcome, said)
        for file, said in zip(spread, came, strict=True)
        if not (said == file.outcome or file.outcome == EITHER or re.search(file.outcome, said))
    ]
    assert unexpected == []
    assert all(said == SOUND or ": " in said or " is " in said for said in came)
    good = Client(server, verbose=False).predict(**request("pt", GOOD.path))
    assert good["text"] == GOOD.reference


def test_the_page_names_the_problem_of_each(browser, server, spread):
    chosen = [file for file in spread if file.outcome not in (SOUND, EITHER)][::6]
    assert len(chosen) > 3
    with visit(browser, server) as page:
        panel = open_tab(page, "pt")
        # All at once with a good one: each bad one says why in its row.
        upload(panel, *(file.path for file in chosen), GOOD.path)
        run_button(panel, "pt").click()
        assert words(panel) == [GOOD.reference]
        sentences = panel.locator(".recordings").get_by_role("alert").all_inner_texts()
        assert all(re.search(file.outcome, said) for file, said in zip(chosen, sentences, strict=True))
