"""Converts a data set to training samples: 16 kHz FLAC files and a manifest.

    python -m training.prepare --data cv-corpus-22.0/pt --direction pt --split test --output_dir data/pt-test
    python -m training.prepare --data cv-corpus-22.0/pt --direction pt --split train --output_dir data/pt-train \\
        --held_out data/pt-test/manifest.jsonl

Reads the same data as `evaluation.run`. `dropped.jsonl` lists the recordings that are not
used, with the reason: too short, too long, without words, unreadable, or held out. Calls that are longer than the
task's window are not cut.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from evaluation.data import DataError, Segment, Source, Utterance
from evaluation.options import OptionParser, add_direction, chosen_task
from evaluation.readers import read_utterances
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.batch.pool import add_workers_option, do_in_order
from kikitori.errors import AudioError, exit_code_of
from kikitori.output.files import write_atomically
from kikitori.strings import join_texts
from kikitori.tasks import Task
from training.manifest import (
    FilteredSamples,
    HeldOut,
    Sample,
    hash_waveform,
    native_text,
    read_manifest,
    rejection_reason,
    to_int16,
    write_manifest,
)


def tag_speakers(segments: Iterable[Segment]) -> str:
    """Return a call as the diarization card writes it: `<|spk_0|> … <|spk_1|> …`, numbered in order of first speech."""
    numbers: dict[str | None, int] = {}
    turns = []
    for speaker, spoken in groupby(segments, key=lambda segment: segment.speaker):
        number = numbers.setdefault(speaker, len(numbers))
        if words := join_texts(segment.text or "" for segment in spoken):
            turns.append(f"<|spk_{number}|> {words}")
    return " ".join(turns)


def target_text(utterance: Utterance, task: Task) -> str:
    """Return the target text, in Unicode's NFC (translation card, "Unicode normalization")."""
    segments = utterance.reference
    words = tag_speakers(segments) if task.has_speakers else join_texts(segment.text or "" for segment in segments)
    return native_text(task.language or utterance.language, unicodedata.normalize("NFC", words))


def read_utterance(utterance: Utterance, task: Task, folder: Path) -> tuple[Sample, np.ndarray | None]:
    """Return a recording as a sample, and its waveform, (samples,) float32 mono 16 kHz; None if it can't be read."""
    text = target_text(utterance, task)
    try:
        with utterance.open_file() as path:
            waveform = load_audio(path)
    except AudioError as error:
        return Sample(folder / utterance.name, text, 0.0, "", str(error)), None
    digest, seconds = hash_waveform(waveform), len(waveform) / SAMPLE_RATE
    return Sample(folder / f"{digest}.flac", text, seconds, digest, context=utterance.context), waveform


class Reader:
    """A worker that writes the recordings that can be used as 16 kHz FLAC files into a folder."""

    def __init__(self, task: Task, folder: Path, held_out: Sequence[Sample]):
        self._task = task
        self._folder = folder
        self._held_out = HeldOut(held_out)

    def do(self, utterance: Utterance) -> tuple[str, Sample, str]:
        """Return a recording's name, its sample, and why it is not used; "" if it is."""
        sample, waveform = read_utterance(utterance, self._task, self._folder)
        reason = rejection_reason(sample, self._task.window_seconds)
        reason = reason or ("held out" if sample in self._held_out else "")
        if not reason:
            soundfile.write(sample.audio, to_int16(waveform), SAMPLE_RATE, subtype="PCM_16")
        return utterance.name, sample, reason


def prepare(
    source: Source, task: Task, output: Path, held_out: Sequence[Sample] = (), workers: int = 1
) -> FilteredSamples:
    """Write the samples to the folder `output`. Raises DataError if there are none or the data can't be used."""
    folder = output / "audio"
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    filtered, lines = FilteredSamples([], Counter()), []
    utterances = ((utterance,) for utterance in read_utterances(source, task))
    for name, sample, reason in do_in_order(partial(Reader, task, folder, held_out), utterances, workers):
        reason = reason or ("duplicate recording" if sample.sha256 in seen else "")
        if reason:
            filtered.dropped[reason] += 1
            record = {"recording": name, "reason": sample.read_error or reason}
            lines.append(json.dumps(record, ensure_ascii=False) + "\n")
            continue
        seen.add(sample.sha256)
        filtered.kept.append(sample)
    write_atomically(output / "dropped.jsonl", "".join(lines))
    if not filtered.kept:
        raise DataError(f"{source.location}: {filtered}; {output / 'dropped.jsonl'} lists them")
    write_manifest(output / "manifest.jsonl", filtered.kept)
    return filtered


def build_parser() -> OptionParser:
    """Build the parser of this command's options. Those for the data are the same as in `evaluation.run`."""
    parser = OptionParser(prog="python -m training.prepare", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", required=True, help="a folder in one of the layouts of evaluation/readers.py, or the hub"
    )
    add_direction(parser)
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--config", help="parquet: the configuration with the audio, such as en_us")
    parser.add_argument("--reference_config", help="parquet: the configuration with the translations, matched by `id`")
    parser.add_argument("--text_column", help="parquet: the column with the text")
    parser.add_argument("--held_out", type=Path, nargs="+", default=[], help="manifests of recordings to leave out")
    add_workers_option(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write the samples and print how many are used; return the exit code."""
    options = build_parser().parse_args(argv)
    source = Source(options.data, options.split, options.config, options.reference_config, options.text_column)

    def work() -> None:
        held_out = [sample for manifest in options.held_out for sample in read_manifest(manifest)]
        print(prepare(source, chosen_task(options), options.output_dir, held_out, options.workers))

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
