"""Turn a data set into training samples: 16 kHz FLAC files and a manifest.

    python -m training.prepare --data cv-corpus-22.0/pt --direction pt --split test --output_dir data/pt-test
    python -m training.prepare --data cv-corpus-22.0/pt --direction pt --split train --output_dir data/pt-train \\
        --held_out data/pt-test/manifest.jsonl

Reads what `evaluation.run` reads, one recording at a time. `dropped.jsonl` names what is not used, and why: too short,
too long, without words, unreadable, or held out. Not covered: cutting calls longer than a direction's window.
"""

from __future__ import annotations

import argparse
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from evaluation.data import DataError, Segment, Source, Utterance, read_utterances
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.errors import AudioError, exit_code_of
from kikitori.output.files import write_atomically
from kikitori.strings import join_texts
from kikitori.tasks import TASKS, Task
from training.manifest import (
    Filtered,
    HeldOut,
    Sample,
    find_fault,
    hash_samples,
    native_text,
    read_manifest,
    to_int16,
    write_manifest,
)


def tagged(segments: Iterable[Segment]) -> str:
    """A call as the diarization card writes it: `<|spk_0|> … <|spk_1|> …`, numbered as they first speak."""
    numbers: dict[str | None, int] = {}
    turns = []
    for speaker, spoken in groupby(segments, key=lambda segment: segment.speaker):
        number = numbers.setdefault(speaker, len(numbers))
        if words := join_texts(segment.text or "" for segment in spoken):
            turns.append(f"<|spk_{number}|> {words}")
    return " ".join(turns)


def target_text(utterance: Utterance, direction: Task) -> str:
    """What the model is to write, composed as Unicode's NFC ("Unicode normalization", translation card)."""
    segments = utterance.reference
    words = tagged(segments) if direction.has_speakers else join_texts(segment.text or "" for segment in segments)
    return native_text(direction.language, unicodedata.normalize("NFC", words))


def hear(utterance: Utterance, direction: Task, folder: Path) -> tuple[Sample, np.ndarray | None]:
    """The sample that a recording would be, and its waveform (samples,), float32 mono 16 kHz; None if unreadable."""
    text = target_text(utterance, direction)
    try:
        with utterance.open_file() as path:
            waveform = load_audio(path)
    except AudioError as error:
        return Sample(folder / utterance.name, text, 0.0, "", str(error)), None
    digest = hash_samples(waveform)
    return Sample(folder / f"{digest}.flac", text, len(waveform) / SAMPLE_RATE, digest), waveform


def prepare(source: Source, direction: Task, output: Path, held_out: Sequence[Sample] = ()) -> Filtered:
    """Fill the folder `output`, and tell what is used. Raises DataError."""
    folder = output / "audio"
    folder.mkdir(parents=True, exist_ok=True)
    apart, seen = HeldOut(held_out), set()
    filtered, lines = Filtered([], Counter()), []
    for utterance in read_utterances(source, direction):
        sample, waveform = hear(utterance, direction, folder)
        reason = find_fault(sample, direction.window_seconds)
        reason = reason or ("held out" if sample in apart else "")
        reason = reason or ("the same recording again" if sample.sha256 in seen else "")
        if reason:
            filtered.dropped[reason] += 1
            record = {"recording": utterance.name, "reason": sample.fault or reason}
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
            continue
        soundfile.write(sample.audio, to_int16(waveform), SAMPLE_RATE, subtype="PCM_16")
        seen.add(sample.sha256)
        filtered.kept.append(sample)
    write_atomically(output / "dropped.jsonl", "".join(lines))
    if not filtered.kept:
        raise DataError(f"{source.location}: {filtered}; {output / 'dropped.jsonl'} names them")
    write_manifest(output / "manifest.jsonl", filtered.kept)
    return filtered


def build_parser() -> argparse.ArgumentParser:
    """The options; those of the data are `evaluation.run`'s."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", required=True, help="a folder in one of the layouts of evaluation/data.py, or the hub"
    )
    parser.add_argument("--direction", required=True, choices=list(TASKS))
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--config", help="parquet: the part of the data set with the audio, such as en_us")
    parser.add_argument("--reference_config", help="parquet: the part with the translations, by `id`")
    parser.add_argument("--text_column", help="parquet: where the text is")
    parser.add_argument("--held_out", type=Path, nargs="+", default=[], help="manifests whose speech is kept out")
    return parser


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    options = build_parser().parse_args(argv)
    source = Source(options.data, options.split, options.config, options.reference_config, options.text_column)

    def work() -> None:
        held_out = [sample for manifest in options.held_out for sample in read_manifest(manifest)]
        print(prepare(source, TASKS[options.direction], options.output_dir, held_out))

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
