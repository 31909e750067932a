"""The output folder of a run. Each result is written as soon as it is ready, so that a stopped run can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluation.data import DataError, Segment
from evaluation.scoring import Pair
from kikitori.output.files import write_atomically
from kikitori.output.jsonl import append_records, read_records

SETTINGS, UTTERANCES, SUMMARY = "settings.json", "utterances.jsonl", "summary.json"
SCORES, QUALITY = "scores.jsonl", "quality.json"
"""Written by `evaluation.judge`."""


@dataclass(frozen=True)
class Result:
    """The result of one utterance.

    seconds: time spent on the transcription, 0 if the recording was refused. tokens: number written by the model.
    warnings: kinds of the transcript's warnings. refused: why there is no transcript, or None; a refused recording is
    scored as an empty transcript. language: the spoken language, for `transcribe`. detected: the transcript's language.
    """

    name: str
    reference: tuple[Segment, ...]
    hypothesis: tuple[Segment, ...]
    duration_seconds: float
    seconds: float
    tokens: int
    raw_text: str
    warnings: tuple[str, ...]
    refused: str | None = None
    language: str = ""
    detected: str = ""

    @property
    def pair(self) -> Pair:
        """The reference and hypothesis, as the metrics take them."""
        return Pair(self.reference, self.hypothesis, self.language, self.detected)

    @classmethod
    def from_dict(cls, record: dict) -> Result:
        """The inverse of `dataclasses.asdict`. Raises KeyError or TypeError for any other record."""
        sides = {side: tuple(Segment(**segment) for segment in record[side]) for side in ("reference", "hypothesis")}
        return cls(**record | sides | {"warnings": tuple(record["warnings"])})


class RunFolder:
    """The output folder of one run: its settings, one line per utterance, and at the end the summary."""

    def __init__(self, path: Path):
        self.path = path

    def open(self, settings: dict) -> None:
        """Start or resume a run with these settings. Raises DataError if the folder holds a run with other settings."""
        file = self.path / SETTINGS
        if not file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps(settings, ensure_ascii=False, indent=2) + "\n")
            return
        earlier = self.settings()
        changed = [name for name in settings if settings[name] != earlier.get(name)]
        if changed:
            name = changed[0]
            raise DataError(
                f"{self.path} holds a run with {name} {earlier.get(name)!r}, not {settings[name]!r}: "
                "choose another --output_dir, or remove that one"
            )

    def settings(self) -> dict:
        """Return the run's settings. Raises DataError if there is no run."""
        return _read_json(self.path / SETTINGS)

    def summary(self) -> dict:
        """Return the run's summary. Raises DataError if the run has not finished."""
        return _read_json(self.path / SUMMARY)

    def add(self, result: Result) -> None:
        """Append the result of one utterance."""
        append_records(self.path / UTTERANCES, [asdict(result)])

    def results(self) -> Iterator[Result]:
        """Yield all results in the order in which they were added. Raises DataError if the file is damaged."""
        try:
            for record in _records(self.path / UTTERANCES):
                yield Result.from_dict(record)
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{self.path / UTTERANCES} was written by another version: remove it and run again"
            ) from error

    def add_score(self, judge: str, name: str, score: int) -> None:
        """Append a judge's score of one utterance."""
        append_records(self.path / SCORES, [{"judge": judge, "name": name, "score": score}])

    def scores(self, judge: str) -> dict[str, int]:
        """Return this judge's scores by utterance."""
        return {row["name"]: row["score"] for row in _records(self.path / SCORES) if row["judge"] == judge}

    def write_quality(self, figure: dict) -> None:
        """Write the mean of a judge's scores."""
        write_atomically(self.path / QUALITY, json.dumps(figure, ensure_ascii=False, indent=2) + "\n")

    def quality(self) -> list[dict]:
        """Return the mean of a judge's scores as a list of one figure; empty if there is no judge."""
        return [_read_json(self.path / QUALITY)] if (self.path / QUALITY).exists() else []


def _records(file: Path) -> Iterator[dict]:
    try:
        yield from read_records(file)
    except ValueError as error:
        raise DataError(f"{error}: remove it and run again") from error


def _read_json(file: Path) -> dict:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise DataError(f"{file} is missing or damaged: let `python -m evaluation.run` finish first") from error


def hash_weights(folder: Path) -> str:
    """Return the SHA-256 of a checkpoint's safetensors files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as weights:
            while block := weights.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
