"""The tiny aligner's data: utterances with times, spoken once and kept on disk, and clips mixed from them."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.synthesis import shards, voices
from training.synthesis.clips import MAX_CALL_SECONDS, SENTENCES, TELEPHONE_SHARE, draw_batches, group_by_voice
from training.synthesis.pool import MAKERS, draw_voice
from training.synthesis.shards import read_shard, write_shard
from training.synthesis.timed_speech import TimedTurn, TimedUtterance, compose, speak_timed, words_of_turn
from training.synthesis.voices import Speaker, Voice

KINDS = {"call": 1600, "ja2en": 400, "en2ja": 800, "pt": 800}
"""How many utterances of each kind of `training.pool` are spoken."""
SHARDS = 4
MIX = {"call": 0.55, "ja2en": 0.1, "en2ja": 0.15, "pt": 0.2}
"""Share of clips of each kind."""
LANGUAGE = {"call": "Japanese", "ja2en": "Japanese", "en2ja": "English", "pt": "Portuguese"}
"""What is spoken in each kind."""
TOKENS_PER_SECOND = 13
"""Of audio, in the encoder's output."""


@dataclass(frozen=True)
class AlignedClip:
    """What the aligner hears and reads, and the truth about it."""

    waveform: np.ndarray  # float32 mono 16 kHz
    words: list[str]  # as the stock aligner cuts them
    times: np.ndarray  # float32 (words, 2), seconds


@functools.cache
def stock_processor():
    """What cuts text into words for the aligner."""
    from qwen_asr.inference.qwen3_forced_aligner import Qwen3ForceAlignProcessor

    return Qwen3ForceAlignProcessor()


@functools.cache
def cut_words(text: str, language: str) -> tuple[str, ...]:
    """A turn's words as the stock aligner cuts them."""
    return tuple(stock_processor().encode_timestamp(text, language)[0])


def aligned_clip(waveform: np.ndarray, turns: list[TimedTurn], language: str) -> AlignedClip:
    """The clip with its words, each turn cut by itself as `voices.alignment` does."""
    words = [cut_words(turn.text, language) for turn in turns]
    is_kept = stock_processor().is_kept_char
    times = [words_of_turn(turn, of_turn, is_kept) for turn, of_turn in zip(turns, words, strict=True)]
    return AlignedClip(waveform, [word for of_turn in words for word in of_turn], np.concatenate(times))


def space_between(kind: str) -> str:
    """What stands between two sentences of one turn."""
    return "" if LANGUAGE[kind] == "Japanese" else " "


def token_row(tokenizer, clip: AlignedClip, audio_tokens: int) -> tuple[list[int], list[int], list[float]]:
    """One clip in the prompt of `voices.alignment`, token by token: (tokens,) each.

    Returns the ids, with `audio_tokens` places for the sound; the text token that is said there, or at a timestamp the
    one that its word begins or ends with, and -1 elsewhere; and the seconds of audio tokens and timestamps.
    """
    start, pad, end, stamp = tokenizer.convert_tokens_to_ids(
        ["<|audio_start|>", "<|audio_pad|>", "<|audio_end|>", "<timestamp>"]
    )
    heard_at = (np.arange(audio_tokens) + 0.5) / TOKENS_PER_SECOND
    heard = np.full(audio_tokens, -1)
    ids, said, times = [], [], []
    for word, (first, last) in zip(clip.words, clip.times.tolist(), strict=True):
        word_ids = tokenizer(word).input_ids
        ids += [*word_ids, stamp, stamp]
        said += [-1] * len(word_ids) + [word_ids[0], word_ids[-1]]
        times += [0.0] * len(word_ids) + [first, last]
        inside = (heard_at >= first) & (heard_at < last)
        # A word's tokens share its time evenly.
        heard[inside] = np.take(word_ids, ((heard_at[inside] - first) / (last - first) * len(word_ids)).astype(int))
    return (
        [start, *[pad] * audio_tokens, end, *ids],
        [-1, *heard.tolist(), -1, *said],
        [0.0, *heard_at.tolist(), 0.0, *times],
    )


class AlignedClipMaker:
    """Draws clips from a pool of timed utterances; each is mixed anew, so none comes twice."""

    def __init__(self, pool: dict[str, list[TimedUtterance]], short: float, seed: int):
        """`short`: the share of clips that are one utterance alone."""
        self._short = short
        self._rng = random.Random(seed)
        self._by_voice = group_by_voice(pool)

    def draw(self) -> AlignedClip:
        """One clip of a kind drawn by the mix."""
        kind = self._rng.choices(list(MIX), list(MIX.values()))[0]
        if self._rng.random() < self._short:
            turns = [self._one_speaker(kind, 1)]
        elif kind == "call":
            turns = self._call()
        else:
            turns = [self._one_speaker(kind, self._rng.choice(SENTENCES))]
        telephone = kind == "call" and self._rng.random() < TELEPHONE_SHARE
        waveform, timed = compose(turns, space_between(kind), self._rng, telephone)
        return aligned_clip(waveform, timed, LANGUAGE[kind])

    def _call(self) -> list[list[TimedUtterance]]:
        speakers = voices.draw_speakers(self._rng, voices.TRAINING_HALF_TONES)

        def draw_utterance(speaker: Speaker) -> TimedUtterance:
            voice = Voice("openjtalk", half_tone=speaker.half_tone)
            return self._rng.choice(self._by_voice["call"][voice.speaker]).warped(speaker.factor)

        return draw_call(self._rng, speakers, draw_utterance)

    def _one_speaker(self, kind: str, sentences: int) -> list[TimedUtterance]:
        of_one = self._rng.choice(list(self._by_voice[kind].values()))
        factor = voices.draw_factor(self._rng, of_one[0].voice)
        return [utterance.warped(factor) for utterance in self._rng.choices(of_one, k=sentences)]

    def batches(self) -> Iterator[list[AlignedClip]]:
        """Endless batches of clips of like length."""
        return draw_batches(self.draw, self._rng)


def draw_call(
    rng: random.Random, speakers: tuple[Speaker, Speaker], draw_utterance: Callable[[Speaker], TimedUtterance]
) -> list[list[TimedUtterance]]:
    """The turns of a call, at most `MAX_CALL_SECONDS` of them, each at its own level.

    `draw_utterance(speaker)` gives one sentence in that speaker's voice.
    """
    turns, seconds = [], 0.0
    for number, sentences in enumerate(voices.draw_turn_lengths(rng)):
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        spoken = [draw_utterance(speakers[number % 2]).louder(gain) for _ in range(sentences)]
        seconds += sum(len(utterance.waveform) / voices.SAMPLE_RATE + 0.8 for utterance in spoken)
        if seconds > MAX_CALL_SECONDS:
            break
        turns.append(spoken)
    return turns


def make_shard(kind: str, shard: int, path: Path) -> None:
    """Speak one shard; its sentences and voices follow from its number."""
    rng = random.Random(f"timed {kind} {shard}")
    maker = MAKERS[kind](rng.getrandbits(32))
    utterances = [
        speak_timed(maker.draw().text, draw_voice(kind, rng, held_out=False)) for _ in range(KINDS[kind] // SHARDS)
    ]
    entries = [{"text": utterance.text, "voice": asdict(utterance.voice)} for utterance in utterances]
    times = np.concatenate([utterance.times for utterance in utterances])
    write_shard(path, entries, [utterance.waveform for utterance in utterances], times=times)


def load_shard(path: Path) -> list[TimedUtterance]:
    """What `make_shard` wrote."""
    entries, waveforms, arrays = read_shard(path)
    times = np.split(arrays["times"], np.cumsum([len(entry["text"]) for entry in entries])[:-1])
    return [
        TimedUtterance(entry["text"], Voice(**entry["voice"]), waveform, of_text)
        for entry, waveform, of_text in zip(entries, waveforms, times, strict=True)
    ]


def load_or_make(folder: Path) -> dict[str, list[TimedUtterance]]:
    """Every kind's utterances; shards that are missing are spoken first."""
    return shards.load_or_make(folder, dict.fromkeys(KINDS, SHARDS), make_shard, load_shard)
