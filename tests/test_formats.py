"""Files that other programs read, and that are whole or not there."""

from __future__ import annotations

import json
import os
import stat

import pytest

from speech.formats import WRITERS, write_atomically
from speech.transcript import Transcript, TranscriptWarning, Turn


def transcript(*turns: Turn) -> Transcript:
    return Transcript(
        audio="call.wav",
        turns=turns,
        direction="diarize",
        language="Japanese",
        checkpoint="someone/checkpoint@1234567",
        duration_seconds=12.5,
        raw_text="<|spk_0|> はい。",
        warnings=(TranscriptWarning("empty_turn", "a sentence"),),
    )


CALL = transcript(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"), Turn(None, "え"), Turn("spk_1", "もしもし"))


@pytest.fixture
def umask():
    """Set the process's umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_txt_has_one_line_a_turn():
    assert WRITERS["txt"](CALL) == "[spk_0]: はい。\nえ\n[spk_1]: もしもし\n"


def test_txt_of_nothing_is_nothing():
    assert WRITERS["txt"](transcript()) == ""


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n \n", "\u2028"])
def test_words_cannot_forge_a_line(line_break):
    text = WRITERS["txt"](transcript(Turn("spk_0", f"one{line_break}[spk_1]: two")))
    assert text == "[spk_0]: one [spk_1]: two\n"


def test_json_is_the_whole_transcript_in_its_own_script():
    text = WRITERS["json"](CALL)
    assert json.loads(text) == CALL.to_dict()
    assert Transcript.from_dict(json.loads(text)) == CALL
    assert "もしもし" in text and text.startswith('{\n  "audio"') and text.endswith("}\n")


def test_a_new_file_is_utf8_with_its_line_ends_untouched(tmp_path):
    write_atomically(tmp_path / "a.txt", "はい\nsim\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "はい\nsim\r\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("a much longer old text")
    write_atomically(str(tmp_path / "a.txt"), "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640)])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path, umask, mask, expected):
    umask(mask)
    write_atomically(tmp_path / "a.txt", "new")
    assert mode(tmp_path / "a.txt") == expected


@pytest.mark.parametrize("permissions", [0o600, 0o664])
def test_an_old_file_keeps_its_permissions(tmp_path, umask, permissions):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(permissions)
    write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert mode(tmp_path / "a.txt") == permissions


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    (tmp_path / "a.txt").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_old_file_is_there_until_the_new_one_is_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    seen = []

    def look(descriptor):
        seen.append(((tmp_path / "a.txt").read_text(), os.fstat(descriptor).st_size))
        assert len(os.listdir(tmp_path)) == 2  # another folder may lie on another disk

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "a.txt", "newer")
    assert seen == [("old", 5)]


def test_text_that_is_no_unicode_leaves_the_old_file_whole(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "a.txt", "new \ud800")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a.txt", "new")
    assert os.listdir(tmp_path) == []
