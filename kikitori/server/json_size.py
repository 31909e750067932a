"""How large the values of a JSON text will be, counted from its bytes before it is parsed.

Three bytes such as `[],` become a hundred bytes of Python objects, and several copies of them. A recording as a `data:`
address is one string, which takes no more than its length.
"""

from __future__ import annotations

from itertools import accumulate

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)


class JsonSize:
    """Counts elements and depth of a JSON text that arrives in chunks.

    elements: commas, lists and objects outside of strings so far. depth: how deep lists and objects were nested.
    is_utf8: whether there was no zero byte. UTF-16 and UTF-32 have many, and their quotes would be counted wrongly.
    """

    def __init__(self):
        self.elements = 0
        self.depth = 0
        self.is_utf8 = True
        self._open = 0
        self._in_string = False
        self._backslash = b""

    def add(self, chunk: bytes) -> None:
        """Count the next chunk, which may begin or end anywhere."""
        self.is_utf8 = self.is_utf8 and b"\0" not in chunk
        outside = self._outside_strings(chunk)
        self.elements += outside.count(b",") + outside.count(b"[") + outside.count(b"{")
        depths = list(accumulate(map(_STEPS.get, outside.translate(None, _NO_BRACKETS)), initial=self._open))
        self.depth = max(self.depth, *depths)
        self._open = depths[-1]

    def _outside_strings(self, chunk: bytes) -> bytes:
        """The part of the chunk that is not in strings."""
        text = self._backslash + chunk
        backslashes = len(text) - len(text.rstrip(b"\\"))
        # What an odd backslash at the end escapes is in the next chunk.
        self._backslash = b"\\" * (backslashes % 2)
        text = text[: len(text) - backslashes].replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = text.split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        return outside
