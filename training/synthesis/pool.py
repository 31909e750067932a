"""The utterances that training draws from, spoken once and kept on disk."""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path

from training.synthesis import sentences, shards
from training.synthesis.shards import read_shard, write_shard
from training.synthesis.voices import (
    ENGLISH_ENGINE,
    PORTUGUESE_ENGINE,
    Utterance,
    Voice,
    draw_espeak_voice,
    draw_japanese_voice,
    phonemes,
    speak,
)

KINDS = {"call": 7200, "ja2en": 3000, "en2ja": 9000, "pt": 9000}
"""How many utterances of each kind are spoken."""
SHARDS = 8

MAKERS = {
    "call": sentences.call_sentences,
    "ja2en": sentences.japanese_sentences,
    "en2ja": sentences.english_sentences,
    "pt": sentences.portuguese_sentences,
}


def draw_voice(kind: str, rng: random.Random, held_out: bool) -> Voice:
    """A voice that speaks the language of `kind`."""
    if kind in ("call", "ja2en"):
        return draw_japanese_voice(rng, held_out)
    engine = ENGLISH_ENGINE if kind == "en2ja" else PORTUGUESE_ENGINE
    return draw_espeak_voice(rng, engine, held_out)


def spelling(kind: str, text: str) -> str:
    """What the sound is made of: kana for Japanese, elsewhere espeak-ng's phonemes without stress and length."""
    if kind in ("call", "ja2en"):
        import pyopenjtalk

        return "".join(symbol for symbol in pyopenjtalk.g2p(text, kana=True) if "ァ" <= symbol <= "ー")
    return phonemes(text, ENGLISH_ENGINE if kind == "en2ja" else PORTUGUESE_ENGINE)


def utter(kind: str, sentence: sentences.Sentence, voice: Voice) -> Utterance:
    """Speak one sentence."""
    return Utterance(
        sentence.text, sentence.translation, spelling(kind, sentence.text), voice, speak(sentence.text, voice)
    )


def make_shard(kind: str, shard: int, path: Path) -> None:
    """Speak one shard of a kind; its sentences and voices follow from the shard's number."""
    rng = random.Random(f"{kind} {shard}")
    maker = MAKERS[kind](rng.getrandbits(32))
    count = KINDS[kind] // SHARDS
    utterances = [utter(kind, maker.draw(), draw_voice(kind, rng, held_out=False)) for _ in range(count)]
    entries = [
        {
            "text": utterance.text,
            "translation": utterance.translation,
            "spelling": utterance.spelling,
            "voice": asdict(utterance.voice),
        }
        for utterance in utterances
    ]
    write_shard(path, entries, [utterance.waveform for utterance in utterances])


def load_shard(path: Path) -> list[Utterance]:
    """What `make_shard` wrote."""
    entries, waveforms, _ = read_shard(path)
    return [
        Utterance(**entry | {"voice": Voice(**entry["voice"]), "waveform": waveform})
        for entry, waveform in zip(entries, waveforms, strict=True)
    ]


def load_or_make(folder: Path) -> dict[str, list[Utterance]]:
    """Every kind's utterances; shards that are missing are spoken first."""
    return shards.load_or_make(folder, dict.fromkeys(KINDS, SHARDS), make_shard, load_shard)
