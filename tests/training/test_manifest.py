"""Preparation of training data: samples with hashes, reasons for dropped ones, and exclusion of held-out speech."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from evaluation.data import DataError, Segment, Source
from kikitori.audio.files import load_audio
from kikitori.tasks import TASKS
from tests.support.corpora import SPOKEN, write_fleurs
from tests.support.recordings import RECORDINGS, recordings_in
from training.manifest import (
    HeldOut,
    Sample,
    balance,
    check_apart,
    filter_samples,
    hash_waveform,
    read_manifest,
    rejection_reason,
    write_manifest,
)
from training.prepare import main, prepare, tag_speakers


def sample(text="language English<asr_text>Hello.", seconds=2.0, sha256="a", **others) -> Sample:
    return Sample(others.pop("audio", RECORDINGS / "pt_0.flac"), text, seconds, sha256, **others)


def common_voice(folder, rows: dict[str, tuple[np.ndarray, str]]):
    """Make a data set in Common Voice's layout with clips of 48 kHz."""
    (folder / "clips").mkdir(parents=True)
    lines = ["path\tsentence"]
    for name, (waveform, sentence) in rows.items():
        soundfile.write(folder / "clips" / name, np.repeat(waveform, 3), 48000)
        lines.append(f"{name}\t{sentence}")
    (folder / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def spoken():
    return load_audio(RECORDINGS / "pt_0.flac")


def test_samples_are_16_khz_files_named_by_their_hash(tmp_path, spoken):
    data = common_voice(tmp_path / "cv", {"a.wav": (spoken, "bom dia"), "b.wav": (spoken[::-1] * 0.5, "boa noite...")})
    filtered = prepare(Source(str(data), "train"), TASKS["pt"], tmp_path / "out")
    assert str(filtered) == "2 of 2 samples used"
    samples = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert [sample.text for sample in samples] == [
        "language Portuguese<asr_text>Bom dia.",
        "language Portuguese<asr_text>Boa noite.",
    ]
    for sample in samples:
        waveform, rate = soundfile.read(sample.audio, dtype="float32")
        assert (rate, waveform.ndim, sample.audio.stem) == (16000, 1, sample.sha256)
        assert hash_waveform(waveform) == sample.sha256
        assert len(waveform) == len(spoken)
        assert sample.seconds == pytest.approx(len(spoken) / 16000, abs=1e-3)


def test_dropped_recordings_are_listed_with_reasons(tmp_path, spoken, capsys):
    rows = {
        "good.wav": (spoken, "bom dia"),
        "again.wav": (spoken, "bom dia"),
        "short.wav": (spoken[: 16000 // 5], "sim"),
        "long.wav": (np.tile(spoken, 12), "muito"),
        "wordless.wav": (spoken * 0.9, " "),
        "silent.wav": (np.zeros(16000, np.float32), "nada"),
    }
    data = common_voice(tmp_path / "cv", rows)
    output = tmp_path / "out"
    assert main(["--data", str(data), "--direction", "pt", "--output_dir", str(output)]) == 0
    assert capsys.readouterr().out.startswith("1 of 6 samples used; ")
    dropped = [json.loads(line) for line in (output / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    reasons = {record["recording"]: record["reason"] for record in dropped}
    assert reasons.pop("silent.wav").startswith("silent.wav is silent: ")
    assert reasons == {
        "again.wav": "duplicate recording",
        "short.wav": "shorter than 0.5 s",
        "long.wav": "longer than 30 s",
        "wordless.wav": "no words",
    }
    assert len(list((output / "audio").iterdir())) == 1


def test_held_out_speech_is_left_out_even_in_another_encoding(tmp_path, spoken, capsys):
    test = common_voice(tmp_path / "test", {"a.wav": (spoken, "bom dia")})
    prepare(Source(str(test), "train"), TASKS["pt"], tmp_path / "held")
    noise = np.random.default_rng(0).normal(0, 1e-3, len(spoken)).astype(np.float32)
    rows = {
        "same.wav": (spoken, "outra coisa"),
        "other_codec.wav": (np.pad(spoken + noise, (0, 1000)), "bom dia"),
        "other_speaker.wav": (np.pad(spoken + noise, (0, 8000)), "bom dia"),
    }
    data = common_voice(tmp_path / "train", rows)
    held_out = str(tmp_path / "held" / "manifest.jsonl")
    command = ["--data", str(data), "--direction", "pt", "--output_dir", str(tmp_path / "out"), "--held_out", held_out]
    assert main(command) == 0
    assert capsys.readouterr().out == "1 of 3 samples used; 2 held out\n"
    (kept,) = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert kept.seconds == pytest.approx(len(spoken) / 16000 + 0.5, abs=1e-3)


def test_no_usable_recording_is_an_error(tmp_path, spoken, capsys):
    data = common_voice(tmp_path / "cv", {"short.wav": (spoken[:4000], "sim")})
    assert main(["--data", str(data), "--direction", "pt", "--output_dir", str(tmp_path / "out")]) == 1
    assert "0 of 1 samples used; 1 shorter than 0.5 s" in capsys.readouterr().err


def test_speakers_are_numbered_in_order_of_first_speech():
    spoken = [("B", "はい。"), ("A", "もしもし、"), ("A", "佐藤です。"), ("B", "はい。"), ("C", None)]
    assert (
        tag_speakers(Segment(*segment) for segment in spoken)
        == "<|spk_0|> はい。 <|spk_1|> もしもし、佐藤です。 <|spk_0|> はい。"
    )


def test_targets_equal_the_references(tmp_path):
    for name, task in TASKS.items():
        filtered = prepare(Source(str(RECORDINGS)), task, tmp_path / name)
        expected = [recording.reference for recording in recordings_in(RECORDINGS, name)]
        assert [sample.words for sample in filtered.kept] == expected
        languages = {"English", "Japanese", "Portuguese"} if task.language is None else {task.language}
        assert {sample.language for sample in filtered.kept} == languages


def test_any_language_is_prepared_with_its_context(tmp_path, capsys):
    data, output = tmp_path / "data", tmp_path / "out"
    write_fleurs(data, "en_us", {SPOKEN["English"][0]: "The temple opens at half past eight."})
    write_fleurs(data, "yue_hant_hk", {SPOKEN["Japanese"][0]: "早晨。"})
    command = ["--data", str(data), "--direction", "transcribe", "--split", "test", "--output_dir", str(output)]
    assert main(command) == 0
    assert [sample.text for sample in read_manifest(output / "manifest.jsonl")] == [
        "language Cantonese<asr_text>早晨。",
        "language English<asr_text>The temple opens at half past eight.",
    ]
    assert main([*command, "--language", "yue"]) == 0
    assert [sample.language for sample in read_manifest(output / "manifest.jsonl")] == ["Cantonese"]

    shutil.copy(RECORDINGS / "pt_0.flac", data)
    entry = {"direction": "transcribe", "reference": "Bom dia.", "language": "Portuguese", "context": "Fernando"}
    (data / "references.json").write_text(json.dumps({"pt_0.flac": entry}), encoding="utf-8")
    assert main(command) == 0
    (sample,) = read_manifest(output / "manifest.jsonl")
    assert (sample.text, sample.context) == ("language Portuguese<asr_text>Bom dia.", "Fernando")
    assert main([*command, "--language", "Klingon"]) == 1
    assert "'Klingon'" in capsys.readouterr().err


def test_missing_lengths_and_hashes_are_computed(tmp_path):
    path = tmp_path / "m.jsonl"
    record = {"audio": str(RECORDINGS / "pt_0.flac"), "text": "language Portuguese<asr_text>Sim."}
    missing = record | {"audio": "gone.flac"}
    path.write_text("".join(json.dumps(line) + "\n" for line in (record, missing)), encoding="utf-8")
    found, gone = read_manifest(path)
    waveform = load_audio(RECORDINGS / "pt_0.flac")
    assert (found.seconds, found.sha256) == (len(waveform) / 16000, hash_waveform(waveform))
    assert rejection_reason(gone) == "cannot be read" and gone.read_error.startswith("gone.flac does not exist")


def test_a_written_manifest_reads_back_equal(tmp_path):
    samples = [sample(audio=tmp_path / "audio" / f"{n}.flac", seconds=n + 0.125, sha256=str(n)) for n in (1, 2)]
    write_manifest(tmp_path / "m.jsonl", samples)
    assert read_manifest(tmp_path / "m.jsonl") == samples


def test_a_context_is_kept_under_either_name(tmp_path):
    """Qwen3-ASR's own recipe calls it `prompt`."""
    audio, text = RECORDINGS / "pt_0.flac", "language Portuguese<asr_text>Bom dia."
    known = {"seconds": 1.0, "sha256": "a"}
    lines = [{"context": "Fernando"}, {"prompt": "Fernando"} | known, known]
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps({"audio": str(audio), "text": text} | line) + "\n" for line in lines))
    samples = read_manifest(path)
    assert [sample.context for sample in samples] == ["Fernando", "Fernando", ""]
    copied = [replace(sample, audio=tmp_path / "a.flac") for sample in samples[1:]]
    write_manifest(path, copied)
    assert read_manifest(path) == copied


@pytest.mark.parametrize("content", ["", "no json\n", '{"audio": "a.flac"}\n', "[]\n"])
def test_an_invalid_manifest_is_refused_with_a_remedy(tmp_path, content):
    path = tmp_path / "m.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=r"m\.jsonl.*: (make|correct)"):
        read_manifest(path)


def test_filtering_counts_dropped_samples_by_reason():
    samples = [
        sample(),
        sample(text="Hello."),
        sample(seconds=0.49),
        sample(seconds=30.1),
        sample(seconds=30.0),
        sample(text="language English<asr_text>"),
    ]
    filtered = filter_samples(samples, rejection_reason)
    assert filtered.kept == [samples[0], samples[4]]
    assert filtered.dropped == {
        "text is not in the native format": 1,
        "shorter than 0.5 s": 1,
        "longer than 30 s": 1,
        "no words": 1,
    }
    with pytest.raises(DataError, match="0 of 1 samples used; 1 longer than 30 s"):
        filter_samples(samples[3:4], rejection_reason)


def test_evaluation_samples_in_the_training_data_are_refused():
    train = [sample(sha256="a"), sample(sha256="b", text="language English<asr_text>Bye.")]
    check_apart(train, [sample(sha256="c", text="language English<asr_text>Else.")])
    with pytest.raises(DataError, match="1 of 2 training samples are also in the evaluation data"):
        check_apart(train, [sample(sha256="b", text="language English<asr_text>Other.")])


def test_a_copy_has_the_same_text_and_nearly_the_same_length():
    held_out = HeldOut([sample(sha256="a", seconds=2.0)])
    assert sample(sha256="b", seconds=2.19) in held_out
    assert sample(sha256="b", seconds=2.3) not in held_out
    assert sample(sha256="b", text="language English<asr_text>Else.") not in held_out


def test_balancing_repeats_samples_of_rarer_languages():
    english = [sample(sha256=f"e{n}") for n in range(5)]
    japanese = [sample(sha256=f"j{n}", text="language Japanese<asr_text>はい。") for n in range(2)]
    balanced = balance([*english, *japanese])
    assert balanced[:5] == english
    assert [sample.sha256 for sample in balanced[5:]] == ["j0", "j1", "j0", "j1", "j0"]
