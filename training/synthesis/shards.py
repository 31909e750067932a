"""Utterances that are spoken once and kept on disk, in files that are whole or not there."""

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
    """Every kind's utterances; shards that are missing are made first.

    shards: how many each kind has. make(kind, shard, path) writes one, in a process of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {(kind, shard): folder / f"{kind}-{shard}.npz" for kind, count in shards.items() for shard in range(count)}
    missing = [key for key, path in paths.items() if not path.exists()]
    with ProcessPoolExecutor(processes) as executor:
        jobs = [executor.submit(make, *key, paths[key]) for key in missing]
        for job, (kind, shard) in zip(jobs, missing, strict=True):
            job.result()
            print(f"spoken: {kind} {shard + 1} of {shards[kind]}", flush=True)
    return {kind: [one for shard in range(count) for one in load(paths[kind, shard])] for kind, count in shards.items()}


def write_shard(path: Path, entries: Sequence[dict], waveforms: Sequence[np.ndarray], **more: np.ndarray) -> None:
    """Write one shard: what JSON can hold of each utterance, its samples, float32 in [-1, 1], and other arrays."""
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
    """What `write_shard` wrote; the waveforms are int16, to be scaled to [-1, 1] when they are used."""
    with np.load(path) as data:
        arrays = dict(data)
    waveforms = np.split(arrays.pop("samples"), np.cumsum(arrays.pop("lengths"))[:-1])
    return json.loads(str(arrays.pop("entries"))), waveforms, arrays
