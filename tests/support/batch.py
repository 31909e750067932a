"""What a batch has written, and what the shell writes for the same recordings."""

from __future__ import annotations

from pathlib import Path

from kikitori.cli.run import main
from kikitori.output.jsonl import read_records

BAD = {"empty.mp3": "file_empty", "noise.wav": "undecodable", "deep/cut.flac": "undecodable"}
"""The files of the fixture `folder` that hold no sound, and their errors."""


def report(out: Path, name: str = "report.jsonl") -> dict[str, dict]:
    """The rows of a report by path; each path is there once."""
    rows = list(read_records(out / name))
    by_path = {row["path"]: row for row in rows}
    assert len(by_path) == len(rows)
    return by_path


def written(out: Path) -> dict[str, str]:
    """The content of all files but reports, by their place."""
    paths = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith("report")]
    return {path.relative_to(out).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def singly(folder: Path, places: list[str], out: Path, direction: str = "pt") -> dict[str, str]:
    """What the shell writes for each recording as a command of its own, under the names of a batch."""
    contents = {}
    for number, place in enumerate(places):
        path = folder / place
        command = [path, "--direction", direction, "--checkpoint", "tiny", "-o", out / str(number), "-f", "json"]
        assert main(list(map(str, command))) == 0
        contents[f"{place}.json"] = (out / str(number) / f"{path.stem}.json").read_text(encoding="utf-8")
    return contents
