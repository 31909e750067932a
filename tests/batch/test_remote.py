"""`kikitori batch` with recordings and outputs behind URLs: the same outputs, whole, and nothing is done twice."""

from __future__ import annotations

import os

import fsspec
import pytest

from kikitori.batch import remote
from kikitori.batch.remote import find_file, is_url, join_url, list_folder, send
from kikitori.cli.run import EXIT_FAILED, main
from kikitori.engines.local import LocalEngine
from kikitori.output.jsonl import read_records
from tests.support.batch import BAD, singly
from tests.support.recordings import RECORDINGS, recordings_in

GOOD = ["deep/pt_5.flac", *(f"pt_{number}.flac" for number in range(5))]


@pytest.fixture(params=["memory", "file"])
def store(request, folder, tmp_path):
    """The URL of a folder with the recordings in `in`: objects, or files that are moved into place."""
    if request.param == "file":
        return f"file://{tmp_path.as_posix()}"
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    memory.put(str(folder), "/bucket/in", recursive=True)
    return "memory://bucket"


def run(source: object, out: object, *options: str) -> int:
    words = ["batch", source, "--direction", "pt", "--checkpoint", "tiny", "-f", "json", "-o", out, *options]
    return main(list(map(str, words)))


def contents(url: str) -> dict[str, str]:
    """All files below a URL, hidden ones too, by their place."""
    files, root = fsspec.url_to_fs(url)
    names = files.find(root)
    return {os.path.relpath(name, root): files.cat_file(name).decode() for name in names}


def rows_of(url: str, tmp_path, name: str = "report.jsonl") -> dict[str, dict]:
    remote.fetch(f"{url}/{name}", tmp_path / "fetched.jsonl")
    return {row["path"]: row for row in read_records(tmp_path / "fetched.jsonl")}


@pytest.mark.slow
def test_a_folder_behind_a_url_gives_what_the_shell_gives(store, folder, tmp_path, decoded):
    assert run(f"{store}/in", f"{store}/out", "--recursive") == EXIT_FAILED
    found = contents(f"{store}/out")
    rows = rows_of(f"{store}/out", tmp_path)
    assert found.keys() == {"report.jsonl", *(f"{place}.json" for place in GOOD)}
    assert {path: row["error"]["code"] for path, row in rows.items() if row["error"]} == BAD
    del found["report.jsonl"]
    assert found == singly(folder, GOOD, tmp_path / "single")

    files, root = fsspec.url_to_fs(store)
    files.pipe_file(f"{root}/out/pt_0.flac.json", b"corrected by hand")
    files.rm_file(f"{root}/out/pt_1.flac.json")
    files.cp_file(f"{root}/in/pt_3.flac", f"{root}/in/pt_2.flac")
    decoded.clear()
    assert run(f"{store}/in", f"{store}/out", "--recursive") == EXIT_FAILED
    assert len(decoded) == 2, "what is finished is skipped"
    again = contents(f"{store}/out")
    assert again["pt_0.flac.json"] == "corrected by hand"
    assert again["pt_1.flac.json"] == found["pt_1.flac.json"]
    assert again["pt_2.flac.json"] == found["pt_3.flac.json"].replace("pt_3.flac", "pt_2.flac")


@pytest.mark.slow
def test_a_list_may_name_urls_and_paths(store, folder, tmp_path):
    files, root = fsspec.url_to_fs(store)
    lines = [f"{store}/in/pt_0.flac", "./in/pt_1.flac", f"{folder}/pt_2.flac", "in/missing.flac"]
    files.pipe_file(f"{root}/list.txt", "\n".join(lines).encode())
    assert run(f"{store}/list.txt", tmp_path / "local") == EXIT_FAILED
    rows = {row["path"]: row for row in read_records(tmp_path / "local" / "report.jsonl")}
    assert list(rows) == [f"{store}/in/pt_0.flac", "in/pt_1.flac", f"{folder}/pt_2.flac", "in/missing.flac"]
    assert [row["status"] for row in rows.values()] == ["done", "done", "done", "failed"]
    assert rows["in/missing.flac"]["error"]["code"] == "url_unreadable"
    texts = [recordings_in(RECORDINGS, "pt")[number].reference for number in range(3)]
    places = [f"{store.partition('://')[2].lstrip('/')}/in/pt_0.flac", "in/pt_1.flac", f"{folder}/pt_2.flac"[1:]]
    for place, text in zip(places, texts, strict=True):
        assert text in (tmp_path / "local" / f"{place}.json").read_text(encoding="utf-8")
    assert not list((tmp_path / "local").rglob("*.journal"))


@pytest.mark.slow
def test_an_interrupted_job_keeps_the_rows_of_what_it_has_done(store, tmp_path, decoded, monkeypatch):
    stream = LocalEngine.stream

    def interrupt_third(self, waveforms, prompt, max_tokens=None):
        if max_tokens is None and len(decoded) == 2:
            raise KeyboardInterrupt
        return stream(self, waveforms, prompt, max_tokens)

    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "stream", interrupt_third)
        assert run(f"{store}/in", f"{store}/out") == 130
    assert len([place for place in contents(f"{store}/out") if place.endswith(".flac.json")]) == 2
    decoded.clear()
    assert run(f"{store}/in", f"{store}/out") == EXIT_FAILED
    assert len(decoded) == 3
    assert sum(place.startswith("report") for place in contents(f"{store}/out")) == 1


def test_a_file_is_replaced_as_a_whole_or_stays(tmp_path, monkeypatch):
    (tmp_path / "new").write_text("new")
    url = f"file://{tmp_path.as_posix()}/deep/a.json"
    send(tmp_path / "new", url)
    assert contents(f"file://{tmp_path.as_posix()}/deep") == {"a.json": "new"}
    (tmp_path / "newer").write_text("newer")
    files, _ = fsspec.url_to_fs(url)

    def break_off(path, target, **_):
        with open(target, "w") as file:
            file.write("ne")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "put_file", break_off)
    with pytest.raises(remote.OutputError, match="No space left"):
        send(tmp_path / "newer", url)
    monkeypatch.undo()
    assert contents(f"file://{tmp_path.as_posix()}/deep") == {"a.json": "new"}
    send(tmp_path / "newer", url)
    assert contents(f"file://{tmp_path.as_posix()}/deep") == {"a.json": "newer"}


def test_a_folder_is_listed_without_what_is_hidden(tmp_path):
    for place in ("a.wav", "b/c.wav", "b/d/e.wav", ".hidden/f.wav", "b/.g.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"1234")
    url = f"file://{tmp_path.as_posix()}"
    assert [place for place, _ in list_folder(url, recursive=True)] == ["a.wav", "b/c.wav", "b/d/e.wav"]
    ((place, file),) = list_folder(url, recursive=False)
    assert (place, file.size) == ("a.wav", 4) and file == find_file(f"{url}/a.wav")
    before = file.version
    os.utime(tmp_path / "a.wav", ns=(1, 1))
    assert find_file(f"{url}/a.wav").version != before


def test_urls_are_told_from_paths():
    assert is_url("s3://bucket/a") and is_url("hf://datasets/a/b")
    assert not any(map(is_url, ("/a://b", "C:\\calls", "a.wav", "deep/s3://b", "")))
    assert join_url("s3://bucket/calls", "../a/./b.wav") == "s3://bucket/a/b.wav"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tos://bucket/calls", "needs a library that is missing (pip install tosfs): install it"),
        ("nonsense://bucket/calls", "nonsense://bucket/calls can't be used"),
        ("memory://nothing/list.txt", "cannot be read (it does not exist)"),
    ],
)
def test_urls_that_can_not_be_read_are_errors_before_the_start(source, message, tmp_path, capsys):
    assert run(source, tmp_path / "out") == EXIT_FAILED
    said = capsys.readouterr().err
    assert message in said and "loading" not in said


def test_an_output_that_can_not_be_written_is_an_error_before_the_start(folder, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(folder, f"file://{tmp_path.as_posix()}/file/out") == EXIT_FAILED
    said = capsys.readouterr().err
    assert "file/out" in said and "cannot be written" in said and "loading" not in said


def test_outputs_behind_urls_that_would_collide_are_an_error(tmp_path, capsys):
    (tmp_path / "list").write_text("memory://bucket/bucket/a.wav.json\nmemory://bucket/a.wav\n")
    assert run(tmp_path / "list", "memory://bucket") == EXIT_FAILED
    assert "memory://bucket/bucket/a.wav.json is read by this command" in capsys.readouterr().err
    (tmp_path / "list").write_text("memory://bucket/in/a.wav\n/bucket/in/a.wav\n")
    assert run(tmp_path / "list", "memory://bucket/out") == EXIT_FAILED
    assert "would both be written to memory://bucket/out/bucket/in/a.wav" in capsys.readouterr().err


@pytest.mark.slow
def test_shards_behind_a_url_have_their_reports(store, tmp_path):
    for number in range(2):
        run(f"{store}/in", f"{store}/out", "--shard", f"{number}/2")
    parts = [rows_of(f"{store}/out", tmp_path, f"report-{number}-of-2.jsonl") for number in range(2)]
    assert sum(map(len, parts)) == 7
    assert run(f"{store}/in", f"{store}/out") == EXIT_FAILED
    assert sum(row["status"] == "done" for row in rows_of(f"{store}/out", tmp_path).values()) == 5
