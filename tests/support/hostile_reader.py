"""A program that reads hostile files.

It takes paths as a JSON list on standard input, reads each file as a recording, and prints one line of JSON per file:
SOUND or the error, and the peak memory of the process so far, in KiB.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator

import numpy as np

from tests.support.hostile_files import MAX_SECONDS, SOUND


def read(path: str) -> str:
    """Return SOUND or the error, after reading the file with its channels, as a call, and mixed."""
    from kikitori.audio.channels import split_or_mix
    from kikitori.audio.files import check_stream, stream_audio
    from kikitori.errors import AudioError
    from kikitori.strings import display_name

    def checked(mono: bool) -> Iterator[np.ndarray]:
        return check_stream(stream_audio(path, MAX_SECONDS, mono), display_name(path), MAX_SECONDS)

    try:
        for blocks in (split_or_mix(checked(mono=False), None, [])[1], checked(mono=True)):
            for _ in blocks:
                pass
    except AudioError as error:
        return str(error)
    return SOUND


def main() -> None:
    """Read the files of the list on standard input."""
    for path in json.load(sys.stdin):
        result = read(path)
        print(json.dumps([result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]), flush=True)


if __name__ == "__main__":
    main()
