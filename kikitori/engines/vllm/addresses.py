"""The addresses of vLLM servers: which are accepted, and which one gets the next window."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from kikitori.errors import CheckpointError, EngineError
from kikitori.tasks import Checkpoint

ENGINES = ("local", "vllm")

_LOCK = threading.Lock()
_BUSY: dict[str, int] = {}
"""Address -> windows of all jobs that are decoded there now."""


def on_engine(
    checkpoints: Mapping[str, Checkpoint], engine: str, urls: str | Sequence[str] = ()
) -> dict[str, Checkpoint]:
    """Return the checkpoints by role, with the addresses of the servers that decode with them.

    engine: one of ENGINES. urls: of vLLM servers. The aligner runs in this process whatever the engine.
    Raises EngineError for what does not fit together, and CheckpointError for weights that only a local model takes.
    """
    addresses = tuple(dict.fromkeys(map(check_url, [urls] if isinstance(urls, str) else urls)))
    if engine not in ENGINES or (engine == "vllm") != bool(addresses):
        raise EngineError("engine_urls", engine=engine, count=len(addresses))
    if addresses and any(checkpoint.weights for checkpoint in checkpoints.values()):
        raise CheckpointError("engine_weights")
    return {
        role: checkpoint if role == "aligner" else replace(checkpoint, urls=addresses)
        for role, checkpoint in checkpoints.items()
    }


def check_url(url: str) -> str:
    """Return a server's address without a slash at its end. Raises EngineError, which shows no name or password."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise EngineError("engine_url_bad", url=repr(url.rpartition("@")[2])) from None
    if not is_good or "@" in parts.netloc or parts.query or parts.fragment:
        raise EngineError("engine_url_bad", url=repr(url.rpartition("@")[2].partition("?")[0]))
    return url.rstrip("/").removesuffix("/v1")


@contextmanager
def least_busy(urls: Sequence[str]) -> Iterator[str]:
    """Give the address with the fewest windows, and count one more there while the block runs."""
    with _LOCK:
        url = min(urls, key=lambda one: _BUSY.get(one, 0))
        _BUSY[url] = _BUSY.get(url, 0) + 1
    try:
        yield url
    finally:
        with _LOCK:
            _BUSY[url] -= 1
