"""Every layout yields the recordings with their references, or an error that names the problem."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

import pyarrow
import pyarrow.parquet
import pytest

from benchmarks.served import ROOT
from evaluation.data import DataError, Segment, Source
from evaluation.readers import read_utterances
from kikitori.output.writers import write_rttm
from kikitori.tasks import TASKS
from kikitori.transcript import Transcript, Turn
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in

PORTUGUESE, ENGLISH, CALLS = (recordings_in(RECORDINGS, direction) for direction in ("pt", "en2ja", "diarize"))


def read(location, direction, **options):
    return list(read_utterances(Source(str(location), **options), TASKS[direction]))


def write_tsv(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def make_common_voice(folder, header=("client_id", "path", "sentence")):
    (folder / "clips").mkdir(parents=True)
    for recording in PORTUGUESE:
        shutil.copy(recording.path, folder / "clips")
    write_tsv(folder / "test.tsv", header, *(("x", r.path.name, r.reference.lower().rstrip(".")) for r in PORTUGUESE))
    return folder


def make_fleurs(folder, archive):
    rows = [(n, r.path.name, r.reference, "words", "w o r d s", 16000, "FEMALE") for n, r in enumerate(ENGLISH)]
    write_tsv(folder / "ja_jp" / "test.tsv", *rows[:-1])  # the last sentence has no translation
    write_tsv(folder / "en_us" / "test.tsv", *((n, name, "in English", *rest) for n, name, _, *rest in rows))
    audio = folder / "en_us" / "audio" / "test"
    audio.mkdir(parents=True)
    for recording in ENGLISH:
        shutil.copy(recording.path, audio)
    if archive:
        with tarfile.open(audio.with_suffix(".tar.gz"), "w:gz") as members:
            members.add(audio, "test")
        shutil.rmtree(audio)
    return folder


def make_parquet(path, **columns):
    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=2)


def embedded(recordings):
    return [{"bytes": recording.path.read_bytes(), "path": recording.path.name} for recording in recordings]


def test_examples_of_one_task_are_read():
    found = {utterance.name: utterance.reference for utterance in read(EXAMPLES, "diarize")}
    assert set(found) == {"call_appointment.flac", "call_order.flac"}
    assert found["call_order.flac"][0] == Segment("spk_0", "こちらは北海食堂の佐藤です。")


def test_common_voice_is_read_in_the_cards_written_form(tmp_path):
    found = read(make_common_voice(tmp_path / "pt"), "pt")
    assert [utterance.name for utterance in found] == [recording.path.name for recording in PORTUGUESE]
    assert all(utterance.audio.is_file() for utterance in found)
    first = PORTUGUESE[0].reference
    assert found[0].reference == (Segment(None, first[0] + first[1:].lower()),)


def test_covost_is_common_voice_with_translations(tmp_path):
    folder = make_common_voice(tmp_path / "en", header=("client_id", "path", "translation"))
    assert read(folder, "en2ja")[0].reference == (Segment(None, PORTUGUESE[0].reference.lower().rstrip(".")),)
    with pytest.raises(DataError, match="lacks column 'path' or 'sentence'"):
        read(folder, "pt")


def test_quotes_in_a_tsv_are_part_of_the_text(tmp_path):
    folder = make_common_voice(tmp_path / "pt")
    write_tsv(folder / "test.tsv", ("path", "sentence"), (PORTUGUESE[0].path.name, '"oi'))
    assert read(folder, "pt")[0].reference == (Segment(None, '"Oi.'),)


@pytest.mark.parametrize("archive", [False, True], ids=["unpacked", "archive"])
def test_fleurs_pairs_languages_by_sentence(tmp_path, archive, caplog):
    found = {utterance.name: utterance for utterance in read(make_fleurs(tmp_path, archive), "en2ja")}
    assert {name: utterance.reference for name, utterance in found.items()} == {
        recording.path.name: (Segment(None, recording.reference),) for recording in ENGLISH[:-1]
    }
    assert "1 of 6 recordings have no sentence in ja_jp" in caplog.text
    for recording in ENGLISH[:-1]:
        with found[recording.path.name].open_file() as path:
            assert path.read_bytes() == recording.path.read_bytes()


def test_an_archive_that_lacks_a_recording_is_refused(tmp_path):
    folder = make_fleurs(tmp_path, archive=False)
    audio = folder / "en_us" / "audio" / "test"
    with tarfile.open(audio.with_suffix(".tar.gz"), "w:gz") as members:
        members.add(audio / ENGLISH[0].path.name, ENGLISH[0].path.name)
    with pytest.raises(DataError, match=r"lacks en2ja_1.flac and 3 more"):
        read(folder, "en2ja")


SEGLST = [
    {"session_id": "diarize_0", "speaker": "B", "words": "どうも", "start_time": 2.0, "end_time": 3.0},
    {"session_id": "diarize_0", "speaker": "A", "words": "はい", "start_time": 0.5, "end_time": 1.0},
]
STM = "diarize_0 1 B 2.0 3.0 どうも\n;; a comment\ndiarize_0 1 A 0.5 1.0 はい\n"


@pytest.mark.parametrize(
    ("name", "content"), [("calls.json", json.dumps(SEGLST)), ("calls.stm", STM)], ids=["seglst", "stm"]
)
def test_calls_are_read_in_the_order_of_speech(tmp_path, name, content):
    shutil.copy(CALLS[0].path, tmp_path)
    (tmp_path / name).write_text(content, encoding="utf-8")
    (utterance,) = read(tmp_path, "diarize")
    assert utterance.audio == tmp_path / "diarize_0.flac"
    assert utterance.reference == (Segment("A", "はい"), Segment("B", "どうも"))


def make_call(folder):
    shutil.copy(CALLS[0].path, folder)
    (folder / "calls.stm").write_text(STM, encoding="utf-8")


def test_other_files_with_the_stem_of_a_recording_are_ignored(tmp_path):
    make_call(tmp_path)
    for suffix in (".FLAC~", ".csv", ".pdf", ".txt"):
        (tmp_path / f"diarize_0{suffix}").write_text("an annotator's notes")
    (utterance,) = read(tmp_path, "diarize")
    assert utterance.audio == tmp_path / "diarize_0.flac"


def test_the_suffix_of_a_recording_can_be_in_capitals(tmp_path):
    make_call(tmp_path)
    (tmp_path / "diarize_0.flac").rename(tmp_path / "diarize_0.FLAC")
    (utterance,) = read(tmp_path, "diarize")
    assert utterance.name == "diarize_0.FLAC"


def test_a_call_without_its_audio_is_refused(tmp_path):
    make_call(tmp_path)
    (tmp_path / "diarize_0.flac").rename(tmp_path / "diarize_0.txt")
    with pytest.raises(DataError, match="holds no recording of diarize_0"):
        read(tmp_path, "diarize")


def test_two_recordings_of_a_call_are_refused(tmp_path):
    make_call(tmp_path)
    shutil.copy(tmp_path / "diarize_0.flac", tmp_path / "diarize_0.wav")
    with pytest.raises(DataError, match=r"diarize_0.flac and diarize_0.wav: keep one"):
        read(tmp_path, "diarize")


def test_rttm_gives_speakers_unless_another_file_gives_words(tmp_path):
    shutil.copy(CALLS[0].path, tmp_path)
    turns = (Turn("spk_0", "はい", 0.5, 1.0, "aligned"), Turn("spk_1", "どうも", 2.0, 3.0, "aligned"))
    transcript = Transcript("diarize_0.flac", turns, "diarize", "Japanese", "tiny", 3.0, "")
    (tmp_path / "diarize_0.rttm").write_text(write_rttm(transcript))
    assert read(tmp_path, "diarize")[0].reference == (Segment("spk_0", None), Segment("spk_1", None))
    (tmp_path / "diarize_0.stm").write_text(STM, encoding="utf-8")
    assert read(tmp_path, "diarize")[0].reference == (Segment("A", "はい"), Segment("B", "どうも"))


def test_parquet_is_read_with_its_audio(tmp_path):
    columns = {"audio": embedded(PORTUGUESE), "sentence": [recording.reference for recording in PORTUGUESE]}
    make_parquet(tmp_path / "pt" / "test" / "0000.parquet", **columns)
    found = read(tmp_path, "pt", config="pt")
    assert [utterance.reference[0].text for utterance in found] == columns["sentence"]
    with found[3].open_file() as path:
        assert path.read_bytes() == PORTUGUESE[3].path.read_bytes()
        assert path.suffix == ".flac"
    assert not path.exists()
    with pytest.raises(DataError, match=r"no column 'words', only audio, sentence: give --text_column"):
        read(tmp_path, "pt", config="pt", text_column="words")


def test_parquet_pairs_languages_by_id(tmp_path):
    english = {"id": list(range(6)), "audio": embedded(ENGLISH), "transcription": ["in English"] * 6}
    make_parquet(tmp_path / "en_us" / "test" / "0000.parquet", **english)
    japanese = {"id": [5, 4, 3, 2, 1, 0], "raw_transcription": [r.reference for r in reversed(ENGLISH)]}
    make_parquet(tmp_path / "ja_jp" / "test" / "0000.parquet", **japanese)
    found = read(tmp_path, "en2ja", config="en_us", reference_config="ja_jp")
    assert [utterance.reference[0].text for utterance in found] == [recording.reference for recording in ENGLISH]


def test_recordings_are_read_one_at_a_time(tmp_path):
    folder = make_common_voice(tmp_path / "pt")
    write_tsv(folder / "test.tsv", ("path", "sentence"), (PORTUGUESE[0].path.name, "oi"), ("gone.mp3", "adeus"))
    utterances = read_utterances(Source(str(folder)), TASKS["pt"])
    assert next(utterances).reference == (Segment(None, "Oi."),)
    with pytest.raises(DataError, match=r"gone.mp3 is missing"):
        next(utterances)


def break_twice(folder):
    write_tsv(folder / "test.tsv", ("path", "sentence"), *[(PORTUGUESE[0].path.name, "oi")] * 2)


def break_rows(folder):
    write_tsv(folder / "test.tsv", ("path", "sentence"))


def break_reference(folder):
    shutil.rmtree(folder / "clips")
    (folder / "calls.json").write_text('{"not": "a list"}')


def break_session(folder):
    shutil.rmtree(folder / "clips")
    (folder / "calls.stm").write_text("other 1 A 0 1 はい\n", encoding="utf-8")


def break_rttm(folder):
    shutil.rmtree(folder / "clips")
    (folder / "calls.rttm").write_text("SPEAKER only four fields\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "is not a folder"),
        (lambda folder: shutil.rmtree(folder / "clips"), "no layout that can be read"),
        (lambda folder: (folder / "test.tsv").unlink(), "test.tsv does not exist"),
        (break_rows, "holds no recordings for pt"),
        (break_twice, "two recordings named pt_0.flac"),
        (break_reference, "not a SegLST, STM or RTTM file"),
        (break_session, "no recording of other"),
        (break_rttm, "not a SegLST, STM or RTTM file"),
    ],
)
def test_unusable_data_are_refused_with_the_reason(tmp_path, spoil, message):
    folder = make_common_voice(tmp_path / "pt")
    spoil(folder)
    with pytest.raises(DataError, match=re.escape(message)):
        read(folder, "pt")


def read_fleurs_offline(home):
    """Read the hub's FLEURS in a process without network. home: the folder with its cache."""
    code = """
from evaluation.data import Source
from evaluation.readers import read_utterances
from kikitori.tasks import TASKS
for utterance in read_utterances(Source("hf://datasets/google/fleurs"), TASKS["en2ja"]):
    print(utterance.name, utterance.reference[0].text)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))}
    environment |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)


@pytest.mark.slow
def test_fleurs_is_read_from_the_hubs_cache(tmp_path):
    cached = tmp_path / "hub" / "datasets--google--fleurs"
    make_fleurs(cached / "snapshots" / "abc" / "data", archive=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc")
    done = read_fleurs_offline(tmp_path)
    expected = [f"{recording.path.name} {recording.reference}" for recording in ENGLISH[:-1]]
    assert sorted(done.stdout.splitlines()) == expected, done.stderr


def test_parquet_without_its_audio_is_refused(tmp_path):
    audio = [{"bytes": None, "path": "somewhere.wav"}]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    make_parquet(tmp_path / "pt" / "test" / "0000.parquet", audio=pyarrow.array(audio, kind), sentence=["oi"])
    with pytest.raises(DataError, match="does not contain them"):
        read(tmp_path, "pt", config="pt")


@pytest.mark.slow
def test_an_unreachable_hub_is_an_error(tmp_path):
    with pytest.raises(DataError, match="someone/something can't be fetched from the hub"):
        read("hf://datasets/someone/something", "pt", config="pt_br")
    assert "google/fleurs can't be fetched from the hub" in read_fleurs_offline(tmp_path).stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "can't be read"),
        ("[]", "no JSON object of file names"),
        ('{"a.wav": 5}', "a.wav needs a direction and a reference"),
        ('{"a.wav": {"direction": "pt"}}', "a.wav needs a direction and a reference"),
        ('{"a.wav": {"direction": "pt", "reference": 5}}', "reference of a.wav is no text"),
        ('{"a.wav": {"direction": "nope", "reference": ""}}', "a.wav: there is no direction 'nope'"),
        (
            '{"a.wav": {"direction": "pt", "reference": "", "language": "Klingon"}}',
            "a.wav: 'Klingon' is not a language",
        ),
    ],
)
def test_examples_that_cannot_be_read_are_named(tmp_path, content, complaint):
    (tmp_path / "references.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, "pt")


def test_tables_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "clips").mkdir()
    table = tmp_path / "test.tsv"
    for content in (b"path\tsentence\na.mp3\t\xff\n", b"path\tsentence\na.mp3\t" + b"x" * 200_000 + b"\n"):
        table.write_bytes(content)
        with pytest.raises(DataError, match=r"test\.tsv can't be read"):
            read(tmp_path, "pt")
    table.unlink()
    table.mkdir()
    with pytest.raises(DataError, match=r"test\.tsv can't be read"):
        read(tmp_path, "pt")


@pytest.mark.parametrize("damage", ["cut", "link"])
def test_an_archive_that_cannot_be_read_is_named(tmp_path, damage):
    make_fleurs(tmp_path, archive=True)
    (archive,) = (tmp_path / "en_us" / "audio").glob("*.tar.gz")
    if damage == "cut":
        archive.write_bytes(archive.read_bytes()[:2000])
    else:
        link = tarfile.TarInfo(ENGLISH[0].path.name)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        with tarfile.open(archive, "w:gz") as members:
            members.addfile(link)
    with pytest.raises(DataError, match=f"{archive.name} (can't be read|lacks)"):
        read(tmp_path, "en2ja")
