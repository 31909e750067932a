"""Files, folders, lists and standard input: which recordings are found, and where their outputs go."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kikitori.audio.decoders import CONTAINERS
from kikitori.cli.inputs import SUFFIXES, find_recordings
from kikitori.cli.names import output_names
from kikitori.cli.options import parse_options


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Some files of 1 byte, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.wav", "a.MP3", "notes.txt", ".hidden.wav", "sub/c.flac", "sub/a.mp3", ".cache/d.wav", "empty/x.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def find(*arguments: str) -> tuple[list[str], list[str], list[str]]:
    """What is found, where it is written, and the errors."""
    options = parse_options(["--direction", "pt", "-o", "out", *arguments])
    with ExitStack() as stack:
        recordings, errors = find_recordings(options, stack)
    return [one.shown for one in recordings], [one.output.as_posix() for one in recordings], errors


def test_a_folder_stands_for_its_own_recordings(tree):
    assert find(".") == (["./a.MP3", "./b.wav"], ["a", "b"], [])
    assert find("sub/", "b.wav") == (["sub/a.mp3", "sub/c.flac", "b.wav"], ["a", "c", "b"], [])


def test_recursive_searches_subfolders_whose_places_are_kept(tree):
    shown, outputs, errors = find("--recursive", str(tree))
    assert [os.path.relpath(path, tree) for path in shown] == ["a.MP3", "b.wav", "sub/a.mp3", "sub/c.flac"]
    assert (outputs, errors) == (["a", "b", "sub/a", "sub/c"], [])


def test_options_may_stand_anywhere_and_end_with_two_hyphens():
    options = parse_options(["a.wav", "--direction", "pt", "b.wav", "-f", "srt", "-", "--", "-c.wav", "--direction"])
    assert (options.audio, options.output_format) == (["a.wav", "b.wav", "-", "-c.wav", "--direction"], ["srt"])


def test_the_error_for_a_url_says_which_command_reads_urls(run):
    done = run("https://example.org/a.wav", "--direction", "pt")
    assert "https://example.org/a.wav cannot be opened (only `kikitori batch` reads URLs)" in done.stderr


def test_links_to_folders_are_not_followed(tree):
    (tree / "sub" / "loop").symlink_to(tree)
    assert len(find("--recursive", ".")[0]) == 4


def test_what_holds_no_recordings_is_an_error_and_the_others_are_found(tree):
    (tree / "list").write_text("\n \n")
    assert find("empty", "b.wav", "--files_from", "list") == (
        ["b.wav"],
        ["b"],
        [
            f"{name} holds no recordings: choose another folder or list, or search its subfolders too"
            for name in ("list", "empty")
        ],
    )
    assert find("--files_from", "nowhere")[2] == ["nowhere does not exist: check the path"]


def test_a_list_names_recordings_and_folders_one_per_line(tree):
    name = os.fsencode("não \udce9.wav")
    (tree / "list").write_bytes(b"\xef\xbb\xbfb.wav\r\n\n" + name + b"\nsub\n")
    shown, _, errors = find("a.MP3", "--files-from", "list")
    assert (shown, errors) == (["a.MP3", "b.wav", os.fsdecode(name), "sub/a.mp3", "sub/c.flac"], [])


def test_a_list_comes_through_standard_input(tree, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"b.wav\na.MP3")))
    assert find("--files_from", "-")[0] == ["b.wav", "a.MP3"]


def test_a_recording_is_found_once(tree):
    assert find("b.wav", ".", "b.wav", "./b.wav", str(tree / "b.wav"))[0] == ["b.wav", "./a.MP3"]


def test_standard_input_is_kept_until_the_end(tree, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tree / "sub"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"sound")))
    with ExitStack() as stack:
        ((one,), errors) = find_recordings(parse_options(["-", "-", "--direction", "pt"]), stack)
        assert (one.shown, one.output, one.path.read_bytes(), errors) == ("stdin", Path("stdin"), b"sound", [])
        assert one.path.is_relative_to(tree / "sub")
    assert sorted(os.listdir(tree / "sub")) == ["a.mp3", "c.flac"]


def test_every_container_has_a_suffix():
    suffixes = {"matroska": ".mkv", "mov": ".m4a", "mpegts": ".ts"}
    assert [name for name in CONTAINERS.split(",") if suffixes.get(name, f".{name}") not in SUFFIXES - {""}] == []


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.wav"], ["a"]),
        (["x/a.wav", "y/b.wav"], ["a", "b"]),
        (["x/a.wav", "y/a.wav", "y/b.wav"], ["x/a", "y/a", "b"]),
        (["z/x/a.wav", "z/y/a.mp3"], ["x/a", "y/a"]),
        (["a.wav", "a.mp3", "b.wav"], ["a.wav", "a.mp3", "b"]),
        (["a.wav", "a.mp3", "a.wav.flac"], ["a.wav", "a.mp3", "a.wav.flac"]),
        (["x/a.wav", "y/a.wav", "y/a.mp3"], ["x/a", "y/a.wav", "y/a.mp3"]),
        (["../a.wav", "a.wav"], ["a", None]),
        (["x/..wav", "x/...mp3"], ["..wav", "...mp3"]),  # without the suffix, these would name folders
    ],
    ids=str,
)
def test_equal_names_keep_their_folders_or_suffixes(paths, names):
    here = Path.cwd().name
    assert output_names([(Path(path), None) for path in paths]) == [Path(name or f"{here}/a") for name in names]


PARTS = st.sampled_from(["a", "b", "a.wav", "a.mp3", "a.wav.mp3", "..wav", "...wav", "-", "stdin"])
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: Path(*parts)), unique=True, max_size=6)


@given(paths=PATHS, folder=st.sampled_from([None, Path("a"), Path("a/b")]))
def test_no_two_outputs_have_the_same_name(paths, folder):
    names = output_names([(path, folder if folder and folder in path.parents else None) for path in paths])
    assert len(set(names)) == len(paths)
    assert not any(name.is_absolute() or not name.name or ".." in name.parts for name in names)
