"""Writes examples/ and tests/recordings/: `python -m training.tiny.write_recordings`, after `training.tiny.train`.

The examples follow scripts. The tests' recordings are held-out clips, the first ones of each task that the checkpoint
transcribes without any error, because tests compare with what it writes. `training.tiny.measure` measures its accuracy.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import soundfile

from kikitori.engines.engine import Prompt
from kikitori.result import last
from kikitori.strings import join_texts
from kikitori.tasks import get_source
from kikitori.transcribe import load_model, transcribe
from training.synthesis import pool, voices
from training.synthesis.clips import compose_sentences
from training.synthesis.voices import Speaker, Voice
from training.tiny.example_scripts import CALLS, MIXED, MIXED_PAUSE_SECONDS, SENTENCES
from training.tiny.measure import ROOT, ROWS, HeldOutClip, Row, held_out_clips

TEST_ROWS = {"diarize": ROWS[0], "pt": ROWS[1], "en2ja": ROWS[2], "ja2en": ROWS[3]}
TEST_CLIPS = 6


def scripted_call(turns: list[tuple[Speaker, list[str]]], rng: random.Random) -> HeldOutClip:
    """Return a scripted call with a telephone's band."""
    order = list(dict.fromkeys(speaker for speaker, _ in turns))
    waveforms = []
    for speaker, texts in turns:
        voice = Voice("openjtalk", half_tone=speaker.half_tone, speed=1.05)
        waveforms += [voices.warp(voices.speak(text, voice), speaker.factor) for text in texts]
    waveform = voices.mix(waveforms, voices.draw_gaps(rng, len(waveforms)), rng, telephone=True)
    tagged = [f"<|spk_{order.index(speaker)}|> {''.join(texts)}" for speaker, texts in turns]
    return HeldOutClip(waveform, " ".join(tagged))


def scripted_sentences(task: str, voice: Voice, pairs: list[tuple[str, str]], rng: random.Random) -> HeldOutClip:
    """Return scripted sentences of one speaker. The reference is the text that the task writes."""
    spoken = [
        voices.SpokenSentence(text, translation, pool.spelling(task, text), voice, voices.speak(text, voice))
        for text, translation in pairs
    ]
    waveform, reference, *_ = compose_sentences(task, spoken, rng)
    return HeldOutClip(waveform, reference, join_texts(text for text, _ in pairs))


def write_recordings(folder: Path, clips: dict[str, tuple[str, HeldOutClip]]) -> None:
    """Write 16-bit FLAC files and references.json: file name -> direction, reference, and spoken text (`said`).

    clips: file name -> direction and clip. Older FLAC files in the folder are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.flac"):
        old.unlink()
    for name, (_, clip) in clips.items():
        soundfile.write(folder / name, clip.waveform, voices.SAMPLE_RATE, subtype="PCM_16")
    references = {
        name: {"direction": direction, "reference": clip.reference, "said": clip.spoken_text}
        for name, (direction, clip) in clips.items()
    }
    text = json.dumps(references, ensure_ascii=False, indent=2) + "\n"
    (folder / "references.json").write_text(text, encoding="utf-8")


def examples() -> dict[str, tuple[str, HeldOutClip]]:
    """Return the examples: file name -> direction and clip."""
    made = {}
    for name, turns in CALLS.items():
        made[f"{name}.flac"] = ("diarize", scripted_call(turns, random.Random(name)))
    for name, (task, voice, pairs) in SENTENCES.items():
        made[f"{name}.flac"] = (task, scripted_sentences(task, voice, pairs, random.Random(name)))
    for name, parts in MIXED.items():
        made[f"{name}.flac"] = ("transcribe", one_after_another([made[f"{part}.flac"][1] for part in parts]))
    return made


def one_after_another(clips: list[HeldOutClip]) -> HeldOutClip:
    """Return clips as one, with pauses between them. The reference is what is spoken."""
    pause = np.zeros(round(MIXED_PAUSE_SECONDS * voices.SAMPLE_RATE), np.float32)
    waveform = np.concatenate([part for clip in clips for part in (clip.waveform, pause)][:-1])
    return HeldOutClip(waveform, join_texts(clip.spoken_text for clip in clips))


def correct_clips(direction: str, row: Row) -> dict[str, tuple[str, HeldOutClip]]:
    """Return the first held-out clips that are transcribed without error: file name -> direction and clip.

    Calls need at least three turns, so that they test the tags. Translations need a correct source text as well. The
    clip with the highest confidence comes first, because tests make longer recordings from it.
    """
    model = load_model(direction, checkpoint="tiny")
    source = load_model(get_source(model.task).name, checkpoint="tiny") if model.task.translates else None
    correct: list[tuple[float, HeldOutClip]] = []
    for clip in held_out_clips(row.task):
        if direction == "diarize" and clip.reference.count("<|spk_") < 3:
            continue
        stored = np.round(clip.waveform * 32767).astype(np.int16).astype(np.float32) / 32768  # as read from the file
        transcript = transcribe(model, stored, source=source)
        source_text = "".join(turn.source for turn in transcript.turns)
        is_correct = transcript.raw_text == clip.reference and not transcript.warnings
        if is_correct and (source is None or source_text == clip.spoken_text):
            (result,) = last(model.engine.stream([stored], Prompt(model.task.language)))
            correct.append((min(result.log_probabilities), clip))
        if len(correct) == TEST_CLIPS:
            break
    correct.sort(key=lambda entry: -entry[0])
    return {f"{direction}_{number}.flac": (direction, clip) for number, (_, clip) in enumerate(correct)}


def main() -> int:
    """Write both folders; return the exit code."""
    made = examples()
    write_recordings(ROOT / "examples", made)
    chosen = {}
    for direction, row in TEST_ROWS.items():
        chosen |= correct_clips(direction, row)
    write_recordings(ROOT / "tests" / "recordings", chosen)
    print(f"written: {len(made)} examples and {len(chosen)} test recordings")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
