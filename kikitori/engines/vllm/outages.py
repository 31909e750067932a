"""Says when a server stays away, and when it answers again: once each, however many windows wait for it.

The lines go to the logger of this module: the shell prints them, and the servers' log has them as events.
"""

from __future__ import annotations

import logging
import threading

from kikitori.strings import Duration

LOG = logging.getLogger(__name__)

_LOCK = threading.Lock()
_AWAY: set[str] = set()


def note_away(url: str, why: Exception, seconds: float | None = None) -> None:
    """A server does not answer. why: its last failure; seconds: how long a window waits for it, if one does."""
    with _LOCK:
        is_known = url in _AWAY
        _AWAY.add(url)
    if not is_known:
        limit = f" for up to {Duration(seconds)}" if seconds else ""
        fields = {"event": "engine away", "reason": f"{url}: {why}", "seconds": seconds}
        message = "the engine %s does not answer (%s): it is asked again%s"
        LOG.warning(message, url, why, limit, extra={"fields": fields})


def note_back(url: str) -> None:
    """A server answers."""
    with _LOCK:
        was_away = url in _AWAY
        _AWAY.discard(url)
    if was_away:
        LOG.warning("the engine %s answers again", url, extra={"fields": {"event": "engine back", "reason": url}})
