"""Write examples/ and tests/recordings/: `python -m training.recordings`, after `python -m training.tiny`.

The examples are scripted. The tests' recordings are the first clips of each direction, in held-out voices, that the
checkpoint gets right word for word, because the tests guard against change; how often it is right is measured by
training.held_out.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import soundfile

from kikitori.strings import join_texts
from kikitori.tasks import get_source
from kikitori.transcribe import load_model, transcribe
from training.synthesis import pool, voices
from training.synthesis.clips import compose_sentences
from training.synthesis.voices import Speaker, Voice
from training.tiny.example_scripts import CALLS, SENTENCES
from training.tiny.measure import ROOT, ROWS, Recording, Row, held_out_recordings

TEST_ROWS = {"diarize": ROWS[0], "pt": ROWS[1], "en2ja": ROWS[2], "ja2en": ROWS[3]}
TEST_CLIPS = 6


def scripted_call(turns: list[tuple[Speaker, list[str]]], rng: random.Random) -> Recording:
    """A call as scripted, through a telephone."""
    order = list(dict.fromkeys(speaker for speaker, _ in turns))
    waveforms = []
    for speaker, texts in turns:
        voice = Voice("openjtalk", half_tone=speaker.half_tone, speed=1.05)
        waveforms += [voices.warp(voices.speak(text, voice), speaker.factor) for text in texts]
    waveform = voices.mix(waveforms, voices.draw_gaps(rng, len(waveforms)), rng, telephone=True)
    tagged = [f"<|spk_{order.index(speaker)}|> {''.join(texts)}" for speaker, texts in turns]
    return Recording(waveform, " ".join(tagged))


def scripted_sentences(task: str, voice: Voice, pairs: list[tuple[str, str]], rng: random.Random) -> Recording:
    """Sentences of one speaker as scripted; the reference is the answer that the direction wants."""
    utterances = [
        voices.Utterance(text, translation, pool.spelling(task, text), voice, voices.speak(text, voice))
        for text, translation in pairs
    ]
    waveform, reference, *_ = compose_sentences(task, utterances, rng)
    return Recording(waveform, reference, join_texts(text for text, _ in pairs))


def write_recordings(folder: Path, recordings: dict[str, tuple[str, Recording]]) -> None:
    """FLAC files of 16 bit, 16 kHz, and references.json: name -> direction, reference, and what was said."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.flac"):
        old.unlink()
    for name, (_, recording) in recordings.items():
        soundfile.write(folder / name, recording.waveform, voices.SAMPLE_RATE, subtype="PCM_16")
    references = {
        name: {"direction": direction, "reference": recording.reference, "said": recording.said}
        for name, (direction, recording) in recordings.items()
    }
    text = json.dumps(references, ensure_ascii=False, indent=2) + "\n"
    (folder / "references.json").write_text(text, encoding="utf-8")


def examples() -> dict[str, tuple[str, Recording]]:
    """File name -> direction and recording."""
    made = {}
    for name, turns in CALLS.items():
        made[f"{name}.flac"] = ("diarize", scripted_call(turns, random.Random(name)))
    for name, (task, voice, pairs) in SENTENCES.items():
        made[f"{name}.flac"] = (task, scripted_sentences(task, voice, pairs, random.Random(name)))
    return made


def test_recordings(direction: str, row: Row) -> dict[str, tuple[str, Recording]]:
    """The first held-out clips that the tool gets right: file name -> direction and recording.

    Of calls those with at least three turns, so that the tags are tested; of translations those whose source comes
    out right as well. The one of which the model is surest is the first: longer recordings are made of it.
    """
    model = load_model(direction, checkpoint="tiny")
    source = load_model(get_source(model.direction).name, checkpoint="tiny") if model.direction.translates else None
    right: list[tuple[float, Recording]] = []
    for recording in held_out_recordings(row.task):
        if direction == "diarize" and recording.reference.count("<|spk_") < 3:
            continue
        kept = np.round(recording.waveform * 32767).astype(np.int16).astype(np.float32) / 32768  # as the file has it
        transcript = transcribe(model, kept, source=source)
        said = "".join(turn.source for turn in transcript.turns)
        is_right = transcript.raw_text == recording.reference and not transcript.warnings
        if is_right and (source is None or said == recording.said):
            (decoded,) = model.decode([kept])
            right.append((min(decoded.log_probabilities), recording))
        if len(right) == TEST_CLIPS:
            break
    right.sort(key=lambda entry: -entry[0])
    return {f"{direction}_{number}.flac": (direction, recording) for number, (_, recording) in enumerate(right)}


def main() -> int:
    """Write both folders."""
    made = examples()
    write_recordings(ROOT / "examples", made)
    chosen = {}
    for direction, row in TEST_ROWS.items():
        chosen |= test_recordings(direction, row)
    write_recordings(ROOT / "tests" / "recordings", chosen)
    print(f"written: {len(made)} examples and {len(chosen)} recordings for tests")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
