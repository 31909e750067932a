"""The server's log: what of a library's messages is in it."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
from uvicorn.config import LOGGING_CONFIG

from kikitori.server.logging import log_to


@pytest.fixture
def lines(monkeypatch):
    """Log to a stream, and return a function that gives its lines so far."""
    stream, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setitem(LOGGING_CONFIG, "loggers", {})
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)  # a server before may have set it
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log_to(stream)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
        logging.captureWarnings(False)


def test_a_warning_of_python_has_its_category_and_place_but_no_words(lines):
    warnings.warn_explicit("a visitor's words", FutureWarning, "/somewhere/library/module.py", 12)
    (line,) = lines()
    assert (line["library"], line["warning"], line["where"]) == ("py.warnings", "FutureWarning", "module.py:12")
    assert "words" not in json.dumps(line)


@pytest.mark.parametrize(
    ("error", "said", "count"),
    [
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), "Invalid UTF-8 sequence received from client.", 0),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), "Exception in ASGI application", 1),
        (OSError(), "Invalid UTF-8", 1),
    ],
)
def test_text_that_is_not_utf8_is_its_clients_fault(error, said, count, lines):
    logging.getLogger("uvicorn.error").error(said, exc_info=error)
    assert len(lines()) == count
