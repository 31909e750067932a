"""Uploads that end early, or that can't be stored."""

from __future__ import annotations

import logging

import pytest

from kikitori.api.endpoints import Transcriptions
from kikitori.api.errors import status_of
from kikitori.api.queue import Queue
from kikitori.errors import ServerError
from kikitori.tasks import choose_checkpoints
from tests.support.coroutines import finish
from tests.support.forms import asgi_form

LARGER_THAN_MEMORY = 2 << 20
"""Bytes of an upload that goes to a file while it arrives."""


async def ask(scope: dict, messages: list[dict]) -> list[dict]:
    """Send a request's messages to the endpoint; return what it answers."""
    sent: list[dict] = []

    async def receive() -> dict:
        return messages.pop(0)

    async def send(message: dict) -> None:
        sent.append(message)

    await Transcriptions(choose_checkpoints(["tiny"]), Queue())(scope, receive, send)
    return sent


def test_a_client_that_leaves_during_its_upload_gets_no_answer_and_is_no_fault():
    scope, body = asgi_form(b"sound")
    begun = {"type": "http.request", "body": body[:100], "more_body": True}
    assert finish(ask(scope, [begun, {"type": "http.disconnect"}])) == []


@pytest.mark.parametrize("size", [10, LARGER_THAN_MEMORY])
def test_an_upload_that_cannot_be_stored_is_the_servers_fault_and_the_log_says_why(tmp_path, monkeypatch, caplog, size):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    scope, body = asgi_form(bytes(size))
    with (
        caplog.at_level(logging.ERROR, "page"),
        pytest.raises(ServerError, match="no room for") as raised,
    ):
        finish(ask(scope, [{"type": "http.request", "body": body}]))
    assert status_of(raised.value) == 503
    (line,) = (record.fields for record in caplog.records)
    assert line == {"folder": str(tmp_path / "missing"), "reason": "No such file or directory"}


def test_the_log_names_the_folders_if_none_is_usable(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    scope, body = asgi_form(b"sound")
    with caplog.at_level(logging.ERROR, "page"), pytest.raises(ServerError):
        finish(ask(scope, [{"type": "http.request", "body": body}]))
    (line,) = (record.fields for record in caplog.records)
    assert line["reason"] == f"No usable temporary directory found in ['{tmp_path / 'missing'}']"
