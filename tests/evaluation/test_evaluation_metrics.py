"""Normalised forms and error counts, compared with values worked out by hand or with general properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.data import Segment
from evaluation.metrics import (
    bleu,
    character_errors,
    chrf,
    error_rate,
    mean_score,
    speaker_errors,
    word_errors,
)
from evaluation.normalisation import CLOSING, normalise_english, normalise_japanese, written_form
from evaluation.scoring import Pair, count_errors, score
from kikitori.tasks import TASKS
from kikitori.text.error_counts import ErrorCounts

CALLS = st.dictionaries(st.sampled_from("ABCD"), st.text("はいどうも。", min_size=1, max_size=8), max_size=4)


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("bom dia", "Bom dia."),
        ("o gato dorme...", "O gato dorme."),
        ("como estás?", "Como estás?"),
        ('"oi"', '"Oi"'),
    ],
)
def test_the_cards_examples_get_the_cards_written_form(raw, written):
    assert written_form(raw) == written


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (" água ", "Água."),
        ("já está.", "Já está."),
        ("espera…", "Espera…"),
        ("(risos)", "(Risos)"),
        ("25 de abril", "25 de abril."),
        ("  ", ""),
    ],
)
def test_the_written_form_changes_only_what_is_needed(raw, written):
    assert written_form(raw) == written


@given(st.text("aZ é.!?\"'1,"))
def test_the_written_form_ends_a_sentence_and_is_idempotent(text):
    written = written_form(text)
    assert written == "" or written[-1] in CLOSING
    assert written_form(written) == written


def test_normalised_english_is_lower_case_without_punctuation():
    assert normalise_english("Let's go to Kyoto, tomorrow!") == "let s go to kyoto tomorrow"


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("附属のシュミレーション", "付属のシミュレーション"),
        ("打込んでください。", "打ち込んで下さい"),
        ("１５人、ｻｰﾊﾞ", "15人サーバー"),
    ],
)
def test_spelling_variants_of_a_japanese_word_become_equal(text, variant):
    assert normalise_japanese(text) == normalise_japanese(variant) != ""


def test_japanese_is_split_into_words():
    assert normalise_japanese("駅はどこですか。") == "駅 は どこ です か"


def test_errors_are_counted_by_kind():
    assert word_errors("a b c", "a x c d") == ErrorCounts(insertions=1, deletions=0, substitutions=1, length=3)
    assert character_errors("京都に", "東京都へ") == ErrorCounts(insertions=1, deletions=0, substitutions=1, length=3)
    assert word_errors("a b", "") == ErrorCounts(insertions=0, deletions=2, substitutions=0, length=2)
    assert ErrorCounts(1, 2, 3, 4) + ErrorCounts(10, 20, 30, 40) == ErrorCounts(11, 22, 33, 44)


def test_a_rate_is_computed_from_sums():
    errors = [ErrorCounts(0, 1, 0, 1), ErrorCounts(0, 0, 1, 9)]  # rates of 100 % and 11 %; their mean would be 56 %
    figure = error_rate("WER", errors)
    assert figure.value == pytest.approx(20)
    assert figure.detail == "0 insertions, 1 deletions, 1 substitutions in 10"
    assert (figure.low, figure.high) == pytest.approx((100 / 9, 100))  # the lowest and highest possible draws


def test_the_interval_is_narrow_for_many_utterances_and_empty_for_equal_ones():
    mixed = [ErrorCounts(0, 0, count % 2, 1) for count in range(1000)]
    figure = error_rate("WER", mixed)
    assert 46 < figure.low < 50 < figure.high < 54
    alike = error_rate("WER", [ErrorCounts(0, 0, 1, 4)] * 10)
    assert (alike.low, alike.value, alike.high) == (25, 25, 25)


def test_a_rate_of_empty_references_is_an_error():
    with pytest.raises(ValueError, match="references that are not empty"):
        error_rate("WER", [ErrorCounts(1, 0, 0, 0)])


def test_speakers_are_paired_so_that_errors_are_fewest():
    characters, speakers = speaker_errors({"A": "はい", "B": "どうも"}, {"x": "どうぞ", "y": "はい"})
    assert characters == ErrorCounts(insertions=0, deletions=0, substitutions=1, length=5)
    assert speakers == ErrorCounts(insertions=0, deletions=0, substitutions=0, length=2)


def test_words_of_the_wrong_speaker_count_as_two_errors():
    characters, _ = speaker_errors({"A": "はいはい", "B": "どうも"}, {"A": "はい", "B": "どうもはい"})
    assert characters == ErrorCounts(insertions=2, deletions=2, substitutions=0, length=7)


@pytest.mark.parametrize(
    ("hypothesis", "expected"),
    [({"x": "はい"}, ErrorCounts(0, 1, 0, 2)), (dict.fromkeys("xyz", "はい"), ErrorCounts(1, 0, 0, 2))],
)
def test_missing_and_extra_speakers_are_counted(hypothesis, expected):
    assert speaker_errors({"A": "はい", "B": "どうも"}, hypothesis)[1] == expected


@pytest.mark.slow
@given(CALLS, st.permutations("ABCD"))
def test_speaker_names_and_spaces_do_not_matter(call, labels):
    renamed = {labels["ABCD".index(label)]: f" {text} " for label, text in call.items()}
    characters, speakers = speaker_errors(call, renamed)
    assert characters.total == speakers.total == 0
    assert characters.length == sum(map(len, call.values()))


@given(CALLS, CALLS)
def test_counts_add_up_to_the_length_of_the_hypothesis(reference, hypothesis):
    characters, speakers = speaker_errors(reference, hypothesis)
    length = sum(map(len, hypothesis.values()))
    assert characters.length - characters.deletions + characters.insertions == length
    assert speakers.length - speakers.deletions + speakers.insertions == len(hypothesis)


def test_translations_are_scored_by_sacrebleu():
    references, hypotheses = ["駅はどこですか。", "猫がいます。"], ["駅はどこですか。", "犬がいます。"]
    same = bleu("BLEU", references, references, "ja-mecab")
    assert (same.low, same.value, same.high) == pytest.approx((100, 100, 100))
    assert "tok:ja-mecab" in same.detail
    for figure in (bleu("BLEU", references, hypotheses, "char"), chrf("chrF", references, hypotheses)):
        assert 0 < figure.low < figure.value < 100
    assert chrf("chrF", ["abc"], ["xyz"]).value == 0


def test_bleu_is_the_geometric_mean_of_precisions():
    figure = bleu("BLEU", ["a b c d e"], ["a b c d f"], "none")  # precisions 4/5, 3/4, 2/3, 1/2; their product is 1/5
    assert figure.value == pytest.approx(100 * (1 / 5) ** 0.25, abs=1e-3)


def test_a_mean_score_has_an_interval():
    figure = mean_score("quality", [4, 4, 5, 3])
    assert figure.value == 4
    assert 3 <= figure.low < 4 < figure.high <= 5
    with pytest.raises(ValueError, match="at least one"):
        mean_score("quality", [])


def test_each_task_has_its_figures():
    def pair(*texts):
        return Pair(*((Segment(None, text),) for text in texts), "French")

    names = {name: [figure.name for figure in score(task, [pair("a", "a")])] for name, task in TASKS.items()}
    translation = ["BLEU", "chrF", "BLEU, normalised", "chrF, normalised"]
    assert names == {
        "diarize": ["cpCER", "CER", "speaker count errors"],
        "en2ja": translation,
        "ja2en": translation,
        "pt": ["WER", "CER"],
        "transcribe": ["WER, French"],
    }


def test_normalised_scores_ignore_spelling_variants():
    pairs = [Pair((Segment(None, "附属の駅はここです。"),), (Segment(None, "付属の駅はここです"),))]
    figures = {figure.name: figure.value for figure in score(TASKS["en2ja"], pairs)}
    assert figures["BLEU"] < 100
    assert figures["BLEU, normalised"] == pytest.approx(100)


def test_a_reference_without_words_measures_only_speakers():
    pair = Pair((Segment("A", None), Segment("B", None)), (Segment("spk_0", "はい"),))
    assert count_errors(TASKS["diarize"], pair) == {"speaker count errors": ErrorCounts(0, 1, 0, 2)}


def test_an_empty_test_set_has_no_figures():
    assert score(TASKS["pt"], []) == ()
