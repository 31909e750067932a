"""The server's log as lines of JSON, those of libraries included. No line contains a message that a library wrote."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from pathlib import Path
from typing import TextIO

from uvicorn.config import LOGGING_CONFIG

from kikitori.engines.vllm import outages

LOG = logging.getLogger("page")
_WARNING = re.compile(r"(?P<path>.*?):(?P<line>\d+): (?P<category>\w+): ")
"""How a warning of Python begins, as `warnings.formatwarning` writes it."""


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time (UTC), level, event, and the record's `fields`.

    The message and the exception of a library may contain words or names, so only their place is kept.
    """

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = {"time": moment, "level": record.levelname}
        if record.name in (LOG.name, outages.LOG.name):
            line |= {"event": record.getMessage()} | getattr(record, "fields", {})
        else:
            line |= {"event": "library", "library": record.name, "where": f"{record.filename}:{record.lineno}"}
            if record.name == "py.warnings" and (warning := _WARNING.match(record.getMessage())):
                where = f"{Path(warning['path']).name}:{warning['line']}"
                line |= {"where": where, "warning": warning["category"]}
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            line |= {"error": type(error).__name__, "where": place_of(error), "trace": trace_of(error)}
        return json.dumps(line)


def is_logged(record: logging.LogRecord) -> bool:
    """Whether a record is worth a line: a message of a WebSocket that is not UTF-8 is its client's fault alone."""
    is_bad_text = bool(record.exc_info) and isinstance(record.exc_info[1], UnicodeDecodeError)
    return not (record.name == "uvicorn.error" and is_bad_text and "UTF-8" in record.getMessage())


def place_of(error: BaseException) -> str:
    """The line that raised the error. Its message may contain words or names, so it is not logged."""
    return (trace_of(error) or [""])[-1]


def trace_of(error: BaseException) -> list[str]:
    """The lines that led to the error, the one that raised it last."""
    if trace := getattr(error, "trace", None):  # from another process
        return trace
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


def log_to(stream: TextIO) -> None:
    """Write the log to this stream only, with the warnings and errors of all libraries. Call it before uvicorn runs."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(is_logged)
    LOG.setLevel(logging.INFO)
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(True)
    LOGGING_CONFIG["loggers"] = {}  # uvicorn would give its loggers handlers of their own
