"""Reads the text files of test sets: tables separated by tabs, and lines that begin with a recording's name."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from evaluation.data import DataError


def tsv_rows(path: Path, columns: tuple[str, ...] | None = None) -> Iterator[dict[str, str]]:
    """Yield the rows of a tsv file without quoting. columns: of a file without a header. Raises DataError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file, columns, delimiter="\t", quoting=csv.QUOTE_NONE)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: check --data and --split") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} can't be read ({error}): fetch the data again") from error


def named_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, words) of each line: the name, white space, the words. Raises DataError if a line has no words."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read ({error}): fetch the data again") from error
    for number, line in enumerate(lines, start=1):
        name, *words = line.split(maxsplit=1) if line.strip() else [""]
        if name and not words:
            raise DataError(f"{path}, line {number}, has no words after {name!r}: correct or remove it")
        if name:
            yield name, words[0].strip()
