"""The sentences that training clips are made from: spoken once and cached on disk."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from training.synthesis import sentences, shards
from training.synthesis.shards import read_shard, write_shard
from training.synthesis.voices import (
    ENGLISH_ENGINE,
    PORTUGUESE_ENGINE,
    SpokenSentence,
    Voice,
    draw_espeak_voice,
    draw_japanese_voice,
    phonemes,
    speak,
)

NAMES = {"names_ja": "Japanese", "names_en": "English", "names_pt": "Portuguese"}
"""Kinds of sentences with names -> their language."""
KINDS = {"call": 7200, "ja2en": 3000, "en2ja": 9000, "pt": 9000} | dict.fromkeys(NAMES, 2400)
"""Number of sentences to speak, by kind."""
SHARDS = 8
"""Per kind."""
JAPANESE_KINDS = ("call", "ja2en", "names_ja")
ENGLISH_KINDS = ("en2ja", "names_en")

MAKERS = {
    "call": sentences.call_sentences,
    "ja2en": sentences.japanese_sentences,
    "en2ja": sentences.english_sentences,
    "pt": sentences.portuguese_sentences,
} | {kind: partial(sentences.sentences_with_names, language) for kind, language in NAMES.items()}


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Add `--shards`."""
    parser.add_argument(
        "--shards",
        type=int,
        choices=range(1, SHARDS + 1),
        default=SHARDS,
        metavar="N",
        help=f"use the first N of the {SHARDS} shards of speech per kind; default: %(default)s",
    )


def draw_voice(kind: str, rng: random.Random, held_out: bool) -> Voice:
    """Draw a voice that speaks the language of `kind`."""
    if kind in JAPANESE_KINDS:
        return draw_japanese_voice(rng, held_out)
    engine = ENGLISH_ENGINE if kind in ENGLISH_KINDS else PORTUGUESE_ENGINE
    return draw_espeak_voice(rng, engine, held_out)


def spelling(kind: str, text: str) -> str:
    """Return the pronunciation: kana for Japanese, else espeak-ng's phonemes without stress and length."""
    if kind in JAPANESE_KINDS:
        import pyopenjtalk

        return "".join(symbol for symbol in pyopenjtalk.g2p(text, kana=True) if "ァ" <= symbol <= "ー")
    return phonemes(text, ENGLISH_ENGINE if kind in ENGLISH_KINDS else PORTUGUESE_ENGINE)


def speak_sentence(kind: str, sentence: sentences.Sentence, voice: Voice) -> SpokenSentence:
    """Speak one sentence with one voice."""
    return SpokenSentence(
        sentence.text, sentence.translation, spelling(kind, sentence.text), voice, speak(sentence.text, voice)
    )


def make_shard(kind: str, shard: int, path: Path) -> None:
    """Speak and write one shard of a kind. Its number is the seed of its sentences and voices."""
    rng = random.Random(f"{kind} {shard}")
    maker = MAKERS[kind](rng.getrandbits(32))
    count = KINDS[kind] // SHARDS
    spoken = [speak_sentence(kind, maker.draw(), draw_voice(kind, rng, held_out=False)) for _ in range(count)]
    entries = [
        {
            "text": sentence.text,
            "translation": sentence.translation,
            "spelling": sentence.spelling,
            "voice": asdict(sentence.voice),
        }
        for sentence in spoken
    ]
    write_shard(path, entries, [sentence.waveform for sentence in spoken])


def load_shard(path: Path) -> list[SpokenSentence]:
    """Read a shard that `make_shard` wrote."""
    entries, waveforms, _ = read_shard(path)
    return [
        SpokenSentence(**entry | {"voice": Voice(**entry["voice"]), "waveform": waveform})
        for entry, waveform in zip(entries, waveforms, strict=True)
    ]


def load_or_make(
    folder: Path, kinds: Iterable[str] = tuple(KINDS), count: int = SHARDS
) -> dict[str, list[SpokenSentence]]:
    """Return the spoken sentences of the kinds. Missing shards are spoken first.

    count: number of shards per kind, 1 to SHARDS. With fewer the same ones come first.
    """
    return shards.load_or_make(folder, dict.fromkeys(kinds, count), make_shard, load_shard)
