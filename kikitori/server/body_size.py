"""How large the body of a request may be: in bytes, and as JSON."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from kikitori.server.json_size import JsonSize

UPLOAD = "/gradio_api/upload"
MAX_UPLOAD_BYTES = 1_000_000_000
"""Of all files in one upload request."""
MAX_MCP_BYTES = 4 * 2**20
"""Of an MCP request, whose recording is a `data:` address. The library `mcp` takes no more."""
MAX_TRANSCRIPT_BYTES = 32_000_000
"""Of a request that contains a transcript: that of four hours has 10 MB if every word has its time."""
MAX_OTHER_BYTES = 1_000_000
API = "/v1/"
MAX_API_BYTES = 201_000_000
"""Of a request with one recording, which may have 200 MB as on the page."""
BYTES_BY_ROUTE = {
    UPLOAD: MAX_UPLOAD_BYTES,
    API: MAX_API_BYTES,
    "/gradio_api/mcp": MAX_MCP_BYTES,
    "/gradio_api/queue/join": MAX_TRANSCRIPT_BYTES,
    "/gradio_api/component_server": MAX_TRANSCRIPT_BYTES,
}
"""Start of a path -> its limit. All other paths have MAX_OTHER_BYTES."""
UPLOAD_FEWER = "upload files, and send fewer at a time"
MAX_ELEMENTS = 400_000
"""Of JSON: a transcript of four hours with the times of its words has about 300,000."""
MAX_DEPTH = 50
HEAVY_ELEMENTS = 20_000
"""JSON with more is parsed one request at a time."""
LARGE_BYTES = 1_000_000
"""After JSON with more, free memory is given back to the system."""


class BodySize:
    """Counts the body of one request while it arrives. Its methods raise HTTPException at the limits of the path."""

    def __init__(self, path: str):
        self._path = path
        limits = (limit for start, limit in BYTES_BY_ROUTE.items() if path.startswith(start))
        self._limit = next(limits, MAX_OTHER_BYTES)
        self._bytes = 0
        self._json = None if path.startswith((UPLOAD, API)) else JsonSize()

    @property
    def is_heavy(self) -> bool:
        """Whether parsing it takes long."""
        return self._json is not None and self._json.elements > HEAVY_ELEMENTS

    @property
    def is_large(self) -> bool:
        """Whether it took much memory."""
        return self._json is not None and self._bytes > LARGE_BYTES

    def check_bytes(self, count: int) -> None:
        """Refuse a body of this many bytes if the path's limit is lower."""
        if count > self._limit:
            limit = f"{self._limit // 1_000_000} MB"
            remedy = "compress or cut the recording" if self._path.startswith(API) else UPLOAD_FEWER
            raise HTTPException(413, f"The request is larger than {limit}: {remedy}")

    def add(self, chunk: bytes) -> int:
        """Count the next bytes. Returns how many elements of JSON they have."""
        self._bytes += len(chunk)
        self.check_bytes(self._bytes)
        if self._json is None:
            return 0
        before = self._json.elements
        self._json.add(chunk)
        self._check_json(self._json)
        return self._json.elements - before

    @staticmethod
    def _check_json(size: JsonSize) -> None:
        if not size.is_utf8:
            raise HTTPException(400, "The request is not JSON in UTF-8: encode it as UTF-8")
        if size.elements > MAX_ELEMENTS:
            raise HTTPException(413, f"The request has more than {MAX_ELEMENTS:,} elements: send a shorter transcript")
        if size.depth > MAX_DEPTH:
            raise HTTPException(413, f"The request is nested more than {MAX_DEPTH} levels deep: send a flatter one")
