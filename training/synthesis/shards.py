"""Caches synthesised speech on disk in shards. A shard is written completely or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from training.synthesis.voices import SAMPLE_RATE


def load_or_make(
    folder: Path,
    shards: Mapping[str, int],
    make: Callable[[str, int, Path], None],
    load: Callable[[Path], list],
) -> dict[str, list]:
    """Return the spoken sentences of every kind. Missing shards are made first, in parallel processes.

    shards: kind -> number of shards. make(kind, shard, path) writes a shard; load(path) reads it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {(kind, shard): folder / f"{kind}-{shard}.npz" for kind, count in shards.items() for shard in range(count)}
    missing = [key for key, path in paths.items() if not path.exists()]
    with ProcessPoolExecutor(os.cpu_count()) as executor:
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
        flac=_to_flac(np.concatenate([(waveform * 32767).astype(np.int16) for waveform in waveforms])),
        lengths=np.array([len(waveform) for waveform in waveforms]),
        entries=json.dumps(list(entries)),
        **more,
    )
    temporary.replace(path)


def read_shard(path: Path) -> tuple[list[dict], list[np.ndarray], dict[str, np.ndarray]]:
    """Read a shard: entries, waveforms as int16 (unscaled, to save memory), and the other arrays."""
    with np.load(path) as data:
        arrays = dict(data)
    waveforms = np.split(_from_flac(arrays.pop("flac")), np.cumsum(arrays.pop("lengths"))[:-1])
    return json.loads(str(arrays.pop("entries"))), waveforms, arrays


def _to_flac(samples: np.ndarray) -> np.ndarray:
    """Return int16 samples as the bytes of a FLAC file, which has half the size: (bytes,) uint8."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return np.frombuffer(file.getvalue(), np.uint8)


def _from_flac(flac: np.ndarray) -> np.ndarray:
    """Return the samples of `_to_flac`."""
    return soundfile.read(io.BytesIO(flac.tobytes()), dtype="int16")[0]
