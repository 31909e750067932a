"""Caches synthesised speech on disk in shards. A shard is written completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np


def load_or_make(
    folder: Path,
    shards: Mapping[str, int],
    make: Callable[[str, int, Path], None],
    load: Callable[[Path], list],
    processes: int = 2,
) -> dict[str, list]:
    """Return the spoken sentences of every kind. Missing shards are made first, in parallel processes.

    shards: kind -> number of shards. make(kind, shard, path) writes a shard; load(path) reads it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {(kind, shard): folder / f"{kind}-{shard}.npz" for kind, count in shards.items() for shard in range(count)}
    missing = [key for key, path in paths.items() if not path.exists()]
    with ProcessPoolExecutor(processes) as executor:
        jobs = [executor.submit(make, *key, paths[key]) for key in missing]
        for job, (kind, shard) in zip(jobs, missing, strict=True):
            job.result()
            print(f"spoken: {kind} {shard + 1} of {shards[kind]}", flush=True)
    return {
        kind: [sentence for shard in range(count) for sentence in load(paths[kind, shard])]
        for kind, count in shards.items()
    }


def write_shard(path: Path, entries: Sequence[dict], waveforms: Sequence[np.ndarray], **more: np.ndarray) -> None:
    """Write one shard.

    entries: one JSON object per sentence. waveforms: float32 in [-1, 1], one per sentence. more: other arrays by name.
    """
    temporary = path.with_suffix(".part.npz")
    np.savez(
        temporary,
        samples=np.concatenate([(waveform * 32767).astype(np.int16) for waveform in waveforms]),
        lengths=np.array([len(waveform) for waveform in waveforms]),
        entries=json.dumps(list(entries)),
        **more,
    )
    temporary.replace(path)


def read_shard(path: Path) -> tuple[list[dict], list[np.ndarray], dict[str, np.ndarray]]:
    """Read a shard: entries, waveforms as int16 (unscaled, to save memory), and the other arrays."""
    with np.load(path) as data:
        arrays = dict(data)
    waveforms = np.split(arrays.pop("samples"), np.cumsum(arrays.pop("lengths"))[:-1])
    return json.loads(str(arrays.pop("entries"))), waveforms, arrays
