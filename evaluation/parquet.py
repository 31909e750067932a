"""Reads parquet files, from a folder or from the hub."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation.corpora import language_of
from evaluation.data import DataError, Segment, Source, Utterance
from evaluation.fleurs import FLEURS, fetch_fleurs, read_fleurs
from kikitori.tasks import Task

HUB = "hf://datasets/"
PARQUET_REVISION = "refs/convert/parquet"
"""Branch with the hub's parquet export of a data set."""
TEXT_COLUMNS = ("raw_transcription", "sentence", "text", "transcription")
"""Names that hub data sets use for the column with the text; the first one present is taken."""
ROWS_PER_BATCH = 16

_LOG = logging.getLogger(__name__)


def read_hub(source: Source, task: Task) -> Iterator[Utterance]:
    """Yield the recordings of a data set on the hub. Raises DataError if it can't be fetched."""
    from huggingface_hub import HfFileSystem
    from huggingface_hub.errors import HfHubHTTPError
    from requests import RequestException

    repository = source.location.removeprefix(HUB)
    try:
        if repository == FLEURS:
            yield from read_fleurs(fetch_fleurs(source.split, task), source.split, task)
        else:
            yield from _read_parquet(HfFileSystem(), f"datasets/{repository}@{PARQUET_REVISION}", source, task)
    except (HfHubHTTPError, RequestException, OSError) as error:
        raise DataError(
            f"{source.location} can't be fetched from the hub ({type(error).__name__}): log in with `hf auth login` if "
            "it needs a login, or fetch it on another machine and give its folder with --data"
        ) from error


def read_local_parquet(root: Path, source: Source, task: Task) -> Iterator[Utterance]:
    """Yield the recordings of a folder with CONFIG/SPLIT/*.parquet."""
    from fsspec.implementations.local import LocalFileSystem

    return _read_parquet(LocalFileSystem(), str(root), source, task)


def _read_parquet(files: Any, root: str, source: Source, task: Task) -> Iterator[Utterance]:
    """files: the fsspec file system on which `root` holds CONFIG/SPLIT/*.parquet."""
    config = source.config or "default"
    texts = None
    if source.reference_config:
        rows = _parquet_rows(
            files, f"{root}/{source.reference_config}/{source.split}", ("id", _text_column(source, False))
        )
        texts = {row["id"]: _text(row) for row in rows}
    columns = ("audio", "id") if texts is not None else ("audio", _text_column(source, task.translates))
    for number, row in enumerate(_parquet_rows(files, f"{root}/{config}/{source.split}", columns)):
        text = _text(row) if texts is None else texts.get(row["id"])
        if text is None:
            _LOG.warning("recording %d has no sentence in %s and is left out", number, source.reference_config)
            continue
        if row["audio"]["bytes"] is None:
            raise DataError(f"{root} names recordings but does not contain them: export it with its audio embedded")
        name = f"{number:06}-{Path(row['audio'].get('path') or 'audio').name}"
        yield Utterance(name, row["audio"]["bytes"], (Segment(None, text),), language_of(config))


def _text_column(source: Source, translates: bool) -> str:
    return source.text_column or ("translation" if translates else "")


def _text(row: dict[str, Any]) -> str | None:
    return next((value for column, value in row.items() if column not in ("audio", "id")), None)


def _parquet_rows(files: Any, folder: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield rows with these columns; an empty name stands for the first of TEXT_COLUMNS that is present."""
    import pyarrow.parquet

    paths = sorted(files.glob(f"{folder}/*.parquet"))
    if not paths:
        raise DataError(f"{folder} holds no parquet files: check --config and --split")
    for path in paths:
        with files.open(path, "rb") as file:
            table = pyarrow.parquet.ParquetFile(file)
            present = table.schema_arrow.names
            chosen = [name or next((text for text in TEXT_COLUMNS if text in present), "text") for name in columns]
            if missing := [name for name in chosen if name not in present]:
                raise DataError(f"{folder} has no column {missing[0]!r}, only {', '.join(present)}: give --text_column")
            for batch in table.iter_batches(ROWS_PER_BATCH, columns=chosen):
                yield from batch.to_pylist()
