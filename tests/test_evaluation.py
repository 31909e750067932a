"""Runs over real recordings with the tiny checkpoint: what comes out, what is kept, how a run goes on."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
from xml.etree import ElementTree

import pytest
from conftest import EXAMPLES, RECORDINGS, ROOT, example, recordings_in
from test_imports import HEAVY, imported_by

from evaluation import cards, judge, run
from evaluation.results import UTTERANCES, Folder

PORTUGUESE = recordings_in(RECORDINGS, "pt")


def evaluate(capsys, *options) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a run."""
    code = run.main(["--checkpoint", "tiny", *map(str, options)])
    return code, *capsys.readouterr()


def options_for(data, output, direction="pt"):
    return "--data", data, "--direction", direction, "--output_dir", output


def checkpoint_named(name, folder):
    """The tiny checkpoint under the name of a card's, as if that had been fetched to a folder."""
    return shutil.copytree(ROOT / "assets" / "tiny", folder / name)


def lines_of(folder):
    return [json.loads(line) for line in (folder / UTTERANCES).read_text(encoding="utf-8").splitlines()]


def figures_of(folder):
    return {figure["name"]: figure for figure in Folder(folder).summary()["figures"]}


@pytest.fixture
def common_voice(tmp_path):
    """The Portuguese recordings in Common Voice's layout, the last reference with one word more than is said."""
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
def test_what_is_right_is_measured_as_right(direction, values, tmp_path, capsys):
    code, table, _ = evaluate(capsys, *options_for(EXAMPLES, tmp_path, direction))
    assert code == 0
    assert {name: figure["value"] for name, figure in figures_of(tmp_path).items()} == pytest.approx(values)
    assert table == (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert all(f"| {name} | {value:.2f} |" in table for name, value in values.items())


def test_a_word_left_out_is_one_error_in_all_words(common_voice, tmp_path, capsys):
    evaluate(capsys, *options_for(common_voice, tmp_path / "results"))
    words = 1 + sum(len(recording.reference.split()) for recording in PORTUGUESE)
    figure = figures_of(tmp_path / "results")["WER"]
    assert figure["value"] == pytest.approx(100 / words)
    assert figure["detail"] == f"0 insertions, 1 deletions, 0 substitutions in {words}"
    *right, wrong = lines_of(tmp_path / "results")
    assert [line["errors"]["WER"]["deletions"] for line in right] == [0] * 5
    assert wrong["errors"]["WER"]["deletions"] == 1
    assert wrong["hypothesis"] == [{"speaker": None, "text": PORTUGUESE[-1].reference}]
    assert wrong["duration_seconds"] > 0 < wrong["tokens"]


@pytest.mark.slow
def test_the_picture_names_the_figures(tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path, "diarize"))
    picture = (tmp_path / "figures.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "<!-- cpCER -->" in picture  # letters are drawn; what they spell is beside them


@pytest.mark.slow
def test_a_call_is_measured_by_who_said_what(tmp_path, capsys):
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
    assert figures["speaker count errors"]["value"] == 100  # two are heard where the reference has one
    caller = sum(len(turn.text) for turn in call.turns if turn.speaker == "spk_1")
    assert figures["cpCER"]["detail"].startswith(f"{caller} insertions, {caller} deletions, ")


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(common_voice, tmp_path, capsys):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "evaluation.run", *map(str, options_for(common_voice, killed))]
    process = subprocess.Popen([*command, "--checkpoint", "tiny"], cwd=ROOT)
    while not (killed / UTTERANCES).exists() or b"\n" not in (killed / UTTERANCES).read_bytes():
        try:
            raise AssertionError(f"the run ended by itself with {process.wait(timeout=0.02)}")
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    kept = (killed / UTTERANCES).read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    with (killed / UTTERANCES).open("wb") as file:
        file.write(kept + b'{"name": "pt_')  # as if it had been killed while it wrote
    assert evaluate(capsys, *options_for(common_voice, killed))[0] == 0
    assert (killed / UTTERANCES).read_bytes().startswith(kept)
    evaluate(capsys, *options_for(common_voice, whole))
    assert [line | {"seconds": 0} for line in lines_of(killed)] == [line | {"seconds": 0} for line in lines_of(whole)]
    assert figures_of(killed) == figures_of(whole)


@pytest.mark.slow
def test_a_finished_run_is_not_done_again(common_voice, tmp_path, capsys):
    options = options_for(common_voice, tmp_path / "results")
    evaluate(capsys, *options, "--limit", 2)
    assert len(lines_of(tmp_path / "results")) == 2
    evaluate(capsys, *options)
    before = (tmp_path / "results" / UTTERANCES).read_bytes()
    evaluate(capsys, *options)
    assert (tmp_path / "results" / UTTERANCES).read_bytes() == before
    assert len(before.splitlines()) == 6


def test_results_of_another_run_are_not_mixed_in(tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path))
    code, _, errors = evaluate(capsys, *options_for(EXAMPLES, tmp_path, "en2ja"))
    assert code == 1
    assert "holds a run with direction 'pt', not 'en2ja': choose another --output_dir" in errors


def test_damaged_results_are_named(tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path))
    (tmp_path / UTTERANCES).write_text("nonsense\n")
    code, _, errors = evaluate(capsys, *options_for(EXAMPLES, tmp_path))
    assert (code, errors) == (
        1,
        f"error: {tmp_path / UTTERANCES} is damaged in line 1: remove it and run again\n",
    )


def test_a_recording_that_is_refused_counts_as_not_heard(common_voice, tmp_path, capsys):
    (common_voice / "clips" / "pt_0.flac").write_text("not sound")
    code, table, errors = evaluate(capsys, *options_for(common_voice, tmp_path / "results"))
    assert code == 1
    assert errors.startswith("error: pt_0.flac ")
    assert "6 utterances" in table
    assert "1 refused" in table
    first = lines_of(tmp_path / "results")[0]
    words = len(PORTUGUESE[0].reference.split())
    assert first["errors"]["WER"] == {"insertions": 0, "deletions": words, "substitutions": 0, "length": words}
    assert first["refused"].startswith("pt_0.flac ")


@pytest.mark.slow
def test_cards_show_ours_beside_theirs_where_it_was_measured(common_voice, tmp_path, capsys):
    options = [*options_for(common_voice, tmp_path / "tiny"), "--name", "Common Voice 17 (test)"]
    evaluate(capsys, *options)
    cards.main([str(tmp_path / "tiny")])
    _, _, portuguese = capsys.readouterr().out.split("## ")[1:]
    assert (
        "| Common Voice 17 (test) | 9,467 |  | 12.63 |  | 8.11 |  | -4.52 (-35.8%) |  | 3.51 → 2.41 |  |" in portuguese
    )
    assert "| Common Voice 17 (test) | pt | tiny | 6 | WER " in portuguese

    results = tmp_path / "tuned"
    checkpoint = checkpoint_named("Qwen3-ASR-1.7B-PT", tmp_path)
    evaluate(capsys, *options, "--checkpoint", checkpoint, "--output_dir", results)
    assert cards.main([str(results)]) == 0
    _, _, portuguese = capsys.readouterr().out.split("## ")[1:]
    row = next(line for line in portuguese.splitlines() if line.startswith("| Common Voice 17"))
    cells = [cell.strip() for cell in row.split("|")]
    wer, cer = (f"{figures_of(results)[name]['value']:.2f} [" for name in ("WER", "CER"))
    assert cells[2:7] == ["9,467", "6", "12.63", "", "8.11"]
    assert cells[7].startswith(wer)
    assert cells[11].startswith(f"→ {cer}")
    assert "| Set |" not in portuguese


def test_cards_without_results_are_the_cards(capsys):
    assert cards.main([]) == 0
    table = capsys.readouterr().out
    assert "| voiceping-ai/qwen3-asr-ja-en-speech-translation | 1.7B | 4.2 |  | 4.0 |  | 45.8 |  |" in table
    assert "| openai/whisper-large-v3 | 1.55B | N/A |  | 3.2 |  | 51.0 |  |" in table


def test_cards_refuse_a_run_that_has_not_finished(tmp_path, capsys):
    assert cards.main([str(tmp_path)]) == 1
    assert "summary.json is not there" in capsys.readouterr().err


class Judge(http.server.BaseHTTPRequestHandler):
    """An OpenAI-compatible server whose model gives 5 where the translation is the reference."""

    asked = 0

    def do_POST(self):
        type(self).asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reference, translation = (part.split(">>>")[0] for part in body["messages"][0]["content"].split("<<<")[1:])
        answer = {"fair": "5" if reference == translation else "2", "chatty": "I like it"}[body["model"]]
        content = json.dumps({"choices": [{"message": {"content": answer}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def judge_url():
    Judge.asked = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_judge_scores_each_translation_once_and_the_card_shows_it(judge_url, tmp_path, capsys):
    results = tmp_path / "results"
    checkpoint = checkpoint_named("qwen3-asr-ja-en-speech-translation", tmp_path)
    evaluate(capsys, *options_for(RECORDINGS, results, "ja2en"), "--name", "FLEURS", "--checkpoint", checkpoint)
    asked = [str(results), "--base_url", judge_url, "--model", "fair"]
    assert judge.main(asked) == 0
    assert judge.main(asked) == 0
    assert Judge.asked == 6
    assert capsys.readouterr().out.splitlines()[-1].startswith("quality 5.00 [5.00, 5.00] (6 scores by fair)")
    cards.main([str(results)])
    speed = Folder(results).summary()["tokens_per_second"]
    assert f"| 4.2 |  | 4.0 | 5.00 [5.00, 5.00] | 45.8 | {speed} |" in capsys.readouterr().out


def test_a_judge_that_gives_no_number_or_no_answer_is_an_error(judge_url, tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path, "ja2en"))
    assert judge.main([str(tmp_path), "--base_url", judge_url, "--model", "chatty"]) == 1
    assert "chatty answers 'I like it', not a number from 1 to 5" in capsys.readouterr().err
    assert judge.main([str(tmp_path), "--base_url", "http://127.0.0.1:9", "--model", "fair"]) == 1
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.slow
def test_scoring_imports_neither_torch_nor_a_model():
    code = f"""
from evaluation import cards, data, judge, metrics, normalisation, report, results, run, scoring
from speech.directions import DIRECTIONS
for name, direction in DIRECTIONS.items():
    pair = scoring.Pair(*2 * [(data.Segment("A", "はい、どうも"),)])
    scoring.score(direction, [pair])
import sys
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


def test_imports_go_from_evaluation_to_what_it_measures():
    ours = {"app", "inference", "speech", "training", "evaluation", "benchmarks", "tests"}
    for path in (ROOT / "evaluation").glob("*.py"):
        assert imported_by(path) & ours <= {"inference", "speech", "evaluation"}, path
    for path in [*ROOT.glob("*.py"), *(ROOT / "speech").glob("*.py")]:
        assert "evaluation" not in imported_by(path), path
