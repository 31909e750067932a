"""Manifests: training samples, a line of JSON each, as Qwen3-ASR's own recipe takes them.

    {"audio": "audio/5f0c….flac", "text": "language Japanese<asr_text>はい。", "seconds": 1.9, "sha256": "5f0c…"}

`audio` is relative to the manifest's folder. `python -m training.prepare` writes manifests; where others have no
`seconds` and `sha256`, both are measured when the manifest is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.data import DataError
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.errors import AudioError
from kikitori.output.files import write_atomically

MIN_SECONDS, MAX_SECONDS = 0.5, 30.0
"""Of a sample (translation card, "Audio preprocessing")."""
ENCODED_ANEW_SECONDS = 0.2
"""By so much the same recording may differ in length after it went through another codec."""
_NATIVE = re.compile(r"language ([A-Z][a-z]+)<asr_text>(.*)", re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """A recording and what is to be written for it, in the native prompt (`language X<asr_text>…`).

    sha256: of its samples, see `hash_samples`; empty where the audio can't be read, which `fault` says.
    """

    audio: Path
    text: str
    seconds: float
    sha256: str
    fault: str = ""

    @property
    def language(self) -> str:
        """That of the text; it is the direction of a translation. Empty where the text is not in the native prompt."""
        native = _NATIVE.fullmatch(self.text)
        return native[1] if native else ""

    @property
    def words(self) -> str:
        """The text without the prompt."""
        native = _NATIVE.fullmatch(self.text)
        return native[2].strip() if native else ""


def native_text(language: str, words: str) -> str:
    """What a model is taught to write (translation card, "Training Data Format")."""
    return f"language {language}<asr_text>{words}"


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Float samples in [-1, 1] as a 16-bit file keeps them: int16, the same shape."""
    return np.clip(np.round(waveform * 32768), -32768, 32767).astype(np.int16)


def hash_samples(waveform: np.ndarray) -> str:
    """SHA-256 of a waveform (samples,), float32 mono 16 kHz, as 16-bit samples: the same for any lossless container."""
    return hashlib.sha256(to_int16(waveform).tobytes()).hexdigest()


def read_manifest(path: Path) -> list[Sample]:
    """All samples of a manifest. Raises DataError for a file that is not there, empty, or no manifest."""
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
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path}, line {number}, is no {{"audio": …, "text": …}} ({error}): mend or remove it'
        ) from error
    if "seconds" in record and "sha256" in record:
        return Sample(audio, text, float(record["seconds"]), record["sha256"])
    return measure(audio, text)


def measure(audio: Path, text: str) -> Sample:
    """The sample with its length and hash, by reading the whole recording."""
    try:
        waveform = load_audio(audio)
    except AudioError as error:
        return Sample(audio, text, 0.0, "", str(error))
    return Sample(audio, text, len(waveform) / SAMPLE_RATE, hash_samples(waveform))


def write_manifest(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples whose audio lies in the manifest's folder or below it."""
    records = (
        {
            "audio": sample.audio.relative_to(path.parent).as_posix(),
            "text": sample.text,
            "seconds": round(sample.seconds, 3),
            "sha256": sample.sha256,
        }
        for sample in samples
    )
    write_atomically(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def find_fault(sample: Sample, max_seconds: float = MAX_SECONDS) -> str:
    """Why a sample is not used; empty where it is."""
    if sample.fault:
        return "cannot be read"
    if not sample.language:
        return "text is not in the native prompt"
    if not sample.words:
        return "no words"
    if sample.seconds < MIN_SECONDS:
        return f"shorter than {MIN_SECONDS:g} s"
    if sample.seconds > max_seconds:
        return f"longer than {max_seconds:g} s"
    return ""


@dataclass(frozen=True)
class Filtered:
    """The samples that are used, and how many are not, by reason."""

    kept: list[Sample]
    dropped: Counter

    def __str__(self) -> str:
        """One line for the user."""
        reasons = "".join(f"; {count} {reason}" for reason, count in self.dropped.most_common())
        return f"{len(self.kept)} of {len(self.kept) + self.dropped.total()} samples used{reasons}"


def filter_samples(samples: Iterable[Sample], fault_of: Callable[[Sample], str]) -> Filtered:
    """Part the samples by what `fault_of` says. Raises DataError where none is left."""
    filtered = Filtered([], Counter())
    for sample in samples:
        if reason := fault_of(sample):
            filtered.dropped[reason] += 1
        else:
            filtered.kept.append(sample)
    if not filtered.kept:
        raise DataError(f"{filtered}: check the data")
    return filtered


class HeldOut:
    """Speech that must not be trained on."""

    def __init__(self, samples: Sequence[Sample]):
        self._hashes = {sample.sha256 for sample in samples if sample.sha256}
        self._lengths: dict[str, list[float]] = defaultdict(list)
        for sample in samples:
            self._lengths[sample.text].append(sample.seconds)

    def __contains__(self, sample: Sample) -> bool:
        """Whether it is one of these recordings, or has the text of one and its length: a copy in another codec."""
        lengths = self._lengths.get(sample.text, ())
        return sample.sha256 in self._hashes or any(
            abs(seconds - sample.seconds) <= ENCODED_ANEW_SECONDS for seconds in lengths
        )


def check_apart(train: Sequence[Sample], held_out: Sequence[Sample]) -> None:
    """Raise DataError where speech that measures the model also trains it."""
    apart = HeldOut(held_out)
    if shared := [sample for sample in train if sample in apart]:
        raise DataError(
            f"{len(shared)} of {len(train)} training samples are also in the evaluation data, such as "
            f"{shared[0].audio}: prepare the training data with --held_out and the evaluation's manifest"
        )


def balance(samples: Sequence[Sample]) -> list[Sample]:
    """As many samples of every language of the text: those of the rarer ones come several times.

    The translation card balanced its data "across directions", which the language of the text tells apart.
    """
    by_language: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_language[sample.language].append(sample)
    most = max(map(len, by_language.values()))
    return [group[number % len(group)] for group in by_language.values() for number in range(most)]
