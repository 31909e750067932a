"""Feed the readers of foreign bytes with what reaches new lines of them: fuzzing with coverage feedback, by Atheris.

    python -m tests.support.fuzz --runs 100000

Each target reads bytes that a stranger may send. It may refuse them with its documented errors; anything else ends
the run with a traceback, and the bytes are kept in a file.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kikitori"]):
    from kikitori.audio.containers import has_another_link, share_before_damage
    from kikitori.engines.journal import Journal
    from kikitori.errors import SpeechError
    from kikitori.output.writers import WRITERS
    from kikitori.page.files import FORMATS, write_file
    from kikitori.page.jobs import compare_shown, read_view
    from kikitori.page.view import to_view
    from kikitori.server.json_size import JsonSize
    from kikitori.transcript import Transcript, TranscriptWarning, Turn, Word

SECONDS_PER_INPUT = 10
JOB = {"direction": "pt"}
WORDS = (Word("Bom", 0.1, 0.5), Word(" dia.", 0.5, 1.0))
TURNS = (
    Turn("spk_0", "Bom dia.", 0.1, 1.0, "aligned", WORDS, ((0, 3),), "おはよう。"),
    Turn(None, "はい。", 1.0, 2.0, "window"),
)
TRANSCRIPT = Transcript(
    "call.wav", TURNS, "diarize", "Japanese", "tiny", 2.5, "<|spk_0|>", (TranscriptWarning("loop", "it repeats"),)
)
RECORD = TRANSCRIPT.to_dict()
VIEW = {"sheets": [to_view(TRANSCRIPT, "call.wav")], "current": 0}
RESULT = {"text": "Bom dia.", "ended_by": "end", "ids": [1], "log_probabilities": [-0.1], "low_confidence": [[0, 3]]}
JOURNAL = b"".join(json.dumps(one).encode() + b"\n" for one in (JOB, {"window": "00"} | RESULT, {"written": {}}))
ODD_VALUES = (None, True, "", " ", "\ud800", [], {}, [[]], -1, 0, 1e308, 10**400, float("nan"), float("inf"), "\0")


def journal(data: bytes) -> None:
    """A journal is of this job, or it is replaced."""
    path = Path(tempfile.gettempdir()) / f"fuzz.{os.getpid()}.journal"
    path.write_bytes(data)
    found = Journal(path, JOB, resume=True)
    found.add(found.results)
    assert Journal(path, JOB, resume=True).results == found.results


def transcript(data: bytes) -> None:
    """A transcript that was read can be written in every format, and read again."""
    with suppress(KeyError, TypeError, ValueError):
        read = Transcript.from_dict(json.loads(data))
        assert Transcript.from_dict(json.loads(read.to_json())) == read or "NaN" in read.to_json()
        for write in WRITERS.values():
            with suppress(SpeechError):
                write(read)


def view(data: bytes) -> None:
    """What the page shows, as a client sends it back."""
    with suppress(SpeechError, ValueError, RecursionError):
        value = json.loads(data)
        compare_shown(value, "Bom dia.")
        shown = read_view(value).transcript
        to_view(shown, "call.wav")


def corrected(data: bytes) -> None:
    """A transcript that a client sends to be written."""
    with suppress(ValueError, RecursionError):
        record = json.loads(data)
        sheet = {"name": "call", "transcript": record, "times": [[0.1, 1.0], [1.0, 2.0]]}
        for suffix in (*FORMATS, "zip"):
            with suppress(SpeechError):
                write_file(suffix, "both", [sheet])


def json_size(data: bytes) -> None:
    """JSON that arrives in pieces has the elements and the depth that its values have."""
    size = JsonSize()
    for start in range(0, len(data), 7):
        size.add(data[start : start + 7])
    with suppress(ValueError, RecursionError):
        value = json.loads(data.decode(), object_pairs_hook=lambda pairs: [one for _, one in pairs])
        assert size.is_utf8 == (b"\0" not in data)
        assert (size.elements, size.depth) == _size(value)


def _size(value: list | str | float | bool | None) -> tuple[int, int]:
    """How many lists and commas are in nested lists, and how deep they are nested."""
    if not isinstance(value, list):
        return 0, 0
    sizes = [_size(one) for one in value]
    commas = max(0, len(value) - 1)
    return 1 + commas + sum(count for count, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)


class Shrunk(io.BytesIO):
    """A file that lost its end after its size was taken."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Return twice the size for the end."""
        return super().seek(offset, whence) * (2 if whence == io.SEEK_END else 1)


def containers(data: bytes) -> None:
    """Any bytes are cut off, damaged or whole."""
    for file in (io.BytesIO(data), Shrunk(data)):
        share = share_before_damage(file)
        assert share is None or 0 <= share <= 1
        has_another_link(file, 0)


def recordings() -> list[bytes]:
    """The beginning of a recording in each container."""
    from benchmarks.damage import FORMATS

    return [encode()[:4000] for encode in FORMATS.values()]


TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "containers": (containers, recordings()),
    "journal": (journal, [JOURNAL]),
    "transcript": (transcript, [json.dumps(RECORD).encode()]),
    "view": (view, [json.dumps(VIEW).encode()]),
    "json_size": (json_size, [json.dumps(RECORD).encode()]),
    "corrected": (corrected, [json.dumps(RECORD).encode()]),
}
"""Name -> what reads the bytes, and good bytes to begin with."""


def change_json(data: bytes, max_size: int, seed: int) -> bytes:
    """Put an odd value into a line of JSON at a random place, or change any bytes."""
    draw = random.Random(seed)
    lines = data.splitlines(keepends=True) or [b""]
    number = draw.randrange(len(lines))
    try:
        value = json.loads(lines[number])
    except (ValueError, RecursionError):
        return atheris.Mutate(data, max_size)
    places = list(_places(value))
    if not places or not draw.randrange(4):
        return atheris.Mutate(data, max_size)
    holder, key = draw.choice(places)
    if draw.randrange(4):
        other, place = draw.choice(places)
        holder[key] = draw.choice([*ODD_VALUES, other[place]])
    else:
        del holder[key]
    with suppress(ValueError):  # a value that contains itself
        lines[number] = json.dumps(value).encode() + b"\n"
    return b"".join(lines)[:max_size]


def _places(value) -> Iterator[tuple[dict | list, str | int]]:
    """Every place in nested lists and dicts."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def run(name: str, runs: int) -> bool:
    """Fuzz one target in a process of its own. Returns whether it ended well."""
    read, seeds = TARGETS[name]
    child = os.fork()
    if not child:
        folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        for number, seed in enumerate(seeds):
            (folder / str(number)).write_bytes(seed)
        options = [f"-runs={runs}", "-seed=1", f"-timeout={SECONDS_PER_INPUT}", f"-artifact_prefix={folder}-"]
        is_json = seeds[0][:1] == b"{"
        atheris.Setup(
            [name, *options, "-max_len=10000", str(folder)],
            read,
            **({"custom_mutator": change_json} if is_json else {}),
        )
        atheris.Fuzz()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main() -> None:
    """Fuzz the named targets, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help="all without any")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs per target (%(default)s)")
    options = parser.parse_args()
    failed = [name for name in options.target or TARGETS if not run(name, options.runs)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
