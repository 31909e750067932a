"""Training data of the tiny aligner: sentences with times, cached on disk, and clips mixed from them."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.synthesis import shards, voices
from training.synthesis.clips import MAX_CALL_SECONDS, SENTENCE_COUNTS, TELEPHONE_SHARE, draw_batches, group_by_voice
from training.synthesis.pool import MAKERS, draw_voice
from training.synthesis.shards import read_shard, write_shard
from training.synthesis.timed_speech import TimedSentence, TimedTurn, compose, speak_timed, words_of_turn
from training.synthesis.voices import Speaker, Voice

KINDS = {"call": 1600, "ja2en": 400, "en2ja": 800, "pt": 800}
"""Number of sentences to speak, by kind of `training.synthesis.pool`."""
SHARDS = 4
"""Per kind."""
MIX = {"call": 0.55, "ja2en": 0.1, "en2ja": 0.15, "pt": 0.2}
"""Share of clips by kind."""
LANGUAGE = {"call": "Japanese", "ja2en": "Japanese", "en2ja": "English", "pt": "Portuguese"}
"""Spoken language by kind."""
TOKENS_PER_SECOND = 13
"""Audio tokens in the encoder's output."""


@dataclass(frozen=True)
class AlignedClip:
    """Input of the aligner, and the true times."""

    waveform: np.ndarray  # float32 mono 16 kHz
    words: list[str]  # as qwen-asr's aligner splits the text
    times: np.ndarray  # float32 (words, 2), seconds


@functools.cache
def word_splitter():
    """Return qwen-asr's processor, which splits text into words for the aligner."""
    from qwen_asr.inference.qwen3_forced_aligner import Qwen3ForceAlignProcessor

    return Qwen3ForceAlignProcessor()


@functools.cache
def split_words(text: str, language: str) -> tuple[str, ...]:
    """Split the text of a turn into words, as qwen-asr's aligner does."""
    return tuple(word_splitter().encode_timestamp(text, language)[0])


def aligned_clip(waveform: np.ndarray, turns: list[TimedTurn], language: str) -> AlignedClip:
    """Return a clip with its words. Each turn is split separately, as in `kikitori.model.aligner`."""
    words = [split_words(turn.text, language) for turn in turns]
    is_kept = word_splitter().is_kept_char
    times = [words_of_turn(turn, list(turn_words), is_kept) for turn, turn_words in zip(turns, words, strict=True)]
    return AlignedClip(waveform, [word for turn_words in words for word in turn_words], np.concatenate(times))


def space_between(kind: str) -> str:
    """Return the text between two sentences of a turn."""
    return "" if LANGUAGE[kind] == "Japanese" else " "


def token_row(tokenizer, clip: AlignedClip, audio_tokens: int) -> tuple[list[int], list[int], list[float]]:
    """Return a clip in the prompt of `kikitori.model.aligner`, as three lists with one entry per token.

    - token ids, with `audio_tokens` placeholders for the audio
    - at an audio token the text token that is spoken, at a timestamp the first or last text token of its word, else -1
    - seconds at audio tokens and timestamps, else 0
    """
    start, pad, end, stamp = tokenizer.convert_tokens_to_ids(
        ["<|audio_start|>", "<|audio_pad|>", "<|audio_end|>", "<timestamp>"]
    )
    audio_times = (np.arange(audio_tokens) + 0.5) / TOKENS_PER_SECOND
    spoken = np.full(audio_tokens, -1)
    ids, targets, times = [], [], []
    for word, (first, last) in zip(clip.words, clip.times.tolist(), strict=True):
        word_ids = tokenizer(word).input_ids
        ids += [*word_ids, stamp, stamp]
        targets += [-1] * len(word_ids) + [word_ids[0], word_ids[-1]]
        times += [0.0] * len(word_ids) + [first, last]
        inside = (audio_times >= first) & (audio_times < last)
        # The time of a word is divided evenly among its tokens.
        spoken[inside] = np.take(word_ids, ((audio_times[inside] - first) / (last - first) * len(word_ids)).astype(int))
    return (
        [start, *[pad] * audio_tokens, end, *ids],
        [-1, *spoken.tolist(), -1, *targets],
        [0.0, *audio_times.tolist(), 0.0, *times],
    )


class AlignedClipMaker:
    """Draws clips from a pool of timed sentences. Each clip is mixed anew, so that no two are equal."""

    def __init__(self, pool: dict[str, list[TimedSentence]], short: float, seed: int):
        """short: share of clips with a single sentence."""
        self._short = short
        self._rng = random.Random(seed)
        self._by_voice = group_by_voice(pool)

    def draw(self) -> AlignedClip:
        """Draw a clip. MIX determines how often each kind is drawn."""
        kind = self._rng.choices(list(MIX), list(MIX.values()))[0]
        if self._rng.random() < self._short:
            turns = [self._one_speaker(kind, 1)]
        elif kind == "call":
            turns = self._call()
        else:
            turns = [self._one_speaker(kind, self._rng.choice(SENTENCE_COUNTS))]
        telephone = kind == "call" and self._rng.random() < TELEPHONE_SHARE
        waveform, timed = compose(turns, space_between(kind), self._rng, telephone)
        return aligned_clip(waveform, timed, LANGUAGE[kind])

    def _call(self) -> list[list[TimedSentence]]:
        speakers = voices.draw_speakers(self._rng, voices.TRAINING_HALF_TONES)

        def draw_sentence(speaker: Speaker) -> TimedSentence:
            voice = Voice("openjtalk", half_tone=speaker.half_tone)
            return self._rng.choice(self._by_voice["call"][voice.speaker]).warped(speaker.factor)

        return draw_call(self._rng, speakers, draw_sentence)

    def _one_speaker(self, kind: str, count: int) -> list[TimedSentence]:
        by_speaker = self._rng.choice(list(self._by_voice[kind].values()))
        factor = voices.draw_factor(self._rng, by_speaker[0].voice)
        return [sentence.warped(factor) for sentence in self._rng.choices(by_speaker, k=count)]

    def batches(self) -> Iterator[list[AlignedClip]]:
        """Yield batches of clips of similar length without end."""
        return draw_batches(self.draw, self._rng)


def draw_call(
    rng: random.Random, speakers: tuple[Speaker, Speaker], draw_sentence: Callable[[Speaker], TimedSentence]
) -> list[list[TimedSentence]]:
    """Draw the turns of a call of at most MAX_CALL_SECONDS. Each turn has its own level.

    `draw_sentence(speaker)` returns one sentence in that speaker's voice.
    """
    turns, seconds = [], 0.0
    for number, count in enumerate(voices.draw_turn_lengths(rng)):
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        spoken = [draw_sentence(speakers[number % 2]).louder(gain) for _ in range(count)]
        seconds += sum(len(sentence.waveform) / voices.SAMPLE_RATE + 0.8 for sentence in spoken)
        if seconds > MAX_CALL_SECONDS:
            break
        turns.append(spoken)
    return turns


def make_shard(kind: str, shard: int, path: Path) -> None:
    """Speak and write one shard of a kind. Its number is the seed of its sentences and voices."""
    rng = random.Random(f"timed {kind} {shard}")
    maker = MAKERS[kind](rng.getrandbits(32))
    sentences = [
        speak_timed(maker.draw().text, draw_voice(kind, rng, held_out=False)) for _ in range(KINDS[kind] // SHARDS)
    ]
    entries = [{"text": sentence.text, "voice": asdict(sentence.voice)} for sentence in sentences]
    times = np.concatenate([sentence.times for sentence in sentences])
    write_shard(path, entries, [sentence.waveform for sentence in sentences], times=times)


def load_shard(path: Path) -> list[TimedSentence]:
    """Read a shard that `make_shard` wrote."""
    entries, waveforms, arrays = read_shard(path)
    times = np.split(arrays["times"], np.cumsum([len(entry["text"]) for entry in entries])[:-1])
    return [
        TimedSentence(entry["text"], Voice(**entry["voice"]), waveform, sentence_times)
        for entry, waveform, sentence_times in zip(entries, waveforms, times, strict=True)
    ]


def load_or_make(folder: Path) -> dict[str, list[TimedSentence]]:
    """Return the timed sentences of every kind. Missing shards are spoken first."""
    return shards.load_or_make(folder, dict.fromkeys(KINDS, SHARDS), make_shard, load_shard)
