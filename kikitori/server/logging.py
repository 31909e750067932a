"""The server's log as lines of JSON."""

from __future__ import annotations

import json
import logging
import time
from typing import TextIO

LOG = logging.getLogger("page")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time (UTC), level, event, and the record's `fields`."""

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = {"time": moment, "level": record.levelname, "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}))


def log_to(stream: TextIO) -> None:
    """Write the log to this stream only."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    LOG.handlers, LOG.propagate = [handler], False
    LOG.setLevel(logging.INFO)
