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


def note_away(url: str, why: Exception, seconds: float) -> None:
    """A server has not answered again and again. why: its last failure; seconds: how long it is asked again."""
    with _LOCK:
        is_known = url in _AWAY
        _AWAY.add(url)
    if not is_known:
        message = "the engine %s does not answer (%s): it is asked again for up to %s"
        fields = {"event": "engine away", "reason": f"{url}: {why}", "seconds": seconds}
        LOG.warning(message, url, why, Duration(seconds), extra={"fields": fields})


def note_back(url: str) -> None:
    """A server answers."""
    with _LOCK:
        was_away = url in _AWAY
        _AWAY.discard(url)
    if was_away:
        LOG.warning("the engine %s answers again", url, extra={"fields": {"event": "engine back", "reason": url}})
