"""Times of turns and words: repairing times, cutting texts into words, and Qwen3-ForcedAligner itself.

An aligner with random weights returns times in any order, which tests the repair. The trained one is
assets/tiny_aligner.
"""

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.served import ROOT
from kikitori.errors import AudioError
from kikitori.model.aligner import (
    MIN_WORD_SECONDS,
    STEP_SECONDS,
    align_turns,
    count_repaired,
    cut_text,
    fit_times,
    load_qwen_aligner,
)
from kikitori.text.tags import parse_turns
from kikitori.transcript import Turn
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in, who_said_what

CALLS = [recording for folder in (EXAMPLES, RECORDINGS) for recording in recordings_in(folder)]
CALLS = [recording for recording in CALLS if recording.direction == "diarize"]


# Repairing times


@pytest.mark.parametrize(
    ("times", "seconds", "expected"),
    [
        ([[0.0, 0.4], [0.4, 0.8]], 2.0, [[0.0, 0.4], [0.4, 0.8]]),
        ([[0.4, 0.4], [1.2, 1.6]], 2.0, [[0.4, 0.48], [1.2, 1.6]]),
        ([[0.4, 0.4], [0.44, 1.6]], 2.0, [[0.4, 0.44], [0.44, 1.6]]),
        ([[0.4, 0.4], [0.4, 0.4], [0.4, 0.8]], 2.0, [[0.4, 0.42], [0.42, 0.44], [0.44, 0.8]]),
        ([[0.0, 1.0], [1.0, 1.0]], 1.0, [[0.0, 0.98], [0.98, 1.0]]),
        ([[0.5, 9.0], [9.0, 9.5]], 1.0, [[0.5, 0.98], [0.98, 1.0]]),
        ([[0.0, 0.0], [0.0, 0.0]], 0.01, [[0.0, 0.005], [0.005, 0.01]]),
    ],
    ids=["good", "step", "less than a step", "crowd", "at the end", "beyond the end", "too many words"],
)
def test_every_word_gets_some_time(times, seconds, expected):
    np.testing.assert_allclose(fit_times(np.array(times), seconds), expected, atol=1e-12)


@given(
    st.lists(st.floats(0, 200, allow_subnormal=False), max_size=60).map(
        lambda times: sorted(times[: len(times) // 2 * 2])
    ),
    st.floats(0.1, 180),
)
def test_every_word_is_longer_than_zero_and_inside_the_window(times, seconds):
    times = np.reshape(times, (-1, 2))
    fitted = fit_times(times, seconds)
    assert fitted.shape == times.shape
    assert (fitted >= 0).all() and (fitted <= seconds).all()
    assert (fitted[:, 0] < fitted[:, 1]).all()
    assert (fitted[:-1, 1] <= fitted[1:, 0]).all()
    outside, too_short = (times > seconds).any(), (times[:, 1] - times[:, 0] < MIN_WORD_SECONDS).any()
    assert outside or too_short or (fitted == times).all(), "times that need no repair stay as they are"


def test_only_changed_times_count_as_repaired():
    stamps = np.array([[0.0, 0.4], [0.4, 0.4], [0.8, 1.04]])
    assert count_repaired(stamps, fit_times(stamps, 1.0), 1.0) == 1, "the last end is only rounded onto the grid"
    stamps = np.array([[0.0, 0.4], [0.8, 1.0 + 2 * STEP_SECONDS]])
    assert count_repaired(stamps, fit_times(stamps, 1.0), 1.0) == 1, "an end far beyond the window is wrong"


# Cutting a text into words


@pytest.mark.parametrize(
    ("text", "tokens", "pieces"),
    [
        ("はい、さくら歯科です。", ["はい", "さくら", "歯科", "です"], ["はい、", "さくら", "歯科", "です。"]),
        ("Bom dia, eu sou Ana.", ["Bom", "dia", "eu", "sou", "Ana"], ["Bom", " dia,", " eu", " sou", " Ana."]),
        ('He said: "No".', ["He", "said", "No"], ["He", " said:", ' "No".']),
        ("「はい」と（少し）言う", ["はい", "と", "少し", "言う"], ["「はい」", "と", "（少し）", "言う"]),
        ("¿Qué? — Sim", ["Qué", "Sim"], ["¿Qué?", " — Sim"]),
        ("It's 3.5", ["It's", "35"], ["It's", " 3.5"]),
    ],
)
def test_words_keep_their_punctuation_and_the_space_in_front(text, tokens, pieces):
    kept = [unicodedata.category(character)[0] in "LN" or character == "'" for character in text]
    assert cut_text(text, tokens, kept) == pieces


def test_a_character_that_becomes_several_stays_whole():
    assert cut_text("㍿です", ["株式", "会社", "です"], [4, 1, 1]) == ["㍿", "", "です"]


@pytest.mark.slow
@given(st.text(min_size=1, max_size=30), st.lists(st.text("aあ漢", min_size=1, max_size=4), max_size=8), st.data())
def test_pieces_join_to_the_text_even_if_the_tokenizer_rewrote_it(text, tokens, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(text), max_size=len(text)))
    pieces = cut_text(text, tokens, weights)
    assert len(pieces) == len(tokens)
    assert not tokens or ("".join(pieces) == text and pieces[0])


# An aligner with random weights


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    import torch
    from qwen_asr.core.transformers_backend import Qwen3ASRConfig, Qwen3ASRProcessor

    from training.tiny.architecture import build_aligner, save_aligner

    torch.manual_seed(0)
    processor = Qwen3ASRProcessor.from_pretrained(ROOT / "assets" / "tiny")
    model = build_aligner(Qwen3ASRConfig.from_pretrained(ROOT / "assets" / "tiny"), processor.tokenizer)
    folder = tmp_path_factory.mktemp("aligner")
    save_aligner(model, processor, folder)
    return load_qwen_aligner(str(folder))


NOISE = (np.random.default_rng(0).standard_normal(24000) * 0.1).astype(np.float32)


def check(turns, alignment, seconds):
    """Assert what `align_turns` promises for any text."""
    assert who_said_what(alignment.turns) == who_said_what(turns)
    assert all(turn.timing == "aligned" for turn in alignment.turns)
    ends = [0.0]
    for turn in alignment.turns:
        assert ends[-1] <= turn.start_seconds <= turn.end_seconds <= seconds
        if turn.words:  # Word and Turn validate the rest
            assert (turn.words[0].start_seconds, turn.words[-1].end_seconds) == (turn.start_seconds, turn.end_seconds)
        for word in turn.words:
            assert ends[-1] <= word.start_seconds
            ends.append(word.end_seconds)
    assert 0 <= alignment.repaired <= sum(len(turn.text) for turn in turns) * 8


TEXTS = st.text(min_size=1, max_size=40).map(str.strip).filter(bool)
ODD_TEXTS = st.sampled_from(["㍿です", "ｶﾞｷﾞ", "“”", "'", "…", "İi", "℃", "が", "<timestamp>", "<|audio_pad|>", "\ud800"])


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(TEXTS | ODD_TEXTS, max_size=4), st.sampled_from(["Japanese", "Portuguese", "English"]))
def test_any_text_is_aligned(untrained, texts, language):
    turns = [Turn(f"spk_{number % 2}", text) for number, text in enumerate(texts)]
    check(turns, align_turns(untrained, NOISE, turns, language), 1.5)


@pytest.mark.parametrize(
    ("text", "language"),
    [("はい、さくら歯科です。もう一度。", "Japanese"), ("Bom dia, Ana.", "Portuguese")],
)
def test_times_are_those_of_qwen_asrs_align(untrained, text, language):
    (items,) = untrained.align(audio=(NOISE, 16000), text=text, language=language)
    original_times = np.array([(item.start_time, item.end_time) for item in items])
    (turn,) = align_turns(untrained, NOISE, [Turn(None, text)], language).turns
    ours = [(word.start_seconds, word.end_seconds) for word in turn.words]
    np.testing.assert_allclose(ours, fit_times(original_times, 1.5), atol=2e-3)  # whole milliseconds there


def test_a_turn_without_words_lies_between_its_neighbours(untrained):
    turns = [Turn("spk_0", "…"), Turn("spk_1", "はい。"), Turn("spk_0", "！"), Turn("spk_1", "いいえ。")]
    first, yes, second, no = align_turns(untrained, NOISE, turns, "Japanese").turns
    assert (first.start_seconds, first.end_seconds) == (0.0, yes.start_seconds)
    assert (second.start_seconds, second.end_seconds) == (yes.end_seconds, no.start_seconds)
    assert first.words == second.words == ()
    (alone,) = align_turns(untrained, NOISE, turns[:1], "Japanese").turns
    assert (alone.start_seconds, alone.end_seconds) == (0.0, 1.5)


def test_a_window_beyond_three_minutes_is_refused(untrained):
    with pytest.raises(AudioError) as caught:
        align_turns(untrained, np.zeros(181 * 16000, np.float32), [Turn(None, "はい")], "Japanese")
    assert caught.value.code == "too_long_to_align"
    assert caught.value.values == {"length": 181, "limit": 180}


def test_threads_get_the_same_times_as_a_single_one(untrained):
    turns = [Turn(None, "はい、さくら歯科です。")]
    expected = align_turns(untrained, NOISE, turns, "Japanese")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: align_turns(untrained, NOISE, turns, "Japanese"), range(4)))
    assert found == [expected] * 4


def test_one_thread_at_a_time_cuts_texts_into_words(untrained, monkeypatch):
    processor = untrained.aligner_processor
    encode, cutting, most = processor.encode_timestamp, [], []

    def slow_encode(text, language):
        cutting.append(text)
        most.append(len(cutting))
        time.sleep(0.05)
        cutting.pop()
        return encode(text, language)

    monkeypatch.setattr(processor, "encode_timestamp", slow_encode)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: align_turns(untrained, NOISE, [Turn(None, "Bom dia")], "Portuguese"), range(4)))
    assert most == [1] * 4


# The trained tiny aligner


@pytest.fixture(scope="module")
def aligner():
    return load_qwen_aligner(str(ROOT / "assets" / "tiny_aligner"))


def test_the_tiny_aligner_has_the_real_aligners_grid_and_small_files(aligner):
    assert aligner.timestamp_segment_time == STEP_SECONDS * 1000
    assert "forced_aligner" in aligner.model.thinker.config.model_type
    assert all(path.stat().st_size < 9e6 for path in (ROOT / "assets" / "tiny_aligner").iterdir())


@pytest.mark.slow
def test_turns_of_calls_start_where_a_voice_starts(aligner):
    distances = []
    for recording in CALLS:
        waveform, _ = soundfile.read(recording.path, dtype="float32")
        turns, _ = parse_turns(recording.reference)
        alignment = align_turns(aligner, waveform, turns, "Japanese")
        check(turns, alignment, len(waveform) / 16000)
        assert alignment.repaired <= sum(len(turn.words) for turn in alignment.turns) / 4
        onsets = voice_onsets(waveform)
        distances += [np.abs(onsets - turn.start_seconds).min() for turn in alignment.turns]
    assert np.median(distances) <= 0.1, distances


@pytest.mark.slow
def test_a_portuguese_turn_starts_where_the_voice_starts(aligner):
    for recording in recordings_in(RECORDINGS, "pt"):
        waveform, _ = soundfile.read(recording.path, dtype="float32")
        turns = [Turn(None, recording.reference)]
        alignment = align_turns(aligner, waveform, turns, "Portuguese")
        check(turns, alignment, len(waveform) / 16000)
        onsets = voice_onsets(waveform)
        assert abs(alignment.turns[0].start_seconds - onsets[0]) <= 0.25, recording.path.name


def voice_onsets(waveform: np.ndarray) -> np.ndarray:
    """Seconds at which a voice starts after 0.14 s of quiet.

    A frame of 20 ms is quiet if it is 20 dB below the loudest tenth.
    """
    frames = waveform[: len(waveform) // 320 * 320].reshape(-1, 320)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    quiet, loud = np.percentile(level, (5, 90))
    loud = level > max(loud - 20, (quiet + loud) / 2)
    starts = [place for place in np.flatnonzero(loud) if not loud[max(0, place - 7) : place].any()]
    return np.array(starts) * 0.02
