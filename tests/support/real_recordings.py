"""Has schemathesis send recordings where the API's description asks for one: bytes that it makes up are refused."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

from tests.support.recordings import one_recording

RECORDINGS = [one_recording(direction).path.read_bytes() for direction in ("en2ja", "ja2en")]

schemathesis.openapi.media_type("audio/flac", st.sampled_from(RECORDINGS))
