"""The utterances that training draws from, spoken once and kept on disk."""

import json
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from training import sentences
from training.speech import (
    ENGLISH_ENGINE,
    PORTUGUESE_ENGINE,
    Utterance,
    Voice,
    draw_espeak_voice,
    draw_japanese_voice,
    phonemes,
    speak,
)

KINDS = {"call": 3600, "ja2en": 3000, "en2ja": 9000, "pt": 9000}
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
    utterances = (utter(kind, maker.draw(), draw_voice(kind, rng, held_out=False)) for _ in range(count))
    save_utterances([as_kept(utterance) for utterance in utterances], path)


def as_kept(utterance: Utterance) -> Utterance:
    """The utterance with its samples as int16."""
    return replace(utterance, waveform=(utterance.waveform * 32767).astype(np.int16))


def save_utterances(utterances: list[Utterance], path: Path) -> None:
    """Write utterances, as kept, to one file that is whole or not there."""
    entries = [
        {
            "text": utterance.text,
            "translation": utterance.translation,
            "spelling": utterance.spelling,
            "voice": asdict(utterance.voice),
        }
        for utterance in utterances
    ]
    temporary = path.with_suffix(".part.npz")
    np.savez(
        temporary,
        samples=np.concatenate([utterance.waveform for utterance in utterances]),
        lengths=np.array([len(utterance.waveform) for utterance in utterances]),
        entries=json.dumps(entries),
    )
    temporary.replace(path)


def load_utterances(path: Path) -> list[Utterance]:
    """What `save_utterances` wrote; waveforms are int16 and scaled to [-1, 1] when used."""
    with np.load(path) as data:
        samples = data["samples"]
        ends = np.cumsum(data["lengths"])
        entries = json.loads(str(data["entries"]))
    return [
        Utterance(
            entry["text"],
            entry["translation"],
            entry["spelling"],
            Voice(**entry["voice"]),
            samples[end - length : end],
        )
        for entry, end, length in zip(entries, ends, np.diff(ends, prepend=0), strict=True)
    ]


def load_or_make(folder: Path, processes: int = 2) -> dict[str, list[Utterance]]:
    """Every kind's utterances; shards that are missing are spoken first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {(kind, shard): folder / f"{kind}-{shard}.npz" for kind in KINDS for shard in range(SHARDS)}
    missing = [key for key, path in paths.items() if not path.exists()]
    with ProcessPoolExecutor(processes) as executor:
        jobs = [executor.submit(make_shard, *key, paths[key]) for key in missing]
        for job, (kind, shard) in zip(jobs, missing, strict=True):
            job.result()
            print(f"spoken: {kind} {shard + 1} of {SHARDS}", flush=True)
    return {kind: [u for shard in range(SHARDS) for u in load_utterances(paths[kind, shard])] for kind in KINDS}
