"""Runs over real recordings with the tiny checkpoint: figures, output files, resuming, cards and the judge."""

from __future__ import annotations

import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import torch

from benchmarks.served import ROOT
from evaluation import cards, run
from evaluation.results import UTTERANCES, RunFolder
from tests.support.evaluation import checkpoint_named, evaluate, figures_of, lines_of, options_for
from tests.support.recordings import EXAMPLES, RECORDINGS, example, recordings_in
from tests.test_imports import HEAVY

PORTUGUESE = recordings_in(RECORDINGS, "pt")


@pytest.fixture
def common_voice(tmp_path):
    """The Portuguese recordings in Common Voice's layout. The last reference has one word that is not spoken."""
    folder = tmp_path / "pt"
    (folder / "clips").mkdir(parents=True)
    for recording in PORTUGUESE:
        shutil.copy(recording.path, folder / "clips")
    sentences = [recording.reference for recording in PORTUGUESE]
    sentences[-1] = f"Ora {sentences[-1]}"
    rows = [("path", "sentence"), *zip((recording.path.name for recording in PORTUGUESE), sentences, strict=True)]
    (folder / "test.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("direction", "values"),
    [
        ("diarize", {"cpCER": 0, "CER": 0, "speaker count errors": 0}),
        ("pt", {"WER": 0, "CER": 0}),
        ("en2ja", dict.fromkeys(("BLEU", "chrF", "BLEU, normalised", "chrF, normalised"), 100)),
        ("ja2en", dict.fromkeys(("BLEU", "chrF", "BLEU, normalised", "chrF, normalised"), 100)),
    ],
)
def test_correct_transcripts_get_perfect_figures(direction, values, tmp_path, capsys):
    code, table, _ = evaluate(capsys, *options_for(EXAMPLES, tmp_path, direction))
    assert code == 0
    assert {name: figure["value"] for name, figure in figures_of(tmp_path).items()} == pytest.approx(values)
    assert table == (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert all(f"| {name} | {value:.2f} |" in table for name, value in values.items())


@pytest.mark.slow
def test_a_missing_word_is_one_deletion(common_voice, tmp_path, capsys):
    evaluate(capsys, *options_for(common_voice, tmp_path / "results"))
    words = 1 + sum(len(recording.reference.split()) for recording in PORTUGUESE)
    figure = figures_of(tmp_path / "results")["WER"]
    assert figure["value"] == pytest.approx(100 / words)
    assert figure["detail"] == f"0 insertions, 1 deletions, 0 substitutions in {words}"
    *_, wrong = lines_of(tmp_path / "results")
    assert wrong["hypothesis"] == [{"speaker": None, "text": PORTUGUESE[-1].reference}]
    assert wrong["duration_seconds"] > 0 < wrong["tokens"]


@pytest.mark.slow
def test_the_picture_shows_the_figures(tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path, "diarize"))
    picture = (tmp_path / "figures.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "<!-- cpCER -->" in picture  # matplotlib draws letters as paths and adds the text as a comment


@pytest.mark.slow
def test_calls_are_scored_by_speaker(tmp_path, capsys):
    call = example("call_order")
    shutil.copy(call.path, tmp_path)
    labels = {"spk_0": "shop", "spk_1": "caller"}
    stm = [f"call_order 1 {labels[turn.speaker]} {i} {i + 1} {turn.text}\n" for i, turn in enumerate(call.turns)]
    (tmp_path / "calls.stm").write_text("".join(stm), encoding="utf-8")
    evaluate(capsys, *options_for(tmp_path, tmp_path / "right", "diarize"))
    assert figures_of(tmp_path / "right")["cpCER"]["value"] == 0
    (tmp_path / "calls.stm").write_text("".join(stm).replace("caller", "shop"), encoding="utf-8")
    evaluate(capsys, *options_for(tmp_path, tmp_path / "one", "diarize"))
    figures = figures_of(tmp_path / "one")
    assert figures["CER"]["value"] == 0
    assert figures["speaker count errors"]["value"] == 100  # two speakers in the hypothesis, one in the reference
    caller = sum(len(turn.text) for turn in call.turns if turn.speaker == "spk_1")
    assert figures["cpCER"]["detail"].startswith(f"{caller} insertions, {caller} deletions, ")


@pytest.mark.slow
def test_a_killed_run_is_resumed(common_voice, tmp_path, capsys):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "evaluation.run", *map(str, options_for(common_voice, killed))]
    process = subprocess.Popen([*command, "--checkpoint", "tiny"], cwd=ROOT)
    while not (killed / UTTERANCES).exists() or b"\n" not in (killed / UTTERANCES).read_bytes():
        try:
            raise AssertionError(f"the run ended too early with exit code {process.wait(timeout=0.02)}")
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    kept = (killed / UTTERANCES).read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    with (killed / UTTERANCES).open("wb") as file:
        file.write(kept + b'{"name": "pt_')  # a partly written line
    assert evaluate(capsys, *options_for(common_voice, killed))[0] == 0
    assert (killed / UTTERANCES).read_bytes().startswith(kept)
    evaluate(capsys, *options_for(common_voice, whole))
    assert [line | {"seconds": 0} for line in lines_of(killed)] == [line | {"seconds": 0} for line in lines_of(whole)]
    assert figures_of(killed) == figures_of(whole)


@pytest.mark.slow
def test_a_finished_run_is_not_repeated(common_voice, tmp_path, capsys):
    options = options_for(common_voice, tmp_path / "results")
    evaluate(capsys, *options, "--limit", 2)
    assert len(lines_of(tmp_path / "results")) == 2
    evaluate(capsys, *options)
    before = (tmp_path / "results" / UTTERANCES).read_bytes()
    evaluate(capsys, *options)
    assert (tmp_path / "results" / UTTERANCES).read_bytes() == before
    assert len(before.splitlines()) == 6


@pytest.mark.slow
def test_a_folder_with_another_run_is_refused(tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path))
    code, _, errors = evaluate(capsys, *options_for(EXAMPLES, tmp_path, "en2ja"))
    assert code == 1
    assert "holds a run with direction 'pt', not 'en2ja': choose another --output_dir" in errors


def test_a_run_with_another_dtype_or_device_is_another_run(tmp_path, capsys, monkeypatch):
    options = [*options_for(EXAMPLES, tmp_path), "--device", "cpu", "--limit", 1]
    monkeypatch.setattr(run, "choose_dtype", lambda device, checkpoint: torch.float32)
    evaluate(capsys, *options)
    settings = RunFolder(tmp_path).settings()
    assert (settings["device"], settings["dtype"]) == ("cpu", "float32")
    monkeypatch.setattr(run, "choose_dtype", lambda device, checkpoint: torch.bfloat16)
    code, _, errors = evaluate(capsys, *options)
    assert code == 1
    assert "holds a run with dtype 'float32', not 'bfloat16': choose another --output_dir" in errors
    monkeypatch.setattr(run, "choose_device", lambda device: "cuda:0")
    code, _, errors = evaluate(capsys, *options)
    assert code == 1
    assert "holds a run with device 'cpu', not 'cuda': choose another --output_dir" in errors


@pytest.mark.slow
def test_an_error_names_the_damaged_file_and_line(tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path))
    (tmp_path / UTTERANCES).write_text("nonsense\n")
    code, _, errors = evaluate(capsys, *options_for(EXAMPLES, tmp_path))
    assert (code, errors) == (
        1,
        f"error: {tmp_path / UTTERANCES} is damaged in line 1: remove it and run again\n",
    )


@pytest.mark.slow
def test_a_refused_recording_is_scored_as_an_empty_transcript(common_voice, tmp_path, capsys):
    (common_voice / "clips" / "pt_0.flac").write_text("not sound")
    code, table, errors = evaluate(capsys, *options_for(common_voice, tmp_path / "results"))
    assert code == 1
    assert errors.startswith("error: pt_0.flac ")
    assert "6 utterances" in table
    assert "1 refused" in table
    first = lines_of(tmp_path / "results")[0]
    assert first["hypothesis"] == []
    assert first["refused"].startswith("pt_0.flac ")
    words = len(PORTUGUESE[0].reference.split())
    detail = figures_of(tmp_path / "results")["WER"]["detail"]
    assert detail.startswith(f"0 insertions, {words + 1} deletions, ")  # all of the first, and one of the last


@pytest.mark.slow
def test_cards_show_measured_figures_next_to_published_ones(common_voice, tmp_path, capsys):
    options = [*options_for(common_voice, tmp_path / "tiny"), "--name", "Common Voice 17 (test)"]
    evaluate(capsys, *options)
    cards.main([str(tmp_path / "tiny")])
    _, _, portuguese, _ = capsys.readouterr().out.split("## ")[1:]
    assert (
        "| Common Voice 17 (test) | 9,467 |  | 12.63 |  | 8.11 |  | -4.52 (-35.8%) |  | 3.51 → 2.41 |  |" in portuguese
    )
    assert "| Common Voice 17 (test) | pt | tiny | 6 | WER " in portuguese

    results = tmp_path / "tuned"
    checkpoint = checkpoint_named("Qwen3-ASR-1.7B-PT", tmp_path)
    evaluate(capsys, *options, "--checkpoint", checkpoint, "--output_dir", results)
    assert cards.main([str(results)]) == 0
    _, _, portuguese, _ = capsys.readouterr().out.split("## ")[1:]
    row = next(line for line in portuguese.splitlines() if line.startswith("| Common Voice 17"))
    cells = [cell.strip() for cell in row.split("|")]
    wer, cer = (f"{figures_of(results)[name]['value']:.2f} [" for name in ("WER", "CER"))
    assert cells[2:7] == ["9,467", "6", "12.63", "", "8.11"]
    assert cells[7].startswith(wer)
    assert cells[11].startswith(f"→ {cer}")
    assert "| Set |" not in portuguese


def test_cards_without_results_show_the_published_figures(capsys):
    assert cards.main([]) == 0
    table = capsys.readouterr().out
    assert "| voiceping-ai/qwen3-asr-ja-en-speech-translation | 1.7B | 4.2 |  | 4.0 |  | 45.8 |  |" in table
    assert "| openai/whisper-large-v3 | 1.55B | N/A |  | 3.2 |  | 51.0 |  |" in table


def test_cards_refuse_an_unfinished_run(tmp_path, capsys):
    assert cards.main([str(tmp_path)]) == 1
    assert "summary.json is missing" in capsys.readouterr().err


@pytest.mark.slow
def test_scoring_imports_no_heavy_library():
    code = f"""
from evaluation import cards, data, judge, metrics, normalisation, report, results, run, scoring
from kikitori.tasks import TASKS
for task in TASKS.values():
    pair = scoring.Pair(*2 * [(data.Segment("A", "はい、どうも"),)])
    scoring.score(task, [pair])
import sys
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr
