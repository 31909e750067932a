"""Labels of windows become labels of the recording: who is who, and no word lost or doubled."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kikitori.text.speaker_linking import (
    MIN_CONFIDENCE,
    Link,
    SpeakerLinker,
    _lost_at,
    _seam,
    align_overlap,
    chain,
    cut_turn,
)
from kikitori.text.tags import parse_turns
from kikitori.transcript import Turn, Word, merge_neighbours

CALL = (
    ("spk_0", "はい、みどり病院でございます。"),
    ("spk_1", "もしもし、山本と申します。予約をお願いします。"),
    ("spk_0", "月曜日はいかがですか。"),
    ("spk_1", "月曜日は都合が悪いです。"),
    ("spk_0", "では水曜日の午後はどうでしょう。"),
    ("spk_1", "かしこまりました。水曜日に伺います。"),
    ("spk_0", "ありがとうございました。"),
)
TURNS = tuple(Turn(speaker, text) for speaker, text in CALL)


def window(*numbers: int, swapped: bool = False) -> tuple[Turn, ...]:
    """Turns of the call as a window would have them: labels count from who speaks first."""
    order = list(dict.fromkeys(CALL[number][0] for number in numbers))
    names = {speaker: f"spk_{place}" for place, speaker in enumerate(order)}
    return tuple(Turn(names[CALL[number][0]], CALL[number][1]) for number in numbers)


def add(linker: SpeakerLinker, turns: tuple[Turn, ...], overlap_seconds: float):
    """Link a window and take its turns: those that are settled, and the link."""
    overlap = linker.overlap(turns, overlap_seconds)
    made = linker.link(overlap)
    return linker.add(overlap, made), made


def link(*windows: tuple[Turn, ...], overlap_seconds: float = 5.0):
    linker, turns, links = SpeakerLinker(), (), []
    for number, one in enumerate(windows):
        settled, made = add(linker, one, overlap_seconds if number else 0.0)
        turns += settled
        links.append(made)
    return merge_neighbours(turns + linker.open_turns), links


def test_one_window_stays_as_it_is():
    assert link(TURNS) == (TURNS, [None])


def test_labels_that_restart_are_linked_by_the_words_of_the_overlap():
    turns, links = link(window(0, 1, 2, 3), window(3, 4, 5, 6))
    assert window(3, 4)[0].speaker == "spk_0"  # the second window calls spk_1 so
    assert turns == TURNS
    assert links[1].labels == {"spk_0": "spk_1", "spk_1": "spk_0"}
    assert links[1].confidence == 1.0


def test_three_windows_in_a_row():
    turns, links = link(window(0, 1, 2), window(1, 2, 3, 4), window(3, 4, 5, 6), overlap_seconds=4.0)
    assert turns == TURNS
    assert [made.confidence for made in links[1:]] == [1.0, 1.0]


def test_a_window_with_one_speaker_hands_the_other_label_on():
    """The overlap says who one of them is; the other is who is left."""
    turns, _ = link(window(0, 1), window(1), window(1, 2, 3))
    assert turns == TURNS[:4]


def test_an_overlap_that_is_misheard_in_places_still_links():
    heard = window(3, 4, 5, 6)
    misheard = (Turn("spk_0", "月曜は都合がわるいです。"), *heard[1:])
    turns, links = link(window(0, 1, 2, 3), misheard)
    assert [turn.speaker for turn in turns] == [turn.speaker for turn in TURNS]
    assert turns[4:] == TURNS[4:]
    assert MIN_CONFIDENCE < links[1].confidence < 1


def test_texts_that_have_nothing_in_common_are_kept_both_and_told():
    turns, links = link((Turn("spk_0", "はい。"),), (Turn("spk_0", "ええと"), Turn("spk_1", "もし")))
    assert "".join(turn.text for turn in turns) == "はい。ええともし"
    assert links[1].confidence < MIN_CONFIDENCE


def test_without_an_overlap_the_link_is_a_guess():
    _, links = link(window(0, 1), window(2, 3), overlap_seconds=0.0)
    assert links[1].confidence < MIN_CONFIDENCE


def test_an_empty_window_changes_nothing():
    turns, links = link(window(0, 1, 2), (), window(2, 3))
    assert turns == TURNS[:4]
    assert links[1] is None


def test_a_third_speaker_gets_a_label_of_their_own():
    turns, _ = link(TURNS[:3], (Turn("spk_0", CALL[2][1]), Turn("spk_1", CALL[1][1]), Turn("spk_2", "わたしです。")))
    assert turns[-1] == Turn("spk_2", "わたしです。")


def test_the_seam_lies_between_turns_where_there_are_any():
    """The last turn of the first window lost its end, the first of the second its start."""
    first = (*window(0, 1, 2), Turn("spk_1", "月曜日は都合が"))
    second = (Turn("spk_0", "かがですか。"), *(Turn(t.speaker, t.text) for t in window(2, 3, 4)[1:]))
    turns, _ = link(first, second)
    assert turns == TURNS[:5]


def test_the_seam_lies_at_a_turn_rather_than_at_a_sentence_nearer_to_the_middle():
    """The second window misheard a word of the turn in which it began."""
    said = (Turn("spk_0", "もしもし。"), Turn("spk_1", "はい。そうですね、えーと。"), Turn("spk_0", "ええ。"))
    heard = (Turn("spk_0", "はい。そうですな、えーと。"), Turn("spk_1", "ええ。"), Turn("spk_0", "では。"))
    turns, _ = link(said, heard)
    assert turns == (*said, Turn("spk_1", "では。"))


@pytest.mark.parametrize(
    ("one", "two"), [((0, 1, 2, 3, 4), (1, 2, 4, 5, 6)), ((0, 1, 2, 4, 5), (2, 3, 4, 5, 6))], ids=["first", "second"]
)
def test_a_turn_that_only_one_window_heard_is_kept(one, two):
    turns, _ = link(window(*one), window(*two), overlap_seconds=8.0)
    assert turns == TURNS


@pytest.mark.parametrize(
    ("before", "after", "pairs"),
    [
        ("", "abc", []),
        ("abc", "", []),
        ("abc", "xyz", []),
        ("abcd", "cdef", [(2, 0), (3, 1)]),
        ("xxabcde", "abcdeyy", [(2, 0), (3, 1), (4, 2), (5, 3), (6, 4)]),
        ("a", "a", [(0, 0)]),
        ("xa", "a", [(1, 0)]),  # the start of the first is skipped freely
        ("a", "ax", [(0, 0)]),  # as is the end of the second
        ("a", "xa", []),  # what else is skipped costs as much as a match gives
        ("ab", "xab", [(0, 1), (1, 2)]),
        ("axb", "ab", [(0, 0), (2, 1)]),
        ("ab", "axb", [(0, 0), (1, 2)]),
        ("axb", "ayb", [(0, 0), (2, 2)]),
        ("abcXdef", "abcdefgh", [(0, 0), (1, 1), (2, 2), (4, 3), (5, 4), (6, 5)]),
        ("abcdef", "abcXdefgh", [(0, 0), (1, 1), (2, 2), (3, 4), (4, 5), (5, 6)]),
    ],
)
def test_the_overlap_of_two_texts(before, after, pairs):
    assert align_overlap(before, after) == pairs


def test_words_that_are_repeated_overlap_about_as_often_as_expected():
    words = "あいにく村上は美術館に出かけています。面接の予約を取り消してください。"
    said = words * 3
    for times in (1, 2, 3):
        length = times * len(words)
        for near in ((length + 3, length - 3), (length - 3, length + 3)):  # estimates
            pairs = [(len(said) - length + place, place) for place in range(length)]
            assert align_overlap(said, said, near) == pairs
    assert len(align_overlap(said, said)) == len(said)
    assert align_overlap("あいう", "かきく", (3, 3)) == []


@given(st.text("あいう", max_size=20), st.text("かきく", min_size=8, max_size=20), st.text("さしす", max_size=20))
def test_an_exact_overlap_is_found(start, shared, end):
    assert align_overlap(start + shared, shared + end) == [(len(start) + n, n) for n in range(len(shared))]


@given(st.lists(st.sampled_from(TURNS), min_size=1, max_size=6), st.lists(st.sampled_from(TURNS), max_size=6))
def test_neighbours_never_share_a_speaker_and_no_window_is_lost(one, two):
    linker = SpeakerLinker()
    first, _ = add(linker, tuple(one), 0.0)
    second, _ = add(linker, tuple(two), 0.0)
    turns = merge_neighbours(first + second + linker.open_turns)
    assert "".join(turn.text for turn in turns) == "".join(turn.text for turn in (*one, *two))
    assert all(a.speaker != b.speaker for a, b in itertools.pairwise(turns))


ALIGNED = Turn(
    "spk_0",
    "Bom dia, Ana.",
    1.0,
    3.0,
    "aligned",
    (Word("Bom", 1.0, 1.5), Word(" dia,", 1.5, 2.0), Word(" Ana.", 2.5, 3.0)),
)


def test_a_cut_turn_keeps_the_words_and_times_of_its_part():
    assert cut_turn(ALIGNED, 0, 8) == [
        Turn("spk_0", "Bom dia,", 1.0, 2.0, "aligned", (Word("Bom", 1.0, 1.5), Word(" dia,", 1.5, 2.0)))
    ]
    assert cut_turn(ALIGNED, 8, 99) == [Turn("spk_0", "Ana.", 2.5, 3.0, "aligned", (Word("Ana.", 2.5, 3.0),))]
    assert cut_turn(ALIGNED, 3, 4) == []


@given(st.integers(0, 14), st.integers(0, 14))
def test_any_cut_of_an_aligned_turn_is_a_turn(start, end):
    for turn in cut_turn(ALIGNED, start, end):
        assert turn.text == ALIGNED.text[start:end].strip()


def test_low_confidence_stays_in_place_when_turns_are_cut_and_joined():
    one = Turn("spk_0", "abcdef", low_confidence=((1, 3), (4, 6)))
    (part,) = cut_turn(one, 2, 5)
    assert (part.text, part.low_confidence) == ("cde", ((0, 1), (2, 3)))
    assert [turn.low_confidence for turn in cut_turn(one, 3, 4)] == [()]
    (both,) = merge_neighbours([one, Turn("spk_0", "xyz", low_confidence=((0, 1),))])
    assert (both.text, both.low_confidence) == ("abcdef xyz", ((1, 3), (4, 6), (7, 8)))


def test_merged_turns_keep_their_words():
    merged = merge_neighbours((ALIGNED, Turn("spk_0", "Sim.", 4.0, 4.5, "aligned", (Word("Sim.", 4.0, 4.5),))))
    assert [turn.text for turn in merged] == ["Bom dia, Ana. Sim."]
    assert [word.text for word in merged[0].words] == ["Bom", " dia,", " Ana.", " Sim."]
    assert (merged[0].start_seconds, merged[0].end_seconds) == (1.0, 4.5)


def test_the_call_reads_back():
    """The references above are what a model would write."""
    assert parse_turns(" ".join(f"<|{speaker}|> {text}" for speaker, text in CALL))[0] == TURNS


def test_the_pairing_with_the_most_votes_in_all_is_taken():
    """One window gave a long sentence to the wrong speaker: that one vote is larger than each of the others."""
    linker = SpeakerLinker()
    before = Turn("spk_0", "あいうえおかきくけこ。"), Turn("spk_1", "さしすせそた。"), Turn("spk_0", "なにぬねのは。")
    add(linker, before, 0.0)
    after = (Turn("spk_0", "あいうえおかきくけこ。さしすせそた。"), Turn("spk_1", "なにぬねのは。"))
    _, link = add(linker, after, 60.0)
    assert link.labels == {"spk_0": "spk_1", "spk_1": "spk_0"}


# Where one text goes over into the next


def seam(before: tuple[Turn, ...], after: tuple[Turn, ...]) -> tuple[str, str]:
    """The characters that are kept of the first text, and those of the second."""
    linker = SpeakerLinker(before)
    i, j = _seam(linker.overlap(after, 60.0))
    return "".join(turn.text for turn in before)[:i], "".join(turn.text for turn in after)[j:]


def test_the_seam_lies_at_the_sentence_nearest_to_the_middle():
    heard = (Turn("spk_0", "いろは。にほへと。ちりぬるを。"),)
    assert seam(heard, heard) == ("いろは。にほへと。", "ちりぬるを。")
    before, after = "むかしむかし。", "いろはに。ほへとちり。ぬるを。"
    assert seam((Turn("spk_0", before + after),), (Turn("spk_0", after),))[1] == "ほへとちり。ぬるを。"


def test_the_first_window_alone_may_know_that_a_turn_or_a_sentence_begins():
    said = (Turn("spk_0", "いろはに"), Turn("spk_1", "ほへとちりぬる"))
    assert seam(said, (Turn("spk_0", "いろはにほへとちりぬる"),)) == ("いろはに", "ほへとちりぬる")
    sentences, without = (Turn("spk_0", "いろは。にほへと"),), (Turn("spk_0", "いろはにほへと"),)
    assert seam(sentences, without) == ("いろは。", "にほへと")
    assert seam(without, sentences) == ("いろは", "にほへと")
    assert seam((Turn("spk_0", "い"), Turn("spk_1", "ろはにほへ")), without)[0] == "い"
    assert seam((Turn("spk_0", "。いろはにほへ"),), (Turn("spk_0", "。いろはにほへ"),))[0] == "。"


def test_without_turns_and_sentences_the_seam_lies_in_the_middle_of_the_longest_equal_run():
    said, heard = (Turn("spk_0", "いろXにほへとち"),), (Turn("spk_0", "いろYにほへとち"),)
    assert seam(said, heard) == ("いろXにほ", "へとち")
    whole, gap = (Turn("spk_0", "いろはにほへと"),), (Turn("spk_0", "いろXはにほへと"),)
    assert seam(gap, whole) == ("いろXはに", "ほへと")
    assert seam(whole, gap) == ("いろはに", "ほへと")


def test_neither_a_turn_nor_a_sentence_begins_at_the_start_of_an_overlap():
    """What is before it is not known, and its last character does not count as that."""
    for said in ((Turn("spk_0", "いろはにほへと"), Turn("spk_1", "ち")), (Turn("spk_0", "いろはにほへと。"),)):
        assert seam(said, said)[0] == "いろはに"


def test_the_seam_keeps_what_only_one_window_heard():
    """Three characters are words, two another spelling: those that differ by two may be lost, those by three not."""
    said = (Turn("spk_0", "あいう。えおかきくけ。こさし"),)
    heard = (Turn("spk_0", "あいう。えおけ。こさし"),)
    assert seam(said, heard) == ("あいう。えおかきくけ。", "こさし")
    assert seam(heard, said) == ("あいう。", "えおかきくけ。こさし")


def test_characters_are_lost_on_the_side_of_the_seam_where_only_the_other_text_has_them():
    pairs = [(0, 0), (1, 1), (5, 2), (6, 6), (9, 7), (10, 10)]
    # After the first pair: none, three only before, three only after, and two of each, which are too few.
    assert _lost_at(pairs) == [3, 3, 0, 3, 3, 3]


def test_an_overlap_takes_as_many_characters_of_both_texts_as_can_be_said_in_it():
    linker = SpeakerLinker((Turn("spk_0", "あ" * 100),))
    overlap = linker.overlap((Turn("spk_0", "い" * 100),), 2.0)
    assert (len(overlap.before), len(overlap.after), overlap.pairs) == (28, 28, ())
    overlap = linker.overlap((Turn("spk_0", "い" * 100),), 0.0)
    assert (overlap.before, overlap.after) == ((), ())


# How sure a link is


def linked(before: tuple[Turn, ...], after: tuple[Turn, ...]) -> Link:
    linker = SpeakerLinker()
    add(linker, before, 0.0)
    return linker.link(linker.overlap(after, 60.0))


def confidence(before: tuple[Turn, ...], after: tuple[Turn, ...]) -> float:
    return linked(before, after).confidence


def test_a_links_confidence_is_the_share_of_characters_with_equal_words_and_speakers():
    said = (Turn("spk_0", "いろはに"), Turn("spk_1", "ほへとち"))
    assert confidence(said, said) == 1.0
    assert confidence(said, (Turn("spk_0", "いろはに"), Turn("spk_1", "ほXYZ"))) == 5 / 8
    # One character of the eight is another speaker's in the second text.
    assert confidence(said, (Turn("spk_0", "いろはにほ"), Turn("spk_1", "へとち"))) == 7 / 8
    assert confidence((Turn("spk_0", "は"),), (Turn("spk_0", "は"),)) == 1.0
    # What was said before the overlap is not compared.
    assert confidence((Turn("spk_0", "むかしむかし"), *said), said) == 1.0


def test_words_without_a_speaker_link_nobody():
    linker = SpeakerLinker((Turn("spk_0", "いろはに"), Turn(None, "ほへとち")))
    heard = (Turn(None, "いろはに"), Turn("spk_0", "ほへとち"))
    assert linker.link(linker.overlap(heard, 60.0)) == Link(0.0, {"spk_0": "spk_0"})


def test_a_label_that_could_be_one_of_two_speakers_is_a_guess():
    known = (Turn("spk_0", "あああああ"), Turn("spk_1", "いいいいい"), Turn("spk_2", "うううう"))
    heard = (Turn("spk_0", "うううう"), Turn("spk_1", "えええ"))
    labels = {"spk_0": "spk_2", "spk_1": "spk_1"}  # the one of the two who spoke last
    assert linked(known, heard) == Link(0.3, labels)
    assert linked(known[1:], heard) == Link(1.0, {"spk_0": "spk_1", "spk_1": "spk_0"})  # only one is left


def test_two_links_in_a_row_are_as_sure_as_the_weaker_one():
    first, second = Link(0.9, {"spk_0": "spk_2"}), Link(0.6, {"spk_1": "spk_0", "spk_0": "spk_5"})
    assert chain(first, second) == Link(0.6, {"spk_1": "spk_2"})
    assert chain(Link(0.4, {}), second).confidence == 0.4
