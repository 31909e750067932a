"""The size of JSON is counted right, wherever the chunks are cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kikitori.server.body_size import MAX_DEPTH, MAX_ELEMENTS, MAX_TRANSCRIPT_BYTES
from kikitori.server.json_size import JsonSize
from kikitori.transcript import Transcript, Turn, Word

STRINGS = st.text(st.sampled_from('a"\\[]{},:é')) | st.text()
VALUES = st.recursive(
    st.none() | st.integers() | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=20,
)


def size_of(text: str, chunk: int) -> tuple[int, int]:
    """The elements and the depth of a text that arrives in chunks of so many bytes."""
    size, content = JsonSize(), text.encode()
    for start in range(0, len(content), chunk):
        size.add(content[start : start + chunk])
    return size.elements, size.depth


def expected(value) -> tuple[int, int]:
    """The same, from the parsed value."""
    if not isinstance(value, (list, dict)):
        return 0, 0
    inner = [expected(one) for one in (value.values() if isinstance(value, dict) else value)]
    elements = 1 + max(len(inner) - 1, 0) + sum(count for count, _ in inner)
    return elements, 1 + max((depth for _, depth in inner), default=0)


@pytest.mark.slow
@given(VALUES, st.integers(1, 30), st.booleans())
def test_strings_are_not_counted(value, chunk, is_ascii):
    assert size_of(json.dumps(value, ensure_ascii=is_ascii), chunk) == expected(value)


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_escaped_quotes_and_backslashes(chunk):
    assert size_of(r'["\\", "\",[", "\\\\\"{,", []]', chunk) == (1 + 3 + 1, 2)
    assert size_of("[[[" * 10, chunk) == (30, 30)


@pytest.mark.slow
def test_a_transcript_of_four_hours_with_the_times_of_its_words_fits():
    """Of speech without a pause: 3.5 words per second, in turns of 4 s."""
    words = tuple(Word("いま", second / 3.5, second / 3.5 + 0.2) for second in range(14))
    turns = (Turn("spk_0", "いま" * 14, 0, 4, "aligned", words, ((0, 2), (5, 8))),) * 3600
    transcript = Transcript("call.wav", turns, "diarize", "Japanese", "someone/checkpoint", 14400, "いま" * 14 * 3600)
    text = json.dumps({"data": ["srt", transcript.to_dict(), [[1.234, 5.678]] * 3600]})
    elements, depth = size_of(text, 1 << 16)
    assert 250_000 < elements < 0.75 * MAX_ELEMENTS and depth < MAX_DEPTH / 2
    assert len(text) < MAX_TRANSCRIPT_BYTES / 3


@pytest.mark.parametrize(("backslashes", "elements", "depth"), [(1, 1, 1), (2, 4, 3), (3, 1, 1), (4, 4, 3), (5, 1, 1)])
def test_backslashes_at_the_end_of_a_chunk_escape_the_quote_after_them_or_each_other(backslashes, elements, depth):
    size = JsonSize()
    size.add(b'["' + b"\\" * backslashes)
    size.add(b'",[[]]"]' if backslashes % 2 else b'",[[]]]')
    assert (size.elements, size.depth) == (elements, depth)


def test_a_zero_byte_anywhere_shows_another_encoding_than_utf_8():
    for chunks, is_utf8 in (((b'["', b'ol\xc3\xa1"]'), True), (("[".encode("utf-16-le"), b"]"), False)):
        size = JsonSize()
        for chunk in chunks:
            size.add(chunk)
        assert size.is_utf8 is is_utf8
