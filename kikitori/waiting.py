"""How torch's threads wait for each other. Set before torch is loaded, which reads it once."""

from __future__ import annotations

from collections.abc import MutableMapping

SPINS = "1000"
"""Rounds for which a waiting thread keeps its core, then it sleeps. libgomp's own number is 300,000, some milliseconds:
where other processes need the cores, that is time that the thread it waits for does not get. `python -m
benchmarks.waiting` measures both."""


def spin_briefly(environ: MutableMapping[str, str]) -> None:
    """Choose SPINS in the environment of a process, unless its user has chosen how threads wait."""
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & environ.keys():
        environ["GOMP_SPINCOUNT"] = SPINS
