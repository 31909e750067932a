"""Reads and writes manifests: training samples as JSON Lines, in the format of Qwen3-ASR's own recipe.

    {"audio": "audio/5f0c….flac", "text": "language Japanese<asr_text>はい。", "seconds": 1.9, "sha256": "5f0c…"}

`audio` is relative to the manifest's folder. A line may have a `context`, which becomes the system turn; that recipe
calls it `prompt`, and either name is read. `python -m training.prepare` writes manifests. If a manifest lacks `seconds`
or `sha256`, both are computed when it is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.data import DataError
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.errors import AudioError
from kikitori.output.files import write_atomically

MIN_SAMPLE_SECONDS, MAX_SAMPLE_SECONDS = 0.5, 30.0
"""Source: translation card, "Audio preprocessing"."""
REENCODING_SECONDS = 0.2
"""Largest difference in length between a recording and a copy in another codec."""
_NATIVE = re.compile(r"language ([A-Z][a-z]+)<asr_text>(.*)", re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """A recording and its target text in Qwen3-ASR's native format (`language X<asr_text>…`).

    sha256: see `hash_waveform`; empty if the audio can't be read. read_error: why it can't be read, or empty.
    context: names and terms that may occur, in the system turn; usually empty.
    """

    audio: Path
    text: str
    seconds: float
    sha256: str
    read_error: str = ""
    context: str = ""

    @property
    def language(self) -> str:
        """The language of the text; empty if the text is not in the native format."""
        native = _NATIVE.fullmatch(self.text)
        return native[1] if native else ""

    @property
    def words(self) -> str:
        """The text without its `language X<asr_text>`; empty if it is not in the native format."""
        native = _NATIVE.fullmatch(self.text)
        return native[2].strip() if native else ""


def native_text(language: str, words: str) -> str:
    """Return the target text for training. Source: translation card, "Training Data Format"."""
    return f"language {language}<asr_text>{words}"


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Convert float samples in [-1, 1] to int16 of the same shape."""
    return np.clip(np.round(waveform * 32768), -32768, 32767).astype(np.int16)


def hash_waveform(waveform: np.ndarray) -> str:
    """Return the SHA-256 of a waveform, (samples,) float32 mono 16 kHz, as 16-bit samples.

    It is the same for all lossless containers.
    """
    return hashlib.sha256(to_int16(waveform).tobytes()).hexdigest()


def read_manifest(path: Path) -> list[Sample]:
    """Return all samples of a manifest. Raises DataError if the file is missing, empty, or not a manifest."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} can't be read as a manifest ({error}): make it with python -m training.prepare"
        ) from error
    samples = [_parse(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()]
    if not samples:
        raise DataError(f"{path} holds no samples: make it with python -m training.prepare")
    return samples


def _parse(line: str, path: Path, number: int) -> Sample:
    try:
        record = json.loads(line)
        audio, text = path.parent / record["audio"], str(record["text"])
        context = str(record.get("context", record.get("prompt", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path}, line {number}, is not {{"audio": …, "text": …}} ({error}): correct or remove it'
        ) from error
    if "seconds" in record and "sha256" in record:
        return Sample(audio, text, float(record["seconds"]), record["sha256"], context=context)
    return replace(read_sample(audio, text), context=context)


def read_sample(audio: Path, text: str) -> Sample:
    """Return a sample with its length and hash, which takes reading the whole recording."""
    try:
        waveform = load_audio(audio)
    except AudioError as error:
        return Sample(audio, text, 0.0, "", str(error))
    return Sample(audio, text, len(waveform) / SAMPLE_RATE, hash_waveform(waveform))


def write_manifest(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples whose audio is in the manifest's folder or below it."""
    records = (
        {
            "audio": sample.audio.relative_to(path.parent).as_posix(),
            "text": sample.text,
            "seconds": round(sample.seconds, 3),
            "sha256": sample.sha256,
        }
        | ({"context": sample.context} if sample.context else {})
        for sample in samples
    )
    write_atomically(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def rejection_reason(sample: Sample, max_seconds: float = MAX_SAMPLE_SECONDS) -> str:
    """Return why a sample can't be used for training; empty if it can."""
    if sample.read_error:
        return "cannot be read"
    if not sample.language:
        return "text is not in the native format"
    if not sample.words:
        return "no words"
    if sample.seconds < MIN_SAMPLE_SECONDS:
        return f"shorter than {MIN_SAMPLE_SECONDS:g} s"
    if sample.seconds > max_seconds:
        return f"longer than {max_seconds:g} s"
    return ""


@dataclass(frozen=True)
class FilteredSamples:
    """The samples that are used, and the number of dropped ones by reason."""

    kept: list[Sample]
    dropped: Counter

    def __str__(self) -> str:
        """Return a one-line summary for the user."""
        reasons = "".join(f"; {count} {reason}" for reason, count in self.dropped.most_common())
        return f"{len(self.kept)} of {len(self.kept) + self.dropped.total()} samples used{reasons}"


def filter_samples(samples: Iterable[Sample], reason_for: Callable[[Sample], str]) -> FilteredSamples:
    """Drop the samples for which `reason_for` returns a reason. Raises DataError if none is left."""
    filtered = FilteredSamples([], Counter())
    for sample in samples:
        if reason := reason_for(sample):
            filtered.dropped[reason] += 1
        else:
            filtered.kept.append(sample)
    if not filtered.kept:
        raise DataError(f"{filtered}: check the data")
    return filtered


class HeldOut:
    """Recordings that must not be used for training."""

    def __init__(self, samples: Sequence[Sample]):
        self._hashes = {sample.sha256 for sample in samples if sample.sha256}
        self._lengths: dict[str, list[float]] = defaultdict(list)
        for sample in samples:
            self._lengths[sample.text].append(sample.seconds)

    def __contains__(self, sample: Sample) -> bool:
        """Whether a sample is one of these recordings, or has the same text and length: a copy in another codec."""
        lengths = self._lengths.get(sample.text, ())
        return sample.sha256 in self._hashes or any(
            abs(seconds - sample.seconds) <= REENCODING_SECONDS for seconds in lengths
        )


def check_apart(train: Sequence[Sample], held_out: Sequence[Sample]) -> None:
    """Raise DataError if training samples are also in the held-out data."""
    apart = HeldOut(held_out)
    if shared := [sample for sample in train if sample in apart]:
        raise DataError(
            f"{len(shared)} of {len(train)} training samples are also in the evaluation data, such as "
            f"{shared[0].audio}: prepare the training data with --held_out and the evaluation's manifest"
        )


def balance(samples: Sequence[Sample]) -> list[Sample]:
    """Return equally many samples of each text language, by repeating those of the rarer languages.

    The translation card balanced its data "across directions"; the direction follows from the language of the text.
    """
    by_language: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_language[sample.language].append(sample)
    most = max(map(len, by_language.values()))
    return [group[number % len(group)] for group in by_language.values() for number in range(most)]
