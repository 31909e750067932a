"""Evaluation of the direction `transcribe`: every layout, known errors, and languages that are detected wrongly."""

from __future__ import annotations

import json
import re

import pytest

from evaluation import cards, run
from evaluation.data import DataError, Source
from evaluation.identification import confusions, identification
from evaluation.metrics import share
from evaluation.normalisation import normalise_speech
from evaluation.readers import read_utterances
from evaluation.results import SETTINGS, UTTERANCES, RunFolder
from evaluation.scoring import Pair, Segment, count_errors
from kikitori.languages import CODES
from kikitori.tasks import TASKS, choose_task
from kikitori.text.error_counts import ErrorCounts
from tests.support.corpora import (
    SPOKEN,
    write_aishell,
    write_common_voice,
    write_fleurs,
    write_librispeech,
    write_lines,
)
from tests.support.evaluation import checkpoint_named
from tests.support.recordings import EXAMPLES, RECORDINGS

ENGLISH, JAPANESE, PORTUGUESE = (SPOKEN[language] for language in ("English", "Japanese", "Portuguese"))


def said(*recordings) -> dict:
    return {recording: recording.said for recording in recordings}


def read(location, language="auto", **options):
    return list(read_utterances(Source(str(location), **options), choose_task("transcribe", language)))


def evaluate(capsys, data, output, *options) -> tuple[int, str, str]:
    """Run `evaluation.run`; return its exit code, standard output and standard error."""
    command = ["--data", data, "--direction", "transcribe", "--checkpoint", "tiny", "--output_dir", output, *options]
    code = run.main(list(map(str, command)))
    return code, *capsys.readouterr()


def rows_of(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("| ")]


def test_librispeech_is_english(tmp_path):
    write_librispeech(tmp_path, said(*ENGLISH[:3]))
    by_folder = read(tmp_path, split="test-clean")
    assert by_folder == read(tmp_path / "test-clean")
    names = ["61-70960-0000.flac", "61-70960-0002.flac", "61-70961-0001.flac"]
    assert [(utterance.name, utterance.language) for utterance in by_folder] == [(name, "English") for name in names]
    assert by_folder[2].reference == (Segment(None, "THERE IS A RABBIT IN THE HOTEL"),)


def test_aishell_is_chinese_and_has_no_spaces(tmp_path, caplog):
    write_aishell(tmp_path, {JAPANESE[0]: "今天天气很好", JAPANESE[1]: "我是中国人"})
    (tmp_path / "wav" / "test" / "S0764" / "untold.wav").write_bytes(b"")
    first, second = read(tmp_path)
    assert (first.language, first.reference) == ("Chinese", (Segment(None, "今天天气很好"),))
    assert second.audio.name == "ja2en_1.wav"
    assert "1 of 3 recordings have no text" in caplog.text


def test_fleurs_gives_every_language_it_has_or_the_chosen_one(tmp_path):
    write_fleurs(tmp_path, "fr_fr", {ENGLISH[0]: "bonjour"})
    write_fleurs(tmp_path, "cmn_hans_cn", {ENGLISH[1]: "你好", ENGLISH[2]: "再见"})
    write_fleurs(tmp_path, "lb_lu", {ENGLISH[3]: "moien"})  # Qwen3-ASR does not know Luxembourgish
    found = [(utterance.name, utterance.language, utterance.reference[0].text) for utterance in read(tmp_path)]
    chinese, french = found[:2], found[2:]
    assert chinese == [("cmn_hans_cn/0.flac", "Chinese", "你好"), ("cmn_hans_cn/1.flac", "Chinese", "再见")]
    assert french == [("fr_fr/0.flac", "French", "bonjour")]
    assert [utterance.name for utterance in read(tmp_path, "fr")] == ["fr_fr/0.flac"]
    with pytest.raises(DataError, match="has no layout that can be read for transcribe"):
        read(tmp_path, "German")


@pytest.mark.parametrize(
    ("folder", "locale", "language"),
    [
        ("pt", None, "Portuguese"),
        ("data", "sv-SE", "Swedish"),
        ("zh-HK", None, "Cantonese"),
        ("zh-TW", None, "Chinese"),
    ],
)
def test_common_voice_is_in_the_language_of_its_locale(tmp_path, folder, locale, language):
    write_common_voice(tmp_path / folder, said(PORTUGUESE[0]), locale)
    (utterance,) = read(tmp_path / folder)
    assert (utterance.name, utterance.language) == ("pt_0.flac", language)


def test_common_voice_may_have_several_locales(tmp_path):
    write_common_voice(tmp_path / "pt", said(PORTUGUESE[0]))
    write_common_voice(tmp_path / "en", said(ENGLISH[0]))
    write_common_voice(tmp_path / "ca", said(PORTUGUESE[1]))  # Qwen3-ASR does not know Catalan
    found = [(utterance.name, utterance.language) for utterance in read(tmp_path)]
    assert found == [("en/en2ja_0.flac", "English"), ("pt/pt_0.flac", "Portuguese")]
    assert [utterance.name for utterance in read(tmp_path, "Portuguese")] == ["pt/pt_0.flac"]


def test_a_locale_without_a_known_language_needs_the_option(tmp_path):
    write_common_voice(tmp_path / "ca", said(PORTUGUESE[0]))
    with pytest.raises(DataError, match=r"don't tell the language of pt_0.flac: give it with --language"):
        read(tmp_path / "ca")
    assert read(tmp_path / "ca", "es")[0].language == "Spanish"


def test_references_of_ones_own_may_name_the_language_and_a_context(tmp_path):
    entry = {"direction": "transcribe", "reference": "Bonjour.", "language": "fr", "context": "Amélie"}
    (tmp_path / "references.json").write_text(json.dumps({"a.flac": entry}), encoding="utf-8")
    (tmp_path / "a.flac").write_bytes(b"")
    (utterance,) = read(tmp_path)
    assert (utterance.language, utterance.context) == ("French", "Amélie")


@pytest.mark.parametrize("language", ["auto", "Portuguese"])
def test_an_example_in_several_languages_is_left_out(language, caplog):
    assert "three_languages.flac" not in {utterance.name for utterance in read(EXAMPLES, language)}
    assert "three_languages.flac has no language" in caplog.text


def test_data_in_another_language_are_refused(tmp_path):
    write_librispeech(tmp_path, said(ENGLISH[0]))
    with pytest.raises(DataError, match="holds no recordings for transcribe in French"):
        read(tmp_path / "test-clean", "French")


@pytest.mark.parametrize("line", ["61-70960-0009", "61-70960-0009  "])
def test_a_line_without_words_is_refused(tmp_path, line):
    write_librispeech(tmp_path, said(ENGLISH[0]))
    file = tmp_path / "test-clean" / "61" / "70960" / "61-70960.trans.txt"
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"trans.txt, line 2, has no words after '61-70960-0009': correct or remove it"):
        read(tmp_path, split="test-clean")


@pytest.mark.slow
def test_known_errors_are_counted_in_each_language(tmp_path, capsys):
    """References with errors, so that each language has a figure that can be worked out by hand."""
    english, portuguese = said(*ENGLISH[:3]), said(*PORTUGUESE[:2])
    english[ENGLISH[1]] = "there is a big rabbit in a hotel"  # 7 + 8 + 5 words; one is not said, one is another
    portuguese[PORTUGUESE[0]] = "bom dia eu sou a Fernanda"  # 6 + 6 words; one is not said, one is another
    japanese = said(JAPANESE[3], JAPANESE[5])
    japanese[JAPANESE[3]] = "劇場はどこか"  # 6 + 11 characters; です is not in the reference
    write_fleurs(tmp_path, "en_us", english)
    write_fleurs(tmp_path, "ja_jp", japanese)
    write_fleurs(tmp_path, "pt_br", portuguese)
    code, table, _ = evaluate(capsys, tmp_path, tmp_path / "results")
    assert code == 0
    figures = {row.split(" | ")[0]: row for row in rows_of(table)}
    assert "| 10.00 |" in figures["| WER, English"]
    assert figures["| WER, English"].endswith("| 0 insertions, 1 deletions, 1 substitutions in 20 |")
    assert "| 16.67 |" in figures["| WER, Portuguese"]
    assert figures["| WER, Portuguese"].endswith("| 0 insertions, 1 deletions, 1 substitutions in 12 |")
    assert "| 11.76 |" in figures["| CER, Japanese"]
    assert figures["| CER, Japanese"].endswith("| 2 insertions, 0 deletions, 0 substitutions in 17 |")
    assert "| 100.00 |" in figures["| language identification"]
    assert table == (tmp_path / "results" / "summary.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_wrong_language_in_the_data_is_counted(tmp_path, capsys):
    """One English recording among the Portuguese ones, and Japanese speech that the data call Chinese."""
    portuguese = tmp_path / "pt"
    write_common_voice(portuguese, said(*PORTUGUESE[:3], ENGLISH[2]))
    _, table, _ = evaluate(capsys, portuguese, tmp_path / "pt-auto")
    rows = rows_of(table)
    assert rows[2].startswith("| WER, Portuguese | 0.00 |")
    assert rows[3].startswith("| language identification | 75.00 |") and rows[3].endswith("| 3 of 4 |")
    assert rows[4:] == ["| spoken | detected | recordings |", "| --- | --- | --- |", "| Portuguese | English | 1 |"]

    aishell = write_aishell(tmp_path / "aishell", said(*JAPANESE[:2]))
    _, table, _ = evaluate(capsys, aishell, tmp_path / "zh-auto")
    rows = rows_of(table)
    assert rows[2].startswith("| CER, Chinese | 0.00 |")
    assert rows[3].startswith("| language identification | 0.00 |")
    assert rows[6] == "| Chinese | Japanese | 2 |"
    assert RunFolder(tmp_path / "zh-auto").summary()["confusions"] == [
        {"spoken": "Chinese", "detected": "Japanese", "recordings": 2}
    ]


@pytest.mark.slow
def test_a_chosen_language_is_forced_and_not_identified(tmp_path, capsys):
    write_librispeech(tmp_path, said(*ENGLISH[:2]))
    options = ("--split", "test-clean", "--language", "en")
    code, table, _ = evaluate(capsys, tmp_path, tmp_path / "results", *options)
    assert code == 0
    assert [row.split(" | ")[0] for row in rows_of(table)[2:]] == ["| WER, English"]
    assert RunFolder(tmp_path / "results").settings()["language"] == "English"
    first, *_ = (tmp_path / "results" / UTTERANCES).read_text(encoding="utf-8").splitlines()
    assert json.loads(first)["raw_text"].endswith(ENGLISH[0].said)
    assert "language English" not in json.loads(first)["raw_text"]


@pytest.mark.slow
def test_a_run_is_resumed_only_in_the_same_language(tmp_path, capsys):
    output = tmp_path / "results"
    evaluate(capsys, EXAMPLES, output, "--limit", 2)
    before = (output / UTTERANCES).read_bytes()
    _, table, _ = evaluate(capsys, EXAMPLES, output)
    assert (output / UTTERANCES).read_bytes().startswith(before)
    assert "| language identification | 100.00 | 100.00 to 100.00 | 4 of 4 |" in table
    code, _, errors = evaluate(capsys, EXAMPLES, output, "--language", "pt")
    assert code == 1
    assert "holds a run with language 'auto', not 'Portuguese': choose another --output_dir" in errors


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_resumed(tmp_path, capsys):
    """Its settings and results name no language."""
    command = (EXAMPLES, tmp_path, "--direction", "pt")
    evaluate(capsys, *command, "--limit", 1)
    settings = RunFolder(tmp_path).settings()
    assert settings.pop("language") is None
    (tmp_path / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
    result = json.loads((tmp_path / UTTERANCES).read_text(encoding="utf-8"))
    del result["language"], result["detected"]
    (tmp_path / UTTERANCES).write_text(json.dumps(result) + "\n", encoding="utf-8")
    code, table, _ = evaluate(capsys, *command)
    assert (code, "2 utterances" in table) == (0, True)


def test_an_unreadable_recording_counts_as_not_identified(tmp_path, capsys):
    write_common_voice(tmp_path / "pt", said(*PORTUGUESE[:2]))
    (tmp_path / "pt" / "clips" / "pt_0.flac").write_text("not sound")
    code, table, _ = evaluate(capsys, tmp_path / "pt", tmp_path / "results")
    assert code == 1
    assert "| Portuguese | None | 1 |" in table


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--language", "Klingon"), "'Klingon'"),
        (("--language", "pt", "--direction", "pt"), "pt"),
    ],
)
def test_a_language_that_does_not_fit_is_refused(tmp_path, capsys, options, message):
    code, _, errors = evaluate(capsys, RECORDINGS, tmp_path, *options)
    assert code == 1
    assert errors.startswith("error: ") and message in errors


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("German", "Die Straße, „groß“!", "die straße groß"),
        ("French", "L’été — ça va ?", "l été ça va"),
        ("Hindi", "हिन्दी।", "हिन्दी"),
        ("Thai", "ที่นี่", "ที่นี่"),
        ("Chinese", "１２个，Ａ股。", "12个 a股"),
        ("Korean", "안녕하세요.", "안녕하세요"),
        ("English", "Mr. Smith's colour: twenty-one!", "mister smith is color 21"),
    ],
)
def test_only_differences_in_writing_are_removed(language, one, other):
    assert normalise_speech(language, one) == normalise_speech(language, other) == other


def test_vowel_signs_and_accents_count():
    assert normalise_speech("Hindi", "की") != normalise_speech("Hindi", "क")
    assert normalise_speech("Portuguese", "avó") != normalise_speech("Portuguese", "avô")


def pair(language, reference, hypothesis, detected=""):
    return Pair((Segment(None, reference),), (Segment(None, hypothesis),) if hypothesis else (), language, detected)


@pytest.mark.parametrize("language", CODES)
def test_languages_without_spaces_are_measured_in_characters(language):
    metric = "CER" if language in ("Chinese", "Cantonese", "Japanese", "Thai") else "WER"
    counts = count_errors(TASKS["transcribe"], pair(language, "你 好 吗.", "你好"))
    assert counts == {f"{metric}, {language}": ErrorCounts(0, 1, 0, 3) if metric == "CER" else ErrorCounts(0, 2, 1, 3)}


def test_identification_names_languages_only_if_there_are_several():
    pairs = [pair("French", "oui", "oui", "French"), pair("French", "oui", "")]
    assert [(figure.name, figure.value) for figure in identification(pairs)] == [("language identification", 50)]
    pairs += [pair("Thai", "ใช่", "oui", "French")] * 2
    assert {figure.name: figure.value for figure in identification(pairs)} == {
        "language identification": 25,
        "language identification, French": 50,
        "language identification, Thai": 0,
    }
    assert confusions(pairs) == [
        {"spoken": "Thai", "detected": "French", "recordings": 2},
        {"spoken": "French", "detected": "None", "recordings": 1},
    ]
    assert identification([]) == ()


def test_a_share_has_an_interval():
    figure = share("right", [True] * 9 + [False])
    assert (figure.value, figure.detail) == (90, "9 of 10")
    assert 60 <= figure.low < 90 < figure.high <= 100
    with pytest.raises(ValueError, match="at least one"):
        share("right", [])


@pytest.mark.slow
def test_the_reports_rows_show_the_base_models_figures(tmp_path, capsys):
    data = write_librispeech(tmp_path / "data", said(*ENGLISH[:2]))
    options = ["--split", "test-clean", "--name", "LibriSpeech (test-clean)"]
    base = checkpoint_named("Qwen3-ASR-1.7B", tmp_path)
    evaluate(capsys, data, tmp_path / "results", *options, "--checkpoint", base)
    assert cards.main([str(tmp_path / "results")]) == 0
    report = capsys.readouterr().out.split("## ")[-1]
    assert "| LibriSpeech (test-clean) | WER, English | 1.63 | 0.00 [0.00, 0.00] | 2 | toolkit |" in report
    assert "| GigaSpeech | WER, English | 8.45 |  |  | report |" in report
    assert "| Set |" not in report


def test_every_row_of_the_report_has_a_figure_that_a_run_can_give():
    names = {f"{metric}, {language}" for metric in ("WER", "CER") for language in CODES} | {"language identification"}
    assert {figure for _, figure, *_ in cards.REPORT_ROWS} <= names
    assert re.search(r"97\.90", cards.report_table(cards.Runs([])))


def test_an_unreadable_text_file_is_refused(tmp_path):
    write_aishell(tmp_path, said(JAPANESE[0]))
    write_lines(tmp_path / "transcript" / "aishell_transcript_v0.8.txt", [])
    (tmp_path / "transcript" / "aishell_transcript_v0.8.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"aishell_transcript_v0.8.txt can't be read"):
        read(tmp_path)
