"""A folder of results: a line an utterance, written as it is done, so that a run can go on where it was ended."""

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
"""A judge's, where one was asked."""


@dataclass(frozen=True)
class Result:
    """What became of one utterance.

    seconds: spent on it; tokens: the model wrote; both 0 where it was refused. errors: of each rate, see `Errors`.
    warnings: the kinds of the transcript's. refused: why there is no transcript; it then counts as one without words.
    """

    name: str
    reference: tuple[Segment, ...]
    hypothesis: tuple[Segment, ...]
    errors: dict[str, dict[str, int]]
    duration_seconds: float
    seconds: float
    tokens: int
    raw_text: str
    warnings: tuple[str, ...]
    refused: str | None = None

    @property
    def pair(self) -> Pair:
        """What scores are computed from."""
        return Pair(self.reference, self.hypothesis)

    @classmethod
    def from_dict(cls, record: dict) -> Result:
        """The inverse of `dataclasses.asdict`. Raises KeyError or TypeError for another record."""
        sides = {side: tuple(Segment(**one) for one in record[side]) for side in ("reference", "hypothesis")}
        return cls(**record | sides | {"warnings": tuple(record["warnings"])})


class Folder:
    """Where one run's results are kept: the settings that it had, a line an utterance, and at the end the summary."""

    def __init__(self, path: Path):
        self.path = path

    def open(self, settings: dict) -> None:
        """Begin, or go on with, a run of these settings. Raises DataError where the folder holds another run's."""
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
        """What the run was asked for. Raises DataError where there was none."""
        return _read_json(self.path / SETTINGS)

    def summary(self) -> dict:
        """What the run found. Raises DataError where it has not ended yet."""
        return _read_json(self.path / SUMMARY)

    def add(self, result: Result) -> None:
        """Append one utterance."""
        append_records(self.path / UTTERANCES, [asdict(result)])

    def results(self) -> Iterator[Result]:
        """All that were added, in that order. Raises DataError for a damaged file."""
        try:
            for record in _records(self.path / UTTERANCES):
                yield Result.from_dict(record)
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.path / UTTERANCES} is of another version: remove it and run again") from error

    def add_score(self, judge: str, name: str, score: int) -> None:
        """Append what a judge says of one utterance."""
        append_records(self.path / SCORES, [{"judge": judge, "name": name, "score": score}])

    def scores(self, judge: str) -> dict[str, int]:
        """Each utterance's score by this judge."""
        return {row["name"]: row["score"] for row in _records(self.path / SCORES) if row["judge"] == judge}

    def write_quality(self, figure: dict) -> None:
        """Keep the figure made of a judge's scores."""
        write_atomically(self.path / QUALITY, json.dumps(figure, ensure_ascii=False, indent=2) + "\n")

    def quality(self) -> list[dict]:
        """That figure, or nothing."""
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
        raise DataError(f"{file} is not there or damaged: let `python -m evaluation.run` finish first") from error


def hash_weights(folder: Path) -> str:
    """SHA-256 of a checkpoint's safetensors files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as weights:
            while block := weights.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
