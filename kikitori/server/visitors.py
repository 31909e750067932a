"""How much one address may ask of the server, counted by the library `limits`."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException

REQUESTS = RateLimitItemPerMinute(1200)
"""A visitor's page sends about 20 when it is opened, and a few for each recording."""
ELEMENTS = RateLimitItemPerMinute(5_000_000, namespace="elements")
"""Of JSON: all six formats of a transcript of four hours have 2 million."""
BYTES = RateLimitItemPerHour(3_000_000_000, namespace="bytes")
"""Of uploads and other bodies: the largest upload three times."""
MAX_OPEN = 100
"""Requests at the same moment: uploads and streams of events. A visitor's page keeps two open, a busy one three."""
WAIT_SECONDS = 10
"""Told to a visitor who has too many requests open."""
UNITS = {REQUESTS: "requests per minute", ELEMENTS: "elements of JSON per minute", BYTES: "bytes per hour"}


class Visitors:
    """Counts what each address asks for. Its methods raise HTTPException (429) at the limits."""

    def __init__(self):
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._open: Counter[str] = Counter()

    async def charge(self, address: str, item: RateLimitItem, cost: int = 1) -> None:
        """Count a cost of one of the UNITS."""
        if cost and not await self._limiter.hit(item, address, cost=cost):
            seconds = (await self._limiter.get_window_stats(item, address)).reset_time - time.time()
            raise _too_much(address, f"{item.amount:,} {UNITS[item]}", max(1, math.ceil(seconds)))

    @contextmanager
    def open(self, address: str) -> Iterator[None]:
        """Count a request as open while the block runs."""
        if self._open[address] >= MAX_OPEN:
            raise _too_much(address, f"{MAX_OPEN} requests at the same moment", WAIT_SECONDS)
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forgets those that have none


def _too_much(address: str, limit: str, seconds: int) -> HTTPException:
    sentence = f"{address} has reached the limit of {limit}: try again in {seconds} s"
    return HTTPException(429, sentence, {"Retry-After": str(seconds)})


def address_of(client: tuple[str, int] | None) -> str:
    """The address by which a visitor is counted. In IPv6 it is the /64 network, because a visitor has all of it."""
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
