"""API keys: which ones a server takes, and whose a request has."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kikitori.errors import RequestError
from kikitori.server.limits import ACCOUNT
from kikitori.server.refusals import VISITS

KEYS_VARIABLE = "SPEECH_API_KEYS"
PROTOCOL, KEY_PROTOCOL = "realtime", "openai-insecure-api-key."
"""Subprotocols of a WebSocket, as OpenAI's clients in browsers name them: the second is followed by the key."""
MIN_KEY_CHARACTERS = 16
"""A shorter key can be guessed."""


class Keys:
    """The keys of a server, of which only hashes are kept.

    keys: at least one. Raises RequestError if there is none, or one is too short. source: where they come from.
    """

    def __init__(self, keys: Iterable[str], source: str):
        keys = list(keys)
        if not keys or min(map(len, keys)) < MIN_KEY_CHARACTERS:
            raise RequestError("no_keys", path=source, limit=MIN_KEY_CHARACTERS)
        self._hashes = [_hash(key) for key in keys]

    def account(self, authorization: str) -> str | None:
        """Return the name by which a key is counted, or None if it is none of these. The time tells nothing about it.

        authorization: the value of that header, `Bearer KEY`.
        """
        scheme, _, key = authorization.partition(" ")
        given = _hash(key.strip())
        matches = [hmac.compare_digest(given, known) for known in self._hashes]
        return f"key {matches.index(True) + 1}" if any(matches) and scheme.lower() == "bearer" else None


def read_keys(path: str | None) -> Keys | None:
    """Read the keys of a file, one per line, or else of the environment. Returns None if there is neither.

    Raises RequestError for a file without usable keys, and OSError for one that can't be read.
    """
    if path:
        return Keys(Path(path).read_text(encoding="utf-8").split(), path)
    found = os.environ.get(KEYS_VARIABLE, "").split()
    return Keys(found, KEYS_VARIABLE) if found else None


class KnownKeys:
    """ASGI middleware: charges a request to its API key instead of its address, so that each key has limits."""

    def __init__(self, app: ASGIApp, keys: Keys | None):
        self.app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with the key's account if it has one."""
        if self._keys and scope["type"] in VISITS:
            account = self._keys.account(Headers(scope=scope).get("authorization") or _bearer(scope))
            scope = scope | ({ACCOUNT: account} if account else {})
        await self.app(scope, receive, send)


def _bearer(scope: Scope) -> str:
    """What a web page sends in place of the header, which it can't set for a WebSocket."""
    keys = [name for name in scope.get("subprotocols", ()) if name.startswith(KEY_PROTOCOL)]
    return f"Bearer {keys[0].removeprefix(KEY_PROTOCOL)}" if keys else ""


def _hash(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
